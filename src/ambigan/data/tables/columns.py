"""Conversion of one column of an Arrow table to numbers or labels."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError


def is_numeric(kind: Any) -> bool:
    """Returns whether an Arrow type holds numbers; the type of a column without values counts."""
    types = import_module("pyarrow").types
    if types.is_dictionary(kind):
        return is_numeric(kind.value_type)
    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(test(kind) for test in tests)


def _is_text(kind: Any) -> bool:
    types = import_module("pyarrow").types
    return any(test(kind) for test in (types.is_string, types.is_large_string))


def contents(column: Any) -> str:
    """Describes a column that is not numeric: its type, or text and the first non-number."""
    column = _plain(column)
    if not _is_text(column.type):
        return f"values of type {column.type}"
    texts = column.to_pylist()
    first = next((row for row, text in enumerate(texts) if not _reads_as_number(text)), None)
    return "text" if first is None else f"text ({texts[first][:40]!r} in row {first + 1})"


def _reads_as_number(text: str | None) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _plain(column: Any) -> Any:
    """Returns a column without the dictionary in which pandas' categories are stored."""
    is_dictionary = import_module("pyarrow").types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_dictionary else column


def numbers(column: Any) -> NDArray[np.float64]:
    """Returns numbers as float64, with NaN for missing ones."""
    return _plain(column).cast("float64", safe=False).to_numpy()


def labels_of(path: Path, name: str, column: Any) -> NDArray[Any]:
    """Returns labels unchanged; missing ones become NaN or empty text and are rejected later."""
    types = import_module("pyarrow").types
    column = _plain(column)
    if _is_text(column.type):
        return np.array([text or "" for text in column.to_pylist()], dtype=np.str_)
    if not is_numeric(column.type):
        raise DataError(
            f"{path}: column '{name}' holds values of type {column.type}; labels must be integers"
            " or text."
        )
    is_whole = types.is_integer(column.type) or types.is_boolean(column.type)
    return column.to_numpy() if is_whole and not column.null_count else numbers(column)
