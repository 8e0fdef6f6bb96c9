"""The scaling of vectors, fitted on the training split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import Scaling
from ..settings import ScalingName

Floats = NDArray[np.floating]


def fit_scaling(train: Floats, kind: ScalingName, columns: tuple[str, ...] = ()) -> Scaling:
    """Fits the affine map on training rows without constant columns.

    Args:
        train: Raw values of the training split, `(N, D)`.
        kind: Kind of scaling: `standard` gives each column mean 0 and standard deviation 1,
            `minmax` maps it to [-1, 1], `none` leaves it. Other rows may leave [-1, 1]; they are
            not clipped, since that is what reveals an anomaly.
        columns: Names of the columns.
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
    """Returns which columns never change in training, or by less than their format resolves."""
    low, high = _range(train)
    largest = np.maximum(np.abs(low), np.abs(high))
    smallest_change = np.maximum(8 * np.finfo(train.dtype).eps * largest, np.finfo(np.float32).tiny)
    return high - low <= smallest_change


def _range(values: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return values.min(0).astype(np.float64), values.max(0).astype(np.float64)


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.as_tensor(values.astype(np.float64))
