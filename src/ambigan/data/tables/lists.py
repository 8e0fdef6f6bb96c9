"""Expansion of columns of lists, such as embeddings in Parquet, to one column per entry."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from .columns import is_numeric, numbers
from .table import Table


def expand_lists(table: Table, wanted: Collection[str]) -> Table:
    """Returns the table with `name[0]`, `name[1]`, ... in place of each wanted column of lists.

    Args:
        table: Table to expand.
        wanted: Names of columns that may be expanded, if they hold lists of numbers.

    Raises:
        DataError: Lists have different lengths, or a row has none.
    """
    is_list = [
        name in wanted and column is not None and _is_list_of_numbers(column.type)
        for name, column in zip(table.names, table.columns, strict=True)
    ]
    if not any(is_list):
        return table
    names, columns = list[str](), list[Any]()
    arrow: Any = import_module("pyarrow")
    for name, column, expanded in zip(table.names, table.columns, is_list, strict=True):
        if expanded:
            values = _matrix(table.where, name, column)
            names += [f"{name}[{place}]" for place in range(values.shape[1])]
            columns += map(arrow.array, values.T)
        else:
            names.append(name)
            columns.append(column)
    return replace(table, names=names, columns=columns)


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
        found = f"{lengths[row]} values, but {length} in row 0" if lengths[row] >= 0 else "no list"
        raise DataError(
            f"{path}: column '{name}' holds lists, and in row {row} (counted from 0) {found};"
            " every row needs a list of the same length."
        )
    return numbers(compute.list_flatten(column)).reshape(len(lengths), length)
