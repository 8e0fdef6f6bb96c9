"""Missing values of vectors: marked, dropped with their rows, or filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..settings import DataSettings, MissingName
from .scaling import Floats, Rows


def with_marks(array: NDArray[Any], settings: DataSettings) -> NDArray[Any]:
    """Returns numbers with NaN in place of those that mark missing ones; others are not copied."""
    marks = [mark for text in settings.missing_marks if (mark := _number(text)) is not None]
    if not marks or array.dtype.kind not in "iuf" or array.ndim != 2:
        return array
    kind = np.float32 if array.dtype.itemsize < 4 else array.dtype
    copied = array.astype(kind if array.dtype.kind == "f" or kind is np.float32 else np.float64)
    for part in np.array_split(copied, max(1, copied.size >> 22)):
        part[np.isin(part, np.array(marks, part.dtype))] = np.nan
    return copied


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def rows_with_missing(array: Floats) -> NDArray[np.bool_]:
    """Returns which rows have a missing value."""
    parts = [np.isnan(part).any(1) for part in Rows.whole(array).parts()]
    return np.concatenate(parts) if parts else np.zeros(0, np.bool_)


def fitted_fill(train: Rows, how: MissingName) -> NDArray[np.float64]:
    """Returns the mean or median of each column over the rows that have a value.

    Args:
        train: Rows of the training split.
        how: `mean` or `median`.
    """
    if how == "median":
        values = train.array[train.places]
        return np.array([_median(values[:, place]) for place in train.columns])
    total, count = np.zeros(len(train.columns)), np.zeros(len(train.columns))
    for part in train.parts():
        total += np.nansum(part, 0, dtype=np.float64)
        count += (~np.isnan(part)).sum(0)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def filled(
    arrays: Sequence[Floats], fill: NDArray[np.float64]
) -> tuple[list[Floats], NDArray[np.int64]]:
    """Returns arrays with values in place of missing ones, and how many these are by column.

    What has none missing is not copied.
    """
    found, count = list[Floats](), np.zeros(len(fill), np.int64)
    for array in arrays:
        rows = np.flatnonzero(rows_with_missing(array))
        if len(rows):
            array = array.copy()
            part = array[rows]
            is_missing = np.isnan(part)
            count += is_missing.sum(0)
            array[rows] = np.where(is_missing, fill.astype(array.dtype), part)
        found.append(array)
    return found, count
