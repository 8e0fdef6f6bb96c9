"""Frozen features: any function from a batch to `(N, D)`. The protocols take nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ConfigError, NonFiniteError
from ..data.values import chunk_size, to_float
from ..game import Method
from .float32_matmul import full_precision
from .result import Kind

ExtractionProgress = Callable[[int, int], None]
"""Told how many of how many examples are done."""
PrepareInput = Callable[[Tensor, int], Tensor]
"""Makes a batch as networks take it of stored examples and the place of the first."""


@dataclass(frozen=True)
class FeatureFunction:
    """A frozen description of data.

    Attributes:
        name: as it stands in tables, such as `encoder.hidden2` or `pixels`.
        kind: what was learned by the method that is measured, or what it is compared with.
        function: a float batch `(N, *shape)`, images in [-1, 1], to `(N, D)` float32.
    """

    name: str
    kind: Kind
    function: Callable[[Tensor], Tensor]


def layer_features(
    method: Method, layer: str | None = None, name: str | None = None, kind: Kind = "model"
) -> FeatureFunction:
    """The output of one layer of a method.

    Args:
        method: on the device that `extract` is given.
        layer: one of `method.layers`; the method's feature layer if None.
        name: in tables; the layer's if None.
        kind: a method that was not trained on the data is a baseline.
    """
    layer = layer or method.default_layer
    return FeatureFunction(name or layer, kind, lambda x: method.features(x, layer))


@torch.no_grad()
@full_precision()
def extract(
    function: FeatureFunction,
    values: Tensor,
    device: torch.device | str = "cpu",
    *,
    chunk: int | None = None,
    progress: ExtractionProgress | None = None,
    prepare: PrepareInput = lambda part, _start: to_float(part),
) -> Tensor:
    """Features of a whole split, `(N, D)` float32 on the CPU.

    Args:
        function: what to compute.
        values: a split's values, uint8 images or float vectors.
        device: where it is computed.
        chunk: how many examples at a time; what is fast on the device if None.
        progress: told after every chunk.
        prepare: stored examples and the place of the first, to a batch as networks take it.

    Raises:
        NonFiniteError: a feature is not a number, or infinite.
        ConfigError: there are no examples, or the function does not return `(N, D)`.
    """
    if len(values) == 0:
        raise ConfigError(f"there are no examples to compute the features '{function.name}' of.")
    chunk = chunk or chunk_size(values[0].numel(), device)
    whole: Tensor | None = None
    for start in range(0, len(values), chunk):
        part = _checked(function, prepare(values[start : start + chunk].to(device), start))
        if whole is None:
            whole = part.new_empty(len(values), part.shape[1])
        whole[start : start + len(part)] = part
        if progress is not None:
            progress(start + len(part), len(values))
    assert whole is not None
    return whole


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
