"""Whether a table's first line holds names, and whether examples stand in rows or in columns."""

from __future__ import annotations

import itertools
from importlib import import_module
from typing import Any

import numpy as np

from ....core.errors import DataError
from ..columns import numbers
from ..raw_vectors import some
from ..table import Table

_AXES = (
    *("wavelength", "wavelengths", "wavenumber", "wavenumbers", "wl", "lambda", "nm", "cm-1"),
    *("frequency", "freq", "hz", "mz", "m/z", "ppm", "shift", "raman shift", "raman_shift"),
    *("2theta", "two_theta", "energy", "ev", "kev", "channel", "time", "t", "seconds", "x"),
)
"""Names of what spectra and series are measured over."""

_LEAST_AXIS = 5
"""Values of an axis below which a sorted column says nothing."""


def check_header(table: Table) -> None:
    """Refuses a first line that may be data; names may be numbers, such as wavelengths.

    A text above a column of numbers is a name for certain. Where there is none, numbers that each
    lie among the values of their column look like data, and so do numbers in no order.

    Raises:
        DataError: The first line looks like data.
    """
    names = table.names
    found = {n: value for n, name in enumerate(names) if (value := _number(name)) is not None}
    is_named = any(
        place not in found and table.is_number(place) and name.strip() not in table.notation.missing
        for place, name in enumerate(names)
    )
    if not found or is_named:
        return
    steps = [right - left for left, right in itertools.pairwise(found.values())]
    is_sorted = bool(steps) and (min(steps) > 0 or max(steps) < 0)
    is_mixed = len(found) < len(names)
    is_whole = is_mixed and all(value.is_integer() for value in found.values())
    if _are_data(table, found) or not (is_sorted or is_whole):
        raise DataError(
            f"{table.where}: the first line ({some(names)}) looks like data; if it is, give"
            " --data.header false, and if it holds the names of the columns, --data.header true."
        )


def _are_data(table: Table, found: dict[int, float]) -> bool:
    """Whether each numeric name, by position, lies among the values of its column.

    It may lie outside by as much as they spread, since the first of sorted rows does.
    """
    for place, number in found.items():
        pair = table.range(place) if table.is_number(place) else None
        if pair is None:
            return False
        low, high = pair
        if not low - (high - low) <= number <= high + (high - low):
            return False
    return True


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def check_orientation(table: Table, first: int) -> None:
    """Refuses a table whose first column is the axis over which the others were measured.

    Args:
        table: The table.
        first: Position of the first column of data.

    Raises:
        DataError: The column is named like an axis, and its values rise or fall throughout.
    """
    name = table.names[first]
    plain = name.casefold().strip().partition("(")[0].partition("[")[0].strip()
    is_axis = plain in _AXES or plain.split(" ")[0] in _AXES or plain.split("_")[0] in _AXES
    if not is_axis or not table.is_number(first) or table.num_rows < _LEAST_AXIS:
        return
    steps = np.diff(numbers(table.column(first)))
    if (steps > 0).all() or (steps < 0).all():
        raise DataError(
            f"{table.where}: column '{name}' is an axis, so examples seem to stand in columns; give"
            f" --data.transpose true to make each a row, or leave the axis out with --data.drop"
            f" {_quoted(name)} if each row is an example."
        )


def _quoted(name: str) -> str:
    return name if name.isidentifier() else f"'{name}'"


def transposed(table: Table) -> tuple[Table, list[str]]:
    """Returns a table whose rows are the columns after the first, and what these were called.

    Raises:
        DataError: A column holds something other than numbers, or there is but one.
    """
    if len(table.names) < 2:
        raise DataError(f"{table.where}: it has one column; transposed, no example is left.")
    for place in range(1, len(table.names)):
        if not table.is_number(place):
            raise DataError(
                f"{table.where}: column '{table.names[place]}' holds {table.contents(place)}; with"
                " --data.transpose true all columns but the first hold numbers."
            )
    axis = [text or "" for text in table.texts(0)]
    ids = table.names[1:]
    values = np.ascontiguousarray(table.take_values(range(1, len(table.names)), {}).T)
    facts = (*table.facts, "transposed: examples stand in columns")
    arrow: Any = import_module("pyarrow")
    columns = [None] * len(axis) if values.dtype == np.float64 else [*map(arrow.array, values.T)]
    blocks = [values] if values.dtype == np.float64 else []
    return (
        Table(table.where, axis, columns, blocks, table.notation, facts, table.left_alone),
        ids,
    )
