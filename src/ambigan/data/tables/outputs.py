"""Tables that are written: the columns of a model's data, in their kinds, with ids and rows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..dataset import Scaling, Split


def data_columns(values: NDArray[Any], scaling: Scaling | None) -> dict[str, Any]:
    """Returns vectors by the names of their columns, with whole numbers and categories as such.

    Args:
        values: Vectors in the units of their source, `(N, D)`.
        scaling: Scaling of the model, which knows names and kinds; columns without a name are
            called by their position.
    """
    names = scaling.columns if scaling else ()
    if len(names) != values.shape[1]:
        names = tuple(str(place) for place in range(values.shape[1]))
    no_categories: Mapping[str, tuple[str, ...]] = {}
    categories = scaling.categories if scaling else no_categories
    level_of = {
        f"{column}={level}": (column, level)
        for column, levels in categories.items()
        for level in levels
    }
    integers = set(scaling.integers) if scaling else set[str]()
    columns: dict[str, Any] = {}
    for place, name in enumerate(names):
        if name in level_of:
            column = level_of[name][0]
            if column not in columns:
                columns[column] = _levels(column, names, level_of, values)
        elif name in integers:
            columns[name] = np.rint(values[:, place]).astype(np.int64)
        else:
            columns[name] = values[:, place]
    return columns


def _levels(
    column: str,
    names: Sequence[str],
    level_of: Mapping[str, tuple[str, str]],
    values: NDArray[Any],
) -> list[str]:
    """Returns the level of each row whose column is the largest."""
    places = [n for n, name in enumerate(names) if level_of.get(name, ("", ""))[0] == column]
    levels = [level_of[names[place]][1] for place in places]
    return [levels[code] for code in values[:, places].argmax(1).tolist()]


def row_columns(split: Split, label_names: tuple[str, ...] | None) -> dict[str, Any]:
    """Returns what is known of each example: row in the source, id, file and label.

    Args:
        split: The examples.
        label_names: Class names by label, or None.
    """
    columns: dict[str, Any] = {}
    if split.rows is not None:
        columns["row"] = split.rows.numpy()
    if split.ids:
        columns["id"] = list(split.ids)
    if split.files:
        columns["file"] = list(split.files)
    if split.labels is not None:
        labels = split.labels.numpy().tolist()
        columns["label"] = [label_names[label] for label in labels] if label_names else labels
    return columns


def table_bytes(columns: Mapping[str, Any], suffix: str) -> bytes:
    """Returns the content of a `.csv` or `.parquet` file with the given columns."""
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    table, buffer = arrow.table(dict(columns)), io.BytesIO()
    if suffix == ".csv":
        import_module("pyarrow.csv").write_csv(table, buffer)
    else:
        import_module("pyarrow.parquet").write_table(table, buffer)
    return buffer.getvalue()
