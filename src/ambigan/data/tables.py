"""Tables of numbers by column, `.csv` and `.parquet`, read by pyarrow."""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import DataError, nearest
from .dataset import Dataset
from .files import check_file, first_line
from .settings import DataSettings
from .vectors import RawVectors, build_vectors, drop_flag

DEFAULT_LABEL_COLUMN = "label"

# The longest line that can be read; pyarrow's own 1 MiB is short for 100,000 columns.
_BLOCK_BYTES = 1 << 24

# How pandas calls the row numbers it writes beside the data.
_ROW_NUMBER_NAMES = ("", "Unnamed: 0", "__index_level_0__")


def open_csv(settings: DataSettings, path: Path) -> Dataset:
    """Columns of numbers under a line of names, separated by commas, semicolons or tabs.

    Raises:
        DataError: a file that cannot be read, or used.
    """
    check_file(path, "a .csv file")
    table = _read(path, "CSV in UTF-8", lambda: _read_csv(path))
    _check_header(path, table.column_names)
    return build_vectors(_raw_vectors(path, table, settings), settings)


def open_parquet(settings: DataSettings, path: Path) -> Dataset:
    """Columns of numbers from a Parquet file.

    Raises:
        DataError: a file that cannot be read, or used.
    """
    check_file(path, "a .parquet file")
    parquet = import_module("pyarrow.parquet")
    # Without partitioning, or a folder named `year=2020` on the way would become a column.
    table = _read(path, "Parquet", lambda: parquet.read_table(path, partitioning=None))
    return build_vectors(_raw_vectors(path, table, settings), settings)


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
    except Exception as error:  # of damage, Arrow raises whatever its parts happen to
        raise DataError(
            f"{path} is damaged, cut short or not {kind} ({first_line(error)})."
        ) from error


def _check_header(path: Path, names: Sequence[str]) -> None:
    """Refuses a first line of data. Names may be numbers, say wavelengths, but those are sorted."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return
    steps = [right - left for left, right in itertools.pairwise(numbers)]
    if not steps or not (min(steps) > 0 or max(steps) < 0):
        raise DataError(
            f"{path}: the first line ({_some(names)}) looks like data; it must hold the names of"
            " the columns."
        )


def _raw_vectors(path: Path, table: Any, settings: DataSettings) -> RawVectors:
    names: list[str] = list(table.column_names)
    _check_names(path, names, settings)
    label = _label_column(names, settings)
    used = [name for name in names if name != label and name not in settings.drop]
    if not used:
        raise DataError(f"{path} has no column of numbers besides those dropped and the label.")
    _check_numeric(path, table, used)
    values = np.empty((table.num_rows, len(used)), np.float64)
    for place, name in enumerate(used):
        values[:, place] = _numbers(table.column(name))
    _check_row_numbers(path, values, used)
    labels = None if label is None else _labels(path, label, table.column(label))
    return RawVectors(path, (("", values),), (labels,), tuple(used), f"column '{label}'")


def _check_names(path: Path, names: list[str], settings: DataSettings) -> None:
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(f"{path} has {count} columns named '{name}'; give each its own name.")
    asked = [*settings.drop, *([settings.label_column] if settings.label_column else [])]
    for name in asked:
        if name not in names:
            raise DataError(
                f"{path} has no column '{name}'.{nearest(name, names)} Its columns: {_some(names)}."
            )


def _label_column(names: list[str], settings: DataSettings) -> str | None:
    if settings.label_column is not None:
        return settings.label_column
    is_there = DEFAULT_LABEL_COLUMN in names and DEFAULT_LABEL_COLUMN not in settings.drop
    return DEFAULT_LABEL_COLUMN if is_there else None


def _check_numeric(path: Path, table: Any, used: list[str]) -> None:
    wrong = [name for name in used if not _is_numeric(table.column(name).type)]
    if not wrong:
        return
    name = wrong[0]
    others = f" (nor do {_some(wrong[1:])})" if len(wrong) > 1 else ""
    raise DataError(
        f"{path}: column '{name}' holds {_contents(table.column(name))}, not numbers{others};"
        f" drop with {drop_flag(wrong)}, or if it holds the labels name it with"
        f" --data.label-column {shlex.quote(name)}."
    )


def _is_numeric(kind: Any) -> bool:
    types = import_module("pyarrow").types
    if types.is_dictionary(kind):
        return _is_numeric(kind.value_type)
    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(test(kind) for test in tests)


def _is_text(kind: Any) -> bool:
    types = import_module("pyarrow").types
    return any(test(kind) for test in (types.is_string, types.is_large_string))


def _contents(column: Any) -> str:
    """What a column that is not numeric holds: a type, or text and the first that is no number."""
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
    """A column without the dictionary that pandas' categories are stored by."""
    is_dictionary = import_module("pyarrow").types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if is_dictionary else column


def _numbers(column: Any) -> NDArray[np.float64]:
    """Numbers as float64, what is missing as NaN."""
    return _plain(column).cast("float64", safe=False).to_numpy()


def _check_row_numbers(path: Path, values: NDArray[np.float64], used: list[str]) -> None:
    for place, name in enumerate(used):
        if name not in _ROW_NUMBER_NAMES or len(values) < 2:
            continue
        if (values[:, place] == np.arange(len(values))).all():
            raise DataError(
                f"{path}: column '{name}' only counts the rows, as pandas writes it; save with"
                f" index=False, or drop it with {drop_flag([name])}."
            )


def _labels(path: Path, name: str, column: Any) -> NDArray[Any]:
    """Labels as they are; what is missing becomes NaN or an empty text, which is refused later."""
    types = import_module("pyarrow").types
    column = _plain(column)
    if _is_text(column.type):
        return np.array([text or "" for text in column.to_pylist()], dtype=np.str_)
    if not _is_numeric(column.type):
        raise DataError(
            f"{path}: column '{name}' holds values of type {column.type}; labels must be integers"
            " or text."
        )
    is_whole = types.is_integer(column.type) or types.is_boolean(column.type)
    return column.to_numpy() if is_whole and not column.null_count else _numbers(column)


def _some(names: Sequence[str], limit: int = 8) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
