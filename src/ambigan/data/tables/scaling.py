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


_PART = 1 << 18
"""Values that are gathered at once, 2 MiB in float64."""


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
            `minmax` maps it to [-1, 1], `robust` gives it median 0 and the quartiles of a normal
            distribution, `quantile` maps it to [-1, 1] by ranks, `none` leaves it. Other rows may
            leave [-1, 1]; they are not clipped, since that is what reveals an anomaly.
        columns: Names of the columns.
    """
    # Sums in float64: a float32 mean of a million rows has few digits left.
    if kind == "quantile":
        return fit_quantiles(train, columns)
    if kind == "standard":
        shift = _sum(part.astype(np.float64) for part in train.parts()) / len(train)
        scale = np.sqrt(_sum(np.square(part - shift) for part in train.parts()) / len(train))
        if len(train.columns) == 1:  # of one column, NumPy itself adds up in another order
            scale = next(train.parts()).std(0, dtype=np.float64)
    elif kind == "minmax":
        low, high = _range(train)
        shift, scale = (high + low) / 2, (high - low) / 2
    elif kind == "robust":
        shift, scale = _robust(train)
    else:
        shift, scale = np.zeros(len(train.columns)), np.ones(len(train.columns))
    return Scaling(_tensor(shift), _tensor(scale), columns)


_NORMAL_QUARTILES = 1.3489795003921634
"""Distance between the quartiles of the standard normal distribution."""

_NUM_QUANTILES = 201
"""Quantiles that the scaling by ranks keeps at most."""


def _column_values(train: Rows) -> Iterator[NDArray[np.float64]]:
    """The columns, one after the other."""
    for place in train.columns:
        yield train.array[train.places, place].astype(np.float64)


def _robust(train: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median and distance between quartiles, or the deviation where the quartiles are the same."""
    shift, scale = np.empty(len(train.columns)), np.empty(len(train.columns))
    for place, values in enumerate(_column_values(train)):
        low, shift[place], high = np.percentile(values, (25, 50, 75))
        spread = (high - low) / _NORMAL_QUARTILES
        scale[place] = spread if spread > 0 else np.sqrt(np.square(values - shift[place]).mean())
    return shift, scale


def fit_quantiles(train: Rows, columns: tuple[str, ...] = ()) -> Scaling:
    """Fits a map of each column to [-1, 1] by the ranks of its values.

    Args:
        train: Raw values of the training split.
        columns: Names of the columns.
    """
    levels = np.linspace(0, 1, min(_NUM_QUANTILES, len(train)))
    quantiles = [np.quantile(values, levels) for values in _column_values(train)]
    table = np.stack(quantiles, 1)
    shift, scale = (table[-1] + table[0]) / 2, (table[-1] - table[0]) / 2
    return Scaling(_tensor(shift), _tensor(scale), columns, quantiles=_tensor(table))


_INFLATED = {"standard": 4.0, "minmax": 20.0}
"""How many times wider one value makes the deviation, or the range, before it is said."""


def inflated_columns(train: Rows, kind: ScalingName) -> list[tuple[int, float, int]]:
    """Returns columns with a value at one end that makes their scale many times larger.

    Args:
        train: Rows of the training split.
        kind: Kind of the scaling, `standard` or `minmax`.

    Returns:
        Position of the column, the value, and how many rows have it.
    """
    found: list[tuple[int, float, int]] = []
    for place, values in enumerate(_column_values(train)):
        width = np.std if kind == "standard" else np.ptp
        whole = width(values)
        for end in (values.max(), values.min()):
            if _INFLATED[kind] * np.abs(end - np.median(values)) < whole:
                continue
            rest = values[values != end]
            if len(rest) > 0.8 * len(values) and whole > _INFLATED[kind] * width(rest) > 0:
                found.append((place, float(end), len(values) - len(rest)))
    return found


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
