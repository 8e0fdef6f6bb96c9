"""Conversion of the labels of tables and arrays, text or numbers, to codes and class names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import DataError


def encode_labels(
    parts: Sequence[NDArray[Any] | None], where: str
) -> tuple[list[Tensor | None], tuple[str, ...] | None]:
    """Encodes the labels of each part as integers, and returns the class names.

    Codes count from 0 in the sorted order of all labels, including those of a test split.

    Args:
        parts: Labels of each part, `(N,)`: integers, whole floats, bools or text; with further
            dimensions of length 1; or one-hot, `(N, K)` with a single 1 in each row. None for a
            part without labels.
        where: File and column or array, for messages.

    Raises:
        DataError: Labels are missing, fractional, or of another type.
    """
    given = [_checked(part, where) for part in parts if part is not None]
    if not given:
        return [None for _ in parts], None
    names, codes = np.unique(np.concatenate(given), return_inverse=True)
    pieces = iter(np.split(codes.astype(np.int64), np.cumsum([len(part) for part in given])))
    tensors = [None if part is None else torch.as_tensor(next(pieces)) for part in parts]
    return tensors, tuple(str(name) for name in names.tolist())


def _checked(labels: NDArray[Any], where: str) -> NDArray[Any]:
    """Labels `(N,)` of a shape and type that can be encoded."""
    if labels.ndim > 1 and labels.size == max(labels.shape):
        labels = labels.reshape(-1)
    elif labels.ndim == 2 and _are_one_hot(labels):
        labels = labels.argmax(1)
    if labels.ndim != 1:
        raise DataError(
            f"{where}: labels must be 1-D, one for each row, or one-hot, one 1 in each row; got"
            f" {labels.shape}. Name another array or column with --data.label-column."
        )
    if labels.dtype.kind == "f":
        return _whole(labels, where)
    if labels.dtype.kind not in "biuU":
        raise DataError(
            f"{where}: labels are of type {labels.dtype}; they must be integers or text."
        )
    if labels.dtype.kind == "U" and (labels == "").any():
        raise _missing(labels == "", where)
    return labels


def _are_one_hot(labels: NDArray[Any]) -> bool:
    """Whether each row holds a single 1 and zeros."""
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        return False
    return bool(((labels == 1).sum(1) == 1).all())


def _whole(labels: NDArray[Any], where: str) -> NDArray[Any]:
    """Checks that float labels are whole numbers and converts them."""
    if np.isnan(labels).any():
        raise _missing(np.isnan(labels), where)
    fractions = labels != np.round(labels)
    if fractions.any() or np.isinf(labels).any():
        value = labels[fractions | np.isinf(labels)][0]
        raise DataError(f"{where}: {value} is not a label; labels must be integers or text.")
    return labels.astype(np.int64)


def is_missing_label(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns which labels are missing: NaN, or empty text."""
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    return labels == "" if labels.dtype.kind == "U" else np.zeros(len(labels), np.bool_)


def _missing(missing: NDArray[np.bool_], where: str) -> DataError:
    """Builds the error about missing labels."""
    return DataError(
        f"{where}: {int(missing.sum())} of {len(missing)} labels are missing, the first in row"
        f" {int(missing.argmax())} (counted from 0); fill them in, or leave the labels"
        " out (--data.drop for a column)."
    )
