"""Vectors as a source gives them, and the checks of their values."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import DataError
from .scaling import Floats, Rows


@dataclass(frozen=True)
class RawVectors:
    """The content of a file, before any check of its values.

    Attributes:
        file: Path of the file.
        parts: One array, or a training and a test array, each with its name in the file.
        labels: Labels of each part, or None.
        columns: Names of the columns; empty where the file has none.
        labels_name: Name of the array or column of labels, for messages.
        is_for_model: Whether a trained model takes the vectors. Then a single row is enough, values
            keep the digits of float64 until they are scaled, and no column can be dropped.
        left_alone: How many arrays, columns or rows were not read, by the reason.
        facts: What is worth knowing of how the source was read, such as its separator.
        warnings: One line for each thing that looks wrong.
        targets: Real-valued targets of each part, float64 `(N,)` or `(N, K)`, or None.
        ids: Name of each row of a single part; None where there are none.
        groups: Group of each row of a single part, which splits keep together, or None.
        rows: Position in the file of each row of a single part; None for all in order.
        categories: Levels of each column of categories, see `Scaling`.
        integers: Names of columns of whole numbers; None where the values tell.
    """

    file: Path
    parts: tuple[tuple[str, NDArray[Any]], ...]
    labels: tuple[NDArray[Any] | None, ...]
    columns: tuple[str, ...] = ()
    labels_name: str = "labels"
    is_for_model: bool = False
    left_alone: Mapping[str, int] = field(default_factory=dict[str, int])
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    targets: tuple[NDArray[np.float64] | None, ...] = ()
    ids: NDArray[np.str_] | None = None
    groups: NDArray[np.str_] | None = None
    rows: NDArray[np.int64] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    integers: tuple[str, ...] | None = None

    def where(self, part: str) -> str:
        """Returns the file and the array in it, for messages."""
        return f"{self.file}, array '{part}'" if part else str(self.file)


def checked_values(
    raw: RawVectors, part: str, array: NDArray[Any], is_filled: bool
) -> NDArray[np.floating]:
    """Returns the values of an array after checks of its type, dimensions and size."""
    where = raw.where(part)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{where}: values of type {array.dtype} are not real numbers; convert them."
        )
    if array.ndim != 2:
        raise DataError(
            f"{where}: the array is {array.ndim}-D, {array.shape}; it must be 2-D, one example a"
            " row; reshape it to (examples, values)."
        )
    least = 1 if raw.is_for_model else 2
    if len(array) < least and part != "x_test":
        needed = "1 is" if raw.is_for_model else "2 are"
        raise DataError(f"{where}: it holds {len(array)} rows; at least {needed} needed.")
    if array.size == 0:
        raise DataError(f"{where}: it holds no values, its shape is {array.shape}.")
    return _finite(raw, where, array, is_filled)


def _finite(raw: RawVectors, where: str, array: NDArray[Any], is_filled: bool) -> Floats:
    """Returns values as float32 if they fit it exactly, else as float64: scaling is exact first.

    Args:
        raw: The content of the file, for messages.
        where: The array, for messages.
        array: Numbers `(N, D)`.
        is_filled: Whether missing values are filled in later, so that they are no fault.

    Raises:
        DataError: Values are missing, infinite, or too large.
    """
    narrow = array.dtype.itemsize <= (4 if array.dtype.kind == "f" else 2)
    values = np.ascontiguousarray(array, dtype=np.float32 if narrow else np.float64)

    def is_bad(part: Floats) -> NDArray[np.bool_]:
        is_large = ~(np.abs(part) <= np.finfo(np.float32).max)
        return is_large & ~np.isnan(part) if is_filled else is_large

    bad = np.concatenate(
        [is_bad(part).sum(1, dtype=np.int64) for part in Rows.whole(values).parts()]
    )
    count = int(bad.sum())
    if not count:
        return values
    row = int((bad > 0).argmax())
    column = int(is_bad(values[row]).argmax())
    first = array[row, column]
    if np.isfinite(first):
        trouble = f"{count} values are too large for float32, the first {first:.3g}"
        remedy = "rescale them"
    else:
        trouble = f"{count} values are missing (NaN) or infinite, the first {first}"
        remedy = "fill them in or remove these rows"
        if np.isnan(first) and not raw.is_for_model:
            remedy = "drop these rows with --data.missing drop, fill them in with --data.missing"
            remedy += " mean or median"
    if raw.rows is not None:
        row = int(raw.rows[row])
    if not raw.columns:
        raise DataError(f"{where}: {trouble} at [{row}, {column}]; {remedy}.")
    name = raw.columns[column]
    otherwise = f", or drop the column with {drop_flag([name])}" if not raw.is_for_model else ""
    raise DataError(
        f"{where}: {trouble} in column '{name}', row {row} (counted from 0); {remedy}{otherwise}."
    )


def checked_targets(raw: RawVectors, targets: NDArray[Any] | None, length: int) -> Tensor | None:
    """Returns targets as float64.

    Raises:
        DataError: There is not one for each row, or they are missing or no numbers.
    """
    if targets is None:
        return None
    if targets.dtype.kind not in "biuf" or targets.ndim > 2 or len(targets) != length:
        raise DataError(
            f"{raw.file}: targets of type {targets.dtype} and shape {targets.shape} do not fit"
            f" {length} rows; each row needs a number."
        )
    exact = targets.astype(np.float64)
    bad = ~np.isfinite(exact.reshape(length, -1)).all(1)
    if bad.any():
        row = int(bad.argmax()) if raw.rows is None else int(raw.rows[bad.argmax()])
        raise DataError(
            f"{raw.file}: {int(bad.sum())} of {length} targets are missing or infinite, the first"
            f" in row {row} (counted from 0); fill them in or remove these rows."
        )
    return torch.as_tensor(exact[:, 0] if exact.ndim == 2 and exact.shape[1] == 1 else exact)


def drop_flag(columns: list[str], flag: str = "--data.drop") -> str:
    """Returns the flag that leaves columns out, as it must be typed, with quotes where needed."""
    is_plain = all(name and "," not in name for name in columns)
    return f"{flag} {shlex.quote(','.join(columns) if is_plain else json.dumps(columns))}"


def listed_columns(columns: list[str], limit: int = 5) -> str:
    """Formats columns for a message: `column 'a'`, or `each of 7 columns ('a', 'b', ...)`."""
    if len(columns) == 1:
        return f"column '{columns[0]}'"
    shown = ", ".join(f"'{name}'" for name in columns[:limit])
    return f"each of {len(columns)} columns ({shown}{', ...' if len(columns) > limit else ''})"


def some(columns: Sequence[str], limit: int = 8) -> str:
    """Formats the first columns, and the number of the others."""
    rest = f" and {len(columns) - limit} more" if len(columns) > limit else ""
    return ", ".join(columns[:limit]) + rest
