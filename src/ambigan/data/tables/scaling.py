"""The affine map that brings the columns of vectors to one scale, fitted on the training split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import Scaling
from ..settings import ScalingName

Floats = NDArray[np.floating]


def fit_scaling(train: Floats, kind: ScalingName, columns: tuple[str, ...] = ()) -> Scaling:
    """Fits the map on training rows none of whose columns is constant.

    Args:
        train: raw values, `(N, D)`.
        kind: `standard` gives each column mean 0 and deviation 1, `minmax` brings it to [-1, 1],
            `none` leaves it. Rows outside of `train` may leave [-1, 1]; they are not clipped, since
            an anomaly is known by that.
        columns: the names of the columns.
    """
    # Sums in float64: a float32 mean of a million rows has few digits left.
    if kind == "standard":
        shift, scale = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    elif kind == "minmax":
        low, high = _range(train)
        shift, scale = (high + low) / 2, (high - low) / 2
    else:
        shift, scale = np.zeros(train.shape[1]), np.ones(train.shape[1])
    return Scaling(_tensor(shift), _tensor(scale), columns)


def constant_columns(train: Floats) -> NDArray[np.bool_]:
    """Which columns never change in the training rows, or by less than their format can tell."""
    low, high = _range(train)
    largest = np.maximum(np.abs(low), np.abs(high))
    smallest_change = np.maximum(8 * np.finfo(train.dtype).eps * largest, np.finfo(np.float32).tiny)
    return high - low <= smallest_change


def _range(values: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return values.min(0).astype(np.float64), values.max(0).astype(np.float64)


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.as_tensor(values.astype(np.float64))
