"""The scaling of vectors, fitted on the training split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import Scaling
from ..settings import ScalingName

Floats = NDArray[np.floating[Any]]


_PART = 1 << 21
"""Values that are gathered at once, 16 MiB in float64."""


@dataclass(frozen=True)
class Rows:
    """Rows and columns of an array, gathered a part at a time: large data are not copied whole.

    Attributes:
        array: float32 or float64 `(N, D)`.
        places: int64, the rows, in order.
        columns: int64, the columns, in order.
    """

    array: Floats
    places: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def whole(cls, array: Floats) -> Rows:
        """All of an array."""
        num_rows, num_columns = cast("tuple[int, int]", array.shape)
        return cls(array, np.arange(num_rows), np.arange(num_columns))

    def __len__(self) -> int:
        return len(self.places)

    def parts(self) -> Iterator[Floats]:
        """The rows, one contiguous array after the other.

        A single column comes in one part, since NumPy adds up one column pairwise and several row
        by row: so a sum over parts has the bits of the sum over all.
        """
        width = len(self.columns)
        step = len(self) if width == 1 else max(1, _PART // width)
        is_whole = width == self.array.shape[1]
        for start in range(0, len(self), step):
            places = self.places[start : start + step]
            part = self.array[places] if is_whole else self.array[np.ix_(places, self.columns)]
            yield np.ascontiguousarray(part)

    def scaled(self, scaling: Scaling) -> torch.Tensor:
        """All of them, scaled: float32 `(len(places), len(columns))`."""
        values, start = torch.empty(len(self), len(self.columns)), 0
        for part in self.parts():
            values[start : start + len(part)] = scaling.apply(torch.tensor(part))
            start += len(part)
        return values


def fit_scaling(train: Rows, kind: ScalingName, columns: tuple[str, ...] = ()) -> Scaling:
    """Fits the affine map on training rows without constant columns.

    Args:
        train: Raw values of the training split.
        kind: Kind of scaling: `standard` gives each column mean 0 and standard deviation 1,
            `minmax` maps it to [-1, 1], `none` leaves it. Other rows may leave [-1, 1]; they are
            not clipped, since that is what reveals an anomaly.
        columns: Names of the columns.
    """
    # Sums in float64: a float32 mean of a million rows has few digits left.
    if kind == "standard":
        shift = _sum(part.astype(np.float64) for part in train.parts()) / len(train)
        scale = np.sqrt(_sum(np.square(part - shift) for part in train.parts()) / len(train))
        if len(train.columns) == 1:  # of one column, NumPy itself adds up in another order
            scale = next(train.parts()).std(0, dtype=np.float64)
    elif kind == "minmax":
        low, high = _range(train)
        shift, scale = (high + low) / 2, (high - low) / 2
    else:
        shift, scale = np.zeros(len(train.columns)), np.ones(len(train.columns))
    return Scaling(_tensor(shift), _tensor(scale), columns)


def _sum(parts: Iterator[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The sum over all rows, added up in their order."""
    total = next(parts).sum(0)
    for part in parts:
        total = np.concatenate([total[None], part]).sum(0)
    return total


def constant_columns(train: Rows) -> NDArray[np.bool_]:
    """Returns which columns never change in training, or by less than their format resolves."""
    low, high = _range(train)
    largest = np.maximum(np.abs(low), np.abs(high))
    smallest_change = np.maximum(
        8 * np.finfo(train.array.dtype).eps * largest, np.finfo(np.float32).tiny
    )
    return high - low <= smallest_change


def _range(rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lows, highs = zip(*((part.min(0), part.max(0)) for part in rows.parts()), strict=True)
    return np.min(lows, 0).astype(np.float64), np.max(highs, 0).astype(np.float64)


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.as_tensor(values.astype(np.float64))
