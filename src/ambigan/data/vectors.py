"""Vectors from arrays and tables: checked, split, scaled."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import DataError
from ..core.spec import DataSpec
from .assembly import assemble, cut, hold_out, num_held_out, places, shuffled, take
from .dataset import Dataset, Split
from .labels import encode_labels
from .scaling import Floats, constant_columns, fit_scaling
from .settings import DataSettings


@dataclass(frozen=True)
class RawVectors:
    """What a file holds, before anything is checked but that it can be read.

    Attributes:
        file: its path.
        parts: one array, or a training and a test array, each with the name it has in the file.
        labels: of each part, or None.
        columns: their names; empty where the file names none.
        labels_name: what holds the labels, for messages.
    """

    file: Path
    parts: tuple[tuple[str, NDArray[Any]], ...]
    labels: tuple[NDArray[Any] | None, ...]
    columns: tuple[str, ...] = ()
    labels_name: str = "labels"

    def where(self, part: str) -> str:
        """The file and the array in it, for messages."""
        return f"{self.file}, array '{part}'" if part else str(self.file)


def build_vectors(raw: RawVectors, settings: DataSettings) -> Dataset:
    """Checks, splits and scales vectors.

    Raises:
        DataError: see the checks below; each names the file and the column.
    """
    splits, label_names = _raw_splits(raw)
    train, test = hold_out(*_divided(splits, settings), settings)
    if len(train) < 2:
        raise DataError(
            f"{raw.file}: only {len(train)} of {len(train) + len(test)} rows is left to train on;"
            " at least 2 are needed."
        )
    train, test, columns = _without_constants(raw, train, test, settings)
    scaling = fit_scaling(train.values.numpy(), settings.scaling, columns)
    scaled = tuple(
        Split(scaling.apply(split.values), split.labels, split.rows) for split in (train, test)
    )
    spec = DataSpec("vectors", tuple(train.values.shape[1:]), settings.scaling == "minmax")
    return assemble(settings, spec, (scaled[0], scaled[1]), label_names, scaling)


def _raw_splits(raw: RawVectors) -> tuple[list[Split], tuple[str, ...] | None]:
    values = [_checked_values(raw, name, array) for name, array in raw.parts]
    widths = [array.shape[1] for array in values]
    if len(set(widths)) > 1:
        raise DataError(
            f"{raw.file}: '{raw.parts[0][0]}' has {widths[0]} columns and '{raw.parts[1][0]}' has"
            f" {widths[1]}; both must have the same."
        )
    codes, names = encode_labels(raw.labels, f"{raw.file}, {raw.labels_name}")
    for (part, _), array, code in zip(raw.parts, values, codes, strict=True):
        if code is not None and len(code) != len(array):
            raise DataError(
                f"{raw.where(part)}: {len(array)} rows but {len(code)} labels; each row needs one."
            )
    splits = [
        Split(torch.as_tensor(array), code, places(len(array)))
        for array, code in zip(values, codes, strict=True)
    ]
    return splits, names


def _divided(splits: list[Split], settings: DataSettings) -> tuple[Split, Split]:
    """The published splits, or one cut by the seed; shuffled, so that any stretch is a sample."""
    parts = [
        take(split, shuffled(len(split), settings, name))
        for split, name in zip(splits, ("split", "test"), strict=False)
    ]
    if len(parts) == 2:
        return parts[0], parts[1]
    test, train = cut(parts[0], num_held_out(len(parts[0]), settings))
    return train, test


def _checked_values(raw: RawVectors, part: str, array: NDArray[Any]) -> Floats:
    where = raw.where(part)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: values of type {array.dtype} are no real numbers; convert them.")
    if array.ndim != 2:
        raise DataError(
            f"{where}: the array is {array.ndim}-D, {array.shape}; it must be 2-D, one example a"
            " row; reshape it to (examples, values)."
        )
    if len(array) < 2 and part != "x_test":
        raise DataError(f"{where}: it holds {len(array)} rows; at least 2 are needed.")
    if array.size == 0:
        raise DataError(f"{where}: it holds no values, its shape is {array.shape}.")
    return _finite(raw, where, array)


def _finite(raw: RawVectors, where: str, array: NDArray[Any]) -> Floats:
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    bad = ~np.isfinite(values)
    count = int(bad.sum())
    if not count:
        return values
    row, column = divmod(int(bad.argmax()), values.shape[1])
    first = array[row, column]
    if np.isfinite(first):
        trouble = f"{count} values are too large for float32, the first {first:.3g}"
        remedy = "rescale them"
    else:
        trouble = f"{count} values are missing (NaN) or infinite, the first {first}"
        remedy = "fill them in or remove these rows"
    if not raw.columns:
        raise DataError(f"{where}: {trouble} at [{row}, {column}]; {remedy}.")
    name = raw.columns[column]
    raise DataError(
        f"{where}: {trouble} in column '{name}', row {row + 1} (counted from 1); {remedy}, or drop"
        f" the column with {drop_flag([name])}."
    )


def _without_constants(
    raw: RawVectors, train: Split, test: Split, settings: DataSettings
) -> tuple[Split, Split, tuple[str, ...]]:
    """Both splits without the columns that never change in training, and the names of the rest."""
    constant = constant_columns(train.values.numpy())
    if not constant.any():
        return train, test, raw.columns
    names = raw.columns or tuple(str(place) for place in range(len(constant)))
    found = [name for name, is_constant in zip(names, constant, strict=True) if is_constant]
    if not settings.drop_constant:
        counted = "" if raw.columns else " (counted from 0)"
        raise DataError(
            f"{raw.file}: {listed(found)}{counted} never changes in the {len(train)} training rows;"
            " leave out what is constant with --data.drop-constant true."
        )
    if constant.all():
        raise DataError(f"{raw.file}: every column is constant in the {len(train)} training rows.")
    kept = torch.as_tensor(~constant)
    trimmed = [Split(part.values[:, kept], part.labels, part.rows) for part in (train, test)]
    return trimmed[0], trimmed[1], tuple(name for name in names if name not in set(found))


def drop_flag(columns: list[str]) -> str:
    """The flag that leaves columns out, as it must be typed; odd names need JSON or quotes."""
    is_plain = all(name and "," not in name for name in columns)
    return f"--data.drop {shlex.quote(','.join(columns) if is_plain else json.dumps(columns))}"


def listed(columns: list[str], limit: int = 5) -> str:
    """Columns for a message: `column 'a'`, or `each of 7 columns ('a', 'b', ...)`."""
    if len(columns) == 1:
        return f"column '{columns[0]}'"
    shown = ", ".join(f"'{name}'" for name in columns[:limit])
    return f"each of {len(columns)} columns ({shown}{', ...' if len(columns) > limit else ''})"
