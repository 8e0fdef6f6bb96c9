"""The best state of a training, by examples that it does not see; labels play no part."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..core.feature_layers import eval_mode
from ..data.batches.sampler import Batches
from ..game import Method

_CHUNK = 256

_linalg: Any = torch.linalg  # its functions carry no types
arange: Any = torch.arange


class BestState:
    """Copies of the weights that had the lowest validation error so far.

    Attributes:
        error: the lowest error; infinite before there is one.
        images_seen: images seen by then.
        num_since: number of errors since then, none of which was lower.
    """

    def __init__(self) -> None:
        self.error, self.images_seen, self.num_since = math.inf, 0, 0
        self._weights: dict[str, dict[str, Tensor]] = {}

    def offer(self, error: float, images_seen: int, networks: dict[str, nn.Module]) -> None:
        """Takes a copy of the networks, by name, if their error is lower than any before."""
        self.num_since += 1
        if error < self.error:  # never where it is not a number
            self.error, self.images_seen, self.num_since = error, images_seen, 0
            self._weights = {
                name: {key: value.clone() for key, value in network.state_dict().items()}
                for name, network in networks.items()
            }

    def put_back(self, networks: dict[str, nn.Module]) -> None:
        """Copies the best weights into the networks; without any, these stay as they are."""
        for name, weights in self._weights.items():
            networks[name].load_state_dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers; nothing before the first error."""
        if not self._weights:
            return {}
        about = {"error": self.error, "images_seen": self.images_seen, "num_since": self.num_since}
        return about | {"weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave."""
        if state:
            self.error, self.images_seen = state["error"], state["images_seen"]
            self.num_since = state["num_since"]
            self._weights = state["weights"]


@torch.no_grad()
def validation_error(method: Method, examples: Batches) -> Tensor:
    """The mean Euclidean distance of examples to their reconstructions, a float64 scalar.

    Args:
        method: networks that can reconstruct, which are left unchanged.
        examples: examples that are not trained on.
    """
    total = torch.zeros((), dtype=torch.float64, device=examples.device)
    with eval_mode(method):
        for start in range(0, len(examples), _CHUNK):
            end = min(start + _CHUNK, len(examples))
            x = examples.gather(arange(start, end, device=examples.values.device))
            away = method.reconstruct(x).float() - method.resize_to_sample(x)
            total += _linalg.vector_norm(away.flatten(1), dim=1).double().sum()
    return total / len(examples)
