"""An exponential moving average of a module's parameters and buffers."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

DIRECTIONS = frozenset(("left", "right"))
"""Names of the buffers in which spectral norm keeps its singular vectors."""

_foreach: Any = torch  # the fused list functions are public in all but their underscore


class ExponentialMovingAverage:
    """A frozen copy of a module that trails it: average = d * average + (1 - d) * value.

    d grows from 0.1 to `decay` as (1 + updates) / (10 + updates), so that a short run's average is
    of what was learned and not of the initial weights. Integer buffers are copied as they are, and
    so are the vectors of spectral norm: an average of directions would have another length.

    Args:
        module: what to follow; the average starts as its copy.
        decay: per update in the long run, in [0, 1).
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.module = copy.deepcopy(module).requires_grad_(False)
        ours, theirs = _state(self.module), _state(module)
        floating = [
            name
            for name, value in theirs.items()
            if value.is_floating_point() and name.rpartition(".")[2] not in DIRECTIONS
        ]
        self._averages = [ours[name] for name in floating]
        self._values = [theirs[name] for name in floating]
        self._copies = [(ours[n], theirs[n]) for n in theirs if n not in set(floating)]

    @torch.no_grad()
    def update(self, num_updates: int) -> None:
        """Moves the average one step towards the module's present values.

        Args:
            num_updates: how many there were before this one.
        """
        decay = min(self.decay, (1 + num_updates) / (10 + num_updates))
        _foreach._foreach_lerp_(self._averages, self._values, 1 - decay)
        for average, value in self._copies:
            average.copy_(value)


def _state(module: nn.Module) -> dict[str, Tensor]:
    """The module's own tensors by name, not copies of them."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}
