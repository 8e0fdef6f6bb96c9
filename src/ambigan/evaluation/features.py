"""Frozen features: any function from a batch to `(N, D)`. The protocols take nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.distributed import gather_rows, own_rows
from ..core.ema import Weights
from ..core.errors import ConfigError, NonFiniteError
from ..data.values import chunk_size, to_float
from ..game import Method
from .float32_matmul import full_precision
from .result import Kind

PrepareInput = Callable[[Tensor, int], Tensor]
"""Makes a batch as networks take it of stored examples and the place of the first."""


@dataclass(frozen=True)
class FeatureFunction:
    """A frozen description of data.

    Attributes:
        name: The name in tables, such as `encoder.hidden2` or `pixels`.
        kind: Whether it was learned by the method that is measured, or is what that is compared
            with.
        function: A function from a float batch `(N, *shape)`, images in [-1, 1], to `(N, D)`
            float32.
        weights: The kind of weights that it uses; None for a baseline.
        common_scale: The number that divides all columns where a protocol standardises; None to
            divide each by its own deviation.
    """

    name: str
    kind: Kind
    function: Callable[[Tensor], Tensor]
    weights: Weights | None = None
    common_scale: float | None = None


def layer_features(
    method: Method, layer: str | None = None, weights: Weights | None = None
) -> FeatureFunction:
    """The output of one layer of a method, its feature layer if None, under the layer's name."""
    layer = layer or method.default_layer
    return FeatureFunction(layer, "model", lambda x: method.features(x, layer), weights)


@torch.no_grad()
@full_precision()
def extract(
    function: FeatureFunction,
    values: Tensor,
    device: torch.device | str = "cpu",
    *,
    prepare: PrepareInput = lambda part, _start: to_float(part),
) -> Tensor:
    """Features of a whole split, `(N, D)` float32 on the CPU.

    Where several processes share a measurement, each computes those of its share; the main one
    returns all of them, and others none.

    Args:
        function: The features to compute; a method's networks are on `device`.
        values: Values of a split, uint8 images or float vectors.
        device: The device on which they are computed.
        prepare: A function from stored examples and the place of the first to a batch as networks
            take it.

    Raises:
        NonFiniteError: A feature is not a number, or infinite.
        ConfigError: There are no examples, or the function does not return `(N, D)`.
    """
    if len(values) == 0:
        raise ConfigError(f"there are no examples to compute the features '{function.name}' of.")
    chunk = chunk_size(values[0].numel(), device)
    rows, own = own_rows(len(values), chunk), torch.empty(0, 0)
    for start in rows[::chunk]:
        end = min(start + chunk, rows.stop)
        part = _checked(function, prepare(values[start:end].to(device), start))
        if start == rows.start:
            own = part.new_empty(len(rows), part.shape[1])
        own[start - rows.start : end - rows.start] = part
    return gather_rows(own, len(values), chunk)


def _checked(function: FeatureFunction, x: Tensor) -> Tensor:
    """One chunk's features, on the CPU."""
    features = function.function(x)
    if features.ndim != 2 or len(features) != len(x):
        raise ConfigError(
            f"features '{function.name}' have shape {tuple(features.shape)} for {len(x)} examples;"
            f" a feature function returns ({len(x)}, D)."
        )
    features = features.detach().float().cpu()
    if not features.isfinite().all():
        raise NonFiniteError(
            f"features '{function.name}' hold values that are no finite numbers; the networks have"
            " broken down, take an earlier checkpoint or another layer."
        )
    return features
