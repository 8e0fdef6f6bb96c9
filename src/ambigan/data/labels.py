"""Labels of tables and arrays, text or numbers, to codes and names."""

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
    """Codes of the labels of each part, and the names the codes stand for.

    Codes count from 0 in the sorted order of all labels, those of a test split included.

    Args:
        parts: integers, whole floats, bools or text, each `(N,)`; None for a part without labels.
        where: the file, and the column or array, for messages.

    Raises:
        DataError: labels that are missing, fractions, or of another type.
    """
    given = [_checked(part, where) for part in parts if part is not None]
    if not given:
        return [None for _ in parts], None
    names, codes = np.unique(np.concatenate(given), return_inverse=True)
    pieces = iter(np.split(codes.astype(np.int64), np.cumsum([len(part) for part in given])))
    tensors = [None if part is None else torch.as_tensor(next(pieces)) for part in parts]
    return tensors, tuple(str(name) for name in names.tolist())


def _checked(labels: NDArray[Any], where: str) -> NDArray[Any]:
    if labels.ndim != 1:
        raise DataError(f"{where}: labels must be 1-D, one for each row; got {labels.shape}.")
    if labels.dtype.kind == "f":
        return _whole(labels, where)
    if labels.dtype.kind not in "biuU":
        raise DataError(
            f"{where}: labels are of type {labels.dtype}; they must be integers or text."
        )
    if labels.dtype.kind == "U" and (labels == "").any():
        raise _missing(labels == "", where)
    return labels


def _whole(labels: NDArray[Any], where: str) -> NDArray[Any]:
    if np.isnan(labels).any():
        raise _missing(np.isnan(labels), where)
    fractions = labels != np.round(labels)
    if fractions.any() or np.isinf(labels).any():
        value = labels[fractions | np.isinf(labels)][0]
        raise DataError(f"{where}: {value} is no label; labels must be integers or text.")
    return labels.astype(np.int64)


def _missing(missing: NDArray[np.bool_], where: str) -> DataError:
    return DataError(
        f"{where}: {int(missing.sum())} of {len(missing)} labels are missing, the first in row"
        f" {int(missing.argmax()) + 1} (counted from 1); fill them in, or leave the labels"
        " out (--data.drop for a column)."
    )
