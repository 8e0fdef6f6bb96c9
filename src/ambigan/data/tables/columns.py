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


def is_text(kind: Any) -> bool:
    """Returns whether an Arrow type holds texts."""
    types = import_module("pyarrow").types
    tests = (types.is_string, types.is_large_string, types.is_string_view)
    return any(test(kind) for test in tests)


def contents(column: Any) -> str:
    """Describes a column that is not numeric: its type, or text and the first non-number."""
    column = without_dictionary(column)
    if not is_text(column.type):
        return f"values of type {column.type}"
    texts = column.to_pylist()
    first = next((row for row, text in enumerate(texts) if not reads_as_number(text)), None)
    return (
        "text" if first is None else f"text ({texts[first][:40]!r} in row {first}, counted from 0)"
    )


def reads_as_number(text: str | None) -> bool:
    """Returns whether a text is a number with a decimal point, or empty."""
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _with_nulls(texts: Any) -> Any:
    """Returns texts with null in place of empty ones."""
    compute, arrow = import_module("pyarrow.compute"), import_module("pyarrow")
    return compute.if_else(compute.equal(texts, ""), arrow.scalar(None, texts.type), texts)


def without_dictionary(column: Any) -> Any:
    """Returns a column without the dictionary in which pandas' categories are stored."""
    types = import_module("pyarrow").types
    if types.is_dictionary(column.type):
        kind = column.type.value_type
        if str(kind).startswith("string_view"):  # Arrow casts no dictionary of these
            column = column.cast(
                import_module("pyarrow").dictionary(column.type.index_type, "large_string")
            )
        elif isinstance(kind, import_module("pyarrow").BaseExtensionType):
            return column
        return without_dictionary(column.cast(column.type.value_type))
    if str(column.type).startswith("string_view"):  # as polars gives its texts
        return column.cast("large_string")
    return column


def numbers(column: Any) -> NDArray[np.float64]:
    """Returns numbers as float64, with NaN for missing ones."""
    return without_dictionary(column).cast("float64", safe=False).to_numpy()


def labels_of(path: Path, name: str, column: Any, *, is_typed: bool = True) -> NDArray[Any]:
    """Returns labels unchanged; missing ones become NaN or empty text and are rejected later.

    Args:
        path: The file, for messages.
        name: Name of the column.
        column: Arrow column.
        is_typed: Whether the file tells texts from numbers; otherwise texts that all are numbers
            are numbers.

    Raises:
        DataError: Labels are neither numbers nor text.
    """
    arrow = import_module("pyarrow")
    column = without_dictionary(column)
    if is_text(column.type) and not is_typed:
        column = import_module("pyarrow.compute").utf8_trim_whitespace(column)
        kinds = ("int64", "float64")
    else:
        kinds = ()
    if is_text(column.type):
        for kind in kinds:
            try:
                column = _with_nulls(column).cast(kind)
                break
            except arrow.ArrowInvalid:
                continue
        else:
            return np.array([text or "" for text in column.to_pylist()], dtype=np.str_)
    if not is_numeric(column.type):
        raise DataError(
            f"{path}: column '{name}' holds values of type {column.type}; labels must be integers"
            " or text."
        )
    is_whole = arrow.types.is_integer(column.type) or arrow.types.is_boolean(column.type)
    return column.to_numpy() if is_whole and not column.null_count else numbers(column)
