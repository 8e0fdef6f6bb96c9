"""Readers of tables of numbers, `.csv` and `.parquet`, by pyarrow."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError, suggestion
from ..files import check_file, first_line
from ..settings import DataSettings
from .columns import contents, is_numeric, labels_of, numbers
from .lists import expand_lists
from .parquet import read_columns
from .vectors import RawVectors, drop_flag, some

DEFAULT_LABEL_COLUMN = "label"

# The longest line that can be read; pyarrow's own 1 MiB is short for 100,000 columns.
_BLOCK_BYTES = 1 << 24

FEW = 8
"""Number of column names below which sorted numbers may be a coincidence."""

# Names that pandas and R give the row numbers they write next to the data.
_ROW_NUMBER_NAMES = ("", "Unnamed: 0", "__index_level_0__")


def read_csv(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads columns of numbers under a line of names, separated by commas, semicolons or tabs.

    Args:
        settings: Settings of the data, whose `label_column` and `drop` are used.
        path: Path of the file.
        needed: Names of the columns that a trained model takes. These are read, in this order, and
            others are ignored. Empty for a model without names. None for training. In both last
            cases all columns are read but the label and those dropped.

    Raises:
        DataError: The file cannot be read, lacks columns, or holds something other than numbers.
    """
    check_file(path, "a .csv file")
    table = _read(path, "CSV in UTF-8", lambda: _read_csv(path))
    _check_header(path, table)
    return _raw_vectors(path, table, settings, needed)


def read_parquet(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads columns of numbers from a Parquet file.

    A column of lists of equal length counts as one column per entry: `embedding` becomes
    `embedding[0]`, `embedding[1]` and so on.

    Args:
        settings: Settings of the data, see `read_csv`.
        path: Path of the file.
        needed: Names of the columns that a trained model takes, see `read_csv`.

    Raises:
        DataError: The file cannot be read, lacks columns, holds something other than numbers, or
            has lists of different lengths.
    """
    check_file(path, "a .parquet file")
    table = _read(path, "Parquet", lambda: read_columns(path))
    return _raw_vectors(path, table, settings, needed)


def read_frame(
    table: Any,
    settings: DataSettings,
    needed: tuple[str, ...] | None = None,
    labels: NDArray[Any] | None = None,
) -> RawVectors:
    """Reads columns of numbers from a table of Arrow in memory.

    Args:
        table: The table.
        settings: Settings of the data, see `read_csv`.
        needed: Names of the columns that a trained model takes, see `read_csv`.
        labels: Labels of the rows, if they are no column.

    Raises:
        DataError: Columns are missing or hold something other than numbers.
    """
    raw = _raw_vectors(Path("data in memory"), table, settings, needed)
    return raw if labels is None else replace(raw, labels=(labels,), labels_name="labels")


def _read_csv(path: Path) -> Any:
    # pyarrow carries no types; imported late, because it takes a while.
    arrow, csv = import_module("pyarrow"), import_module("pyarrow.csv")
    with arrow.input_stream(str(path)) as stream:  # unpacks .csv.gz
        first_line = bytes(stream.read(1 << 16)).split(b"\n")[0]
    delimiter = max(",;\t", key=lambda mark: first_line.count(mark.encode()))
    return csv.read_csv(
        path,
        csv.ReadOptions(block_size=_BLOCK_BYTES),
        csv.ParseOptions(delimiter=delimiter),
    )


def _read(path: Path, kind: str, load: Callable[[], Any]) -> Any:
    try:
        table = load()
        table.validate(full=True)  # a damaged text is otherwise found where it is first used
        list(table.column_names)
        return table
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # Arrow's parts raise different errors for damaged files
        raise DataError(
            f"{path} is damaged, cut short or not {kind} ({first_line(error)})."
        ) from error


def _check_header(path: Path, table: Any) -> None:
    """Rejects a first line of data. Names may be numbers, such as wavelengths, but sorted ones.

    A few sorted numbers may be data by coincidence; they count as data if each lies among the
    values below it. Next to names that are not numbers, whole numbers may be in any order: `1`,
    `10`, `2`.
    """
    names: list[str] = table.column_names
    found = {
        place: value for place, name in enumerate(names) if (value := _number(name)) is not None
    }
    is_mixed = len(found) < len(names)
    if is_mixed and (len(found) < 2 or all(value.is_integer() for value in found.values())):
        return
    steps = [right - left for left, right in itertools.pairwise(found.values())]
    is_sorted = bool(steps) and (min(steps) > 0 or max(steps) < 0)
    if not is_sorted or (len(found) < FEW and _lie_among_values(table, found)):
        raise DataError(
            f"{path}: the first line ({some(names)}) looks like data; it must hold the names of"
            " the columns."
        )


def _lie_among_values(table: Any, names: Mapping[int, float]) -> bool:
    """Returns whether each numeric name, by position, lies among the values of its column."""
    compute = import_module("pyarrow.compute")
    for place, number in names.items():
        column = table.column(place)
        if not len(column) or not is_numeric(column.type):
            return False
        found = compute.min_max(column).as_py()
        if found["min"] is None or not found["min"] <= number <= found["max"]:
            return False
    return True


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def _raw_vectors(
    path: Path, table: Any, settings: DataSettings, needed: tuple[str, ...] | None
) -> RawVectors:
    given: list[str] = list(table.column_names)
    label = _label_column(given, settings, needed)
    lists = {_list_of(name) for name in needed} if needed else {*given} - {label, *settings.drop}
    table = expand_lists(path, table, lists)
    names: list[str] = list(table.column_names)
    if needed:
        used = list(needed)
        _check_needed(path, names, used, label)
        if not settings.drop and not settings.drop_constant:  # else training dropped entries
            _check_lengths(path, names, used, lists & {*given})
    else:
        used = [name for name in names if name != label and name not in settings.drop]
        _check_unique(path, names)
        if needed is None:
            _check_asked(path, names, given, settings)
    if not used:
        raise DataError(f"{path} has no column of numbers besides those dropped and the label.")
    _check_numeric(path, table, used, is_needed=bool(needed))
    values = np.empty((table.num_rows, len(used)), np.float64)
    for place, name in enumerate(used):
        values[:, place] = numbers(table.column(name))
    if not needed:
        _check_row_numbers(path, used)
    labels = None if label is None else labels_of(path, label, table.column(label))
    return RawVectors(path, (("", values),), (labels,), tuple(used), f"column '{label}'")


def _check_asked(path: Path, names: list[str], given: list[str], settings: DataSettings) -> None:
    asked = [*settings.drop, *([settings.label_column] if settings.label_column else [])]
    for name in asked:
        if name not in names and name not in given:
            raise _no_column(path, name, given)


def _check_needed(path: Path, names: list[str], needed: list[str], label: str | None) -> None:
    known, used = {*names}, {*needed, label}
    for name in needed:
        if name not in known:
            raise _no_column(path, name, names, ", which the model takes")
    _check_unique(path, [name for name in names if name in used])


def _check_lengths(path: Path, names: list[str], needed: list[str], lists: set[str]) -> None:
    """Rejects lists longer than the model takes, since the start of a vector is another vector."""
    for name in lists:
        length, taken = (
            sum(_list_of(column) == name for column in columns) for columns in (names, needed)
        )
        if length > taken:
            raise DataError(
                f"{path}: column '{name}' holds lists of {length} values; the model takes {taken}."
            )


def _list_of(name: str) -> str:
    """Returns the column of lists that `name[0]` belongs to."""
    return name.rpartition("[")[0]


def _check_unique(path: Path, names: list[str]) -> None:
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise DataError(f"{path} has {count} columns named '{name}'; give each its own name.")


def _no_column(path: Path, name: str, names: list[str], why: str = "") -> DataError:
    return DataError(
        f"{path} has no column '{name}'{why}.{suggestion(name, names)} Its columns: {some(names)}."
    )


def _label_column(
    names: list[str], settings: DataSettings, needed: tuple[str, ...] | None
) -> str | None:
    """Returns the column of labels; a trained model does not need the one that was named."""
    if settings.label_column is not None:
        return settings.label_column if needed is None or settings.label_column in names else None
    unless = {*settings.drop, *(needed or ())}
    is_there = DEFAULT_LABEL_COLUMN in names and DEFAULT_LABEL_COLUMN not in unless
    return DEFAULT_LABEL_COLUMN if is_there else None


def _check_numeric(path: Path, table: Any, used: list[str], *, is_needed: bool) -> None:
    wrong = [name for name in used if not is_numeric(table.column(name).type)]
    if not wrong:
        return
    name = wrong[0]
    others = f" (nor do {some(wrong[1:])})" if len(wrong) > 1 else ""
    remedy = (
        f"drop with {drop_flag(wrong)}, or if it holds the labels name it with"
        f" --data.label-column {shlex.quote(name)}"
    )
    if is_needed:
        remedy = "the model takes numbers there"
    raise DataError(
        f"{path}: column '{name}' holds {contents(table.column(name))}, not numbers{others};"
        f" {remedy}."
    )


def _check_row_numbers(path: Path, used: list[str]) -> None:
    """Rejects row numbers, in any order: the numbers of rows sorted by class reveal it."""
    for name in used:
        if name in _ROW_NUMBER_NAMES:
            raise DataError(
                f"{path}: column '{name}' numbers the rows, as pandas and R write it; save without"
                f" (index=False, row.names=FALSE), or drop it with {drop_flag([name])}; if it is"
                " data, give it a name."
            )
