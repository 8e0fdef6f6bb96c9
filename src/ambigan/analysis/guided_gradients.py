"""What the units of a layer respond to, by guided backpropagation.

Source: Springenberg et al. (2015), "Striving for Simplicity", section 3.4; DCGAN, Figure 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..core.errors import ConfigError
from ..core.feature_layers import hidden_layers, is_convolutional
from ..data import to_float
from ..game import Method
from ..run import Run
from ..training import make_method
from .filters import default_network, find_network

_RECTIFIERS: frozenset[Callable[..., Any]] = frozenset({F.relu, F.leaky_relu, F.elu})
"""All that the library's networks have; torch's modules of these names call them."""


@dataclass(frozen=True)
class Responses:
    """The images that the units of a layer respond to most, and what in them it is.

    Attributes:
        images: `(U, K, C, H, W)` float32 in [-1, 1]: K images of each of U units, the strongest
            response first.
        gradients: guided gradients of the units' responses with respect to the images, of the same
            shape.
    """

    images: NDArray[np.float32]
    gradients: NDArray[np.float32]


@dataclass(frozen=True)
class GuidedGradients:
    """The responses of a layer's first units, as trained and before.

    Attributes:
        layer: the name of the layer.
        learned: the responses of the trained network.
        initial: those of the network before the first step, each unit with the images that it
            responds to most itself.
    """

    layer: str
    learned: Responses
    initial: Responses


def read_guided_gradients(
    run: Run,
    images: Tensor,
    network: str | None = None,
    layer: str | None = None,
    *,
    num_units: int = 6,
    num_images: int = 4,
) -> GuidedGradients:
    """What the first units of a layer respond to among some images.

    A unit's response is its largest value over all places, and the guided gradient is that of this
    value, where every rectifier on the way back passes on positive gradients alone.

    Args:
        run: a run on images.
        images: `(N, C, H, W)` as the run's data are stored, such as those of the test split.
        network: the network; that of the feature layer if None.
        layer: the layer, such as `discriminator.conv4`; the last hidden one of the network if None.
        num_units: how many units; all if there are fewer.
        num_images: how many images of each; all if there are fewer.

    Raises:
        ConfigError: the data are not images, or the layer is unknown or sees no data.
    """
    if run.spec.kind != "images":
        raise ConfigError("guided gradients are of networks that see images; these data are rows.")
    layer = layer or _last_hidden(run.method, network or default_network(run.method))
    initial = make_method(run.config, run.spec, type(run.method))
    learned, before = (
        _responses(method, layer, to_float(images), num_units, num_images)
        for method in (run.method, initial)
    )
    return GuidedGradients(layer, learned, before)


def _last_hidden(method: Method, name: str) -> str:
    hidden = hidden_layers(find_network(method, name))
    if not hidden:
        raise ConfigError(f"the {name} has no hidden layers; name one by --layer.")
    return f"{name}.{hidden[-1]}"


def _responses(method: Method, layer: str, x: Tensor, num_units: int, num: int) -> Responses:
    device = next(method.parameters()).device
    network = method.get_submodule(layer.partition(".")[0])
    pooled = f"{layer}@1" if is_convolutional(network) and "@" not in layer else layer
    with torch.no_grad():
        parts = [method.read_features(part.to(device), pooled).cpu() for part in torch.split(x, 64)]
    values = torch.cat(parts)[:, :num_units]
    best = values.topk(min(num, len(x)), dim=0).indices.T  # (U, K)
    gradients: list[NDArray[np.float32]] = []
    for unit, places in enumerate(best):
        some = x[places].to(device).requires_grad_()
        with torch.enable_grad(), _Guided():
            response = method.read_features(some, pooled)[:, unit].sum()
        (gradient,) = torch.autograd.grad(response, some)
        gradients.append(gradient.float().cpu().numpy())
    return Responses(x[best].float().numpy(), np.stack(gradients))


class _Positive(torch.autograd.Function):
    """The identity, which lets positive gradients back alone."""

    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return h.view_as(h)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradient.clamp_min(0)


class _Guided(TorchFunctionMode):
    """Every rectifier that is computed in the block passes back positive gradients alone."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        return cast(Any, _Positive).apply(out) if func in _RECTIFIERS else out
