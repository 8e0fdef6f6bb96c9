"""Expansion of columns of lists, such as embeddings in Parquet, to one column per entry."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from .columns import is_numeric, numbers


def expand_lists(path: Path, table: Any, wanted: Collection[str]) -> Any:
    """Returns the table with `name[0]`, `name[1]`, ... in place of each wanted column of lists.

    Args:
        path: Path of the file, for messages.
        table: Table to expand.
        wanted: Names of columns that may be expanded, if they hold lists of numbers.

    Raises:
        DataError: Lists have different lengths, or a row has none.
    """
    names, columns = list[str](), list[Any]()
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in wanted and _is_list_of_numbers(column.type):
            values = _matrix(path, name, column)
            names += [f"{name}[{place}]" for place in range(values.shape[1])]
            columns += [*values.T]
        else:
            names.append(name)
            columns.append(column)
    return import_module("pyarrow").table(columns, names=names)


def _is_list_of_numbers(kind: Any) -> bool:
    types = import_module("pyarrow").types
    tests = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(test(kind) for test in tests) and is_numeric(kind.value_type)


def _matrix(path: Path, name: str, column: Any) -> NDArray[np.float64]:
    compute = import_module("pyarrow.compute")
    lengths: NDArray[np.int64] = compute.list_value_length(column).fill_null(-1).to_numpy()
    length = lengths[0] if len(lengths) else 1
    bad = (lengths < 0) | (lengths != length)
    if bad.any():
        row = int(bad.argmax())
        found = f"{lengths[row]} values, but {length} in row 1" if lengths[row] >= 0 else "no list"
        raise DataError(
            f"{path}: column '{name}' holds lists, and in row {row + 1} (counted from 1) {found};"
            " every row needs a list of the same length."
        )
    return numbers(compute.list_flatten(column)).reshape(len(lengths), length)
