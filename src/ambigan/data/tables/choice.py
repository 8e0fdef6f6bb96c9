"""Which columns of a table are data, labels, targets, ids and groups."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError, suggestion
from ..settings import DataSettings
from .columns import is_text, labels_of, numbers, without_dictionary
from .lists import expand_lists
from .raw_vectors import RawVectors, drop_flag, some
from .suspicions import FEW_LEVELS, kinds_of_texts, suspicions
from .table import Doubles, Table
from .text.header import check_orientation

DEFAULT_LABEL_COLUMN = "label"

# Names that pandas and R give the row numbers they write next to the data.
_ROW_NUMBER_NAMES = ("", "Unnamed: 0", "__index_level_0__")

_MOST_LEVELS = 1000
"""Levels from which a column of categories is rather a name of each row, in a long table."""


def raw_vectors(
    table: Table,
    settings: DataSettings,
    needed: tuple[str, ...] | None,
    *,
    is_typed: bool = True,
    ids: Sequence[str] | None = None,
) -> RawVectors:
    """Chooses columns of a table by their purpose.

    Args:
        table: The table; its numbers are used up.
        settings: Settings of the data, which name columns of each purpose.
        needed: Names of the columns that a trained model takes, see `read_csv`.
        is_typed: Whether the file tells texts from numbers.
        ids: Names of the rows, where they are no column.

    Raises:
        DataError: Columns are missing, or hold something other than numbers.
    """
    given = list(table.names)
    purposes = _purposes(given, settings, needed)
    lists = {_list_of(name) for name in needed} if needed else {*given} - purposes.others
    table = expand_lists(table, lists)
    used = _used_columns(table, purposes, settings, needed, given, lists)
    categories = {
        name: _levels(needed, name) if needed else _found_levels(table, name)
        for name in purposes.encoded
    }
    _check_numeric(table, [name for name in used if name not in categories], bool(needed))
    places = [table.place(name) for name in used]
    if not needed:
        _check_row_numbers(table.where, used)
        if needed is None and not categories and settings.shape is None:
            check_orientation(table, places[0])
    warnings: list[str] = []
    encoded = {
        table.place(name): _encoded(table, name, levels, warnings)
        for name, levels in categories.items()
    }
    columns = tuple(
        column
        for name in used
        for column in ([f"{name}={v}" for v in categories[name]] if name in categories else [name])
    )
    integers = [n for n, p in zip(used, places, strict=True) if is_typed and _is_integer(table, p)]
    labels = None if purposes.label is None else _labels(table, purposes.label, is_typed)
    targets = _targets(table, purposes.targets)
    ids = ids if purposes.ids is None else _texts(table, purposes.ids)
    groups = None if purposes.group is None else _texts(table, purposes.group)
    left = _left_alone(table, purposes, settings, used, given, is_for_model=bool(needed))
    values = table.take_values(places, encoded)  # uses the table up
    if needed is None and settings.shape is None:
        plain_columns = [n for n, name in enumerate(columns) if name in set(used)]
        warnings += suspicions(
            [columns[n] for n in plain_columns],
            values[:20_000, plain_columns],
            settings.missing_marks,
        )
    return RawVectors(
        table.where,
        (("", values),),
        (labels,),
        columns,
        f"column '{purposes.label}'",
        left_alone=left,
        facts=table.facts,
        warnings=tuple(warnings),
        targets=(targets,),
        ids=None if ids is None else np.array(ids, np.str_),
        groups=None if groups is None else np.array(groups, np.str_),
        categories=categories,
        integers=tuple(integers) if is_typed else None,
    )


@dataclass(frozen=True)
class _Purposes:
    """Names of columns by what they are for.

    Attributes:
        label: Column of labels, or None.
        targets: Columns of real-valued targets.
        ids: Column that names the rows, or None.
        group: Column of groups, or None.
        encoded: Columns of categories, which are data.
        others: All columns that are no data.
    """

    label: str | None
    targets: tuple[str, ...]
    ids: str | None
    group: str | None
    encoded: tuple[str, ...]
    others: frozenset[str | None]


def _purposes(
    given: list[str], settings: DataSettings, needed: tuple[str, ...] | None
) -> _Purposes:
    """What the columns of a table are for; a trained model needs none of those that are no data."""
    label = _label_column(given, settings, needed)
    targets = [name for name in settings.target_column if needed is None or name in given]
    ids, group = (_named(name, given, needed) for name in (settings.id_column, settings.group))
    encoded = [name for name in settings.one_hot if not needed or _levels(needed, name)]
    others = {label, ids, *targets, *settings.drop}
    if group is not None and not (needed and group in needed):
        others.add(group)
    return _Purposes(label, tuple(targets), ids, group, tuple(encoded), frozenset(others))


def _used_columns(
    table: Table,
    purposes: _Purposes,
    settings: DataSettings,
    needed: tuple[str, ...] | None,
    given: list[str],
    lists: set[str],
) -> list[str]:
    """Returns the names of the columns that are data, of a table whose lists are expanded.

    Raises:
        DataError: There is none, one is missing, or has the name of another.
    """
    names = table.names
    if needed:
        used = list(dict.fromkeys(_source_of(name, purposes.encoded) for name in needed))
        _check_needed(table, used, purposes.label)
        if not settings.drop and not settings.drop_constant:  # else training dropped entries
            _check_lengths(table.where, names, used, lists & {*given})
    else:
        used = [name for name in names if name not in purposes.others]
        _check_unique(table.where, names)
        if needed is None:
            _check_asked(table.where, [*purposes.others, *purposes.encoded], names, given)
    if not used:
        raise DataError(
            f"{table.where} has no column of numbers besides those dropped and the label; drop"
            " fewer, or encode categories with --data.one-hot."
        )
    return used


def _left_alone(
    table: Table,
    purposes: _Purposes,
    settings: DataSettings,
    used: list[str],
    given: list[str],
    *,
    is_for_model: bool,
) -> dict[str, int]:
    """Returns how many columns are not read, by the reason."""
    left = dict(table.left_alone)
    if dropped := [name for name in settings.drop if name in given]:
        left["dropped " + _columns(len(dropped))] = len(dropped)
    unused = len({*table.names} - {*used} - purposes.others)
    if is_for_model and unused:
        left[_columns(unused) + " that the model does not take"] = unused
    return left


def _columns(count: int) -> str:
    return "column" if count == 1 else "columns"


def _texts(table: Table, name: str) -> list[str]:
    """Returns a column as texts, empty ones where they are missing."""
    return [text or "" for text in table.texts(table.place(name))]


def text_columns(settings: DataSettings, needed: tuple[str, ...] | None) -> tuple[str, ...]:
    """Returns the names of columns whose values are kept as they are written."""
    named = (settings.label_column or DEFAULT_LABEL_COLUMN, settings.id_column, settings.group)
    kept = (name for name in named if name is not None and name not in (needed or ()))
    return (*kept, *settings.one_hot)


def _named(name: str | None, given: list[str], needed: tuple[str, ...] | None) -> str | None:
    """Returns the name of a column; a trained model does not need it."""
    return name if name is not None and (needed is None or name in given) else None


def _label_column(
    names: list[str], settings: DataSettings, needed: tuple[str, ...] | None
) -> str | None:
    """Returns the column of labels; a trained model does not need the one that was named."""
    if settings.label_column is not None:
        is_asked = needed is None and settings.label_file is None
        return settings.label_column if is_asked or settings.label_column in names else None
    unless = {*settings.drop, *settings.target_column, *settings.one_hot, settings.id_column}
    is_there = DEFAULT_LABEL_COLUMN in names and DEFAULT_LABEL_COLUMN not in {
        *unless,
        *(needed or ()),
    }
    return DEFAULT_LABEL_COLUMN if is_there else None


def _levels(needed: Sequence[str], name: str) -> tuple[str, ...]:
    """Returns the levels of a column of categories that a model takes."""
    start = f"{name}="
    return tuple(column[len(start) :] for column in needed if column.startswith(start))


def _source_of(column: str, encoded: Sequence[str]) -> str:
    """Returns the column of a table that a model's column is made of."""
    return next((name for name in encoded if column.startswith(f"{name}=")), column)


def _found_levels(table: Table, name: str) -> tuple[str, ...]:
    """Returns the levels of a column of categories, sorted."""
    texts = [text for text in table.texts(table.place(name)) if text is not None]
    found = sorted({*texts})
    if len(found) > _MOST_LEVELS or len(found) > max(FEW_LEVELS, len(texts) / 2):
        raise DataError(
            f"{table.where}: column '{name}' has {len(found):,} levels in {len(texts):,} rows, too"
            f" many to be categories; drop it with {drop_flag([name])}, or keep it as"
            " --data.id-column."
        )
    return tuple(found)


def _encoded(table: Table, name: str, levels: tuple[str, ...], warnings: list[str]) -> Doubles:
    """Returns zeros and ones for each level, and missing values for a missing one."""
    places = {level: place for place, level in enumerate(levels)}
    texts = table.texts(table.place(name))
    codes = np.array([-1 if text is None else places.get(text, -2) for text in texts])
    values = (codes[:, None] == np.arange(len(levels))).astype(np.float64)
    values[codes == -1] = np.nan
    if (codes == -2).any():
        unknown = sorted({text for text in texts if text is not None and text not in places})
        warnings.append(
            f"{table.where}: {int((codes == -2).sum())} rows have levels of column '{name}' that"
            f" the model does not know ({some(unknown)}); they are read as none of its levels."
        )
    return values


def _is_integer(table: Table, place: int) -> bool:
    column = table.columns[place]
    if column is None:
        return False
    from importlib import import_module

    types: Any = import_module("pyarrow").types
    kind = without_dictionary(column).type
    return types.is_integer(kind) or types.is_boolean(kind)


def _labels(table: Table, name: str, is_typed: bool) -> NDArray[Any]:
    return labels_of(table.where, name, table.column(table.place(name)), is_typed=is_typed)


def _targets(table: Table, names: Sequence[str]) -> NDArray[np.float64] | None:
    """Returns columns of targets as `(N, K)`.

    Raises:
        DataError: One holds something other than numbers.
    """
    if not names:
        return None
    for name in names:
        if not table.is_number(table.place(name)):
            held = table.contents(table.place(name))
            raise DataError(
                f"{table.where}: column '{name}' holds {held}; targets are numbers, and classes are"
                f" named with --data.label-column {shlex.quote(name)}."
            )
    return np.stack([numbers(table.column(table.place(name))) for name in names], 1)


def _check_asked(where: Any, asked: Sequence[Any], names: list[str], given: list[str]) -> None:
    for name in asked:
        if name is not None and name not in names and name not in given:
            raise _no_column(where, name, given)


def _check_needed(table: Table, needed: list[str], label: str | None) -> None:
    known, used = {*table.names}, {*needed, label}
    for name in needed:
        if name not in known:
            raise _no_column(table.where, name, table.names, ", which the model takes")
    _check_unique(table.where, [name for name in table.names if name in used])


def _check_lengths(where: Any, names: list[str], needed: list[str], lists: set[str]) -> None:
    """Rejects lists longer than the model takes, since the start of a vector is another vector."""
    for name in lists:
        length, taken = (
            sum(_list_of(column) == name for column in columns) for columns in (names, needed)
        )
        if length > taken:
            raise DataError(
                f"{where}: column '{name}' holds lists of {length} values; the model takes {taken}."
            )


def _list_of(name: str) -> str:
    """Returns the column of lists that `name[0]` belongs to."""
    return name.rpartition("[")[0]


def _check_unique(where: Any, names: list[str]) -> None:
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise DataError(f"{where} has {count} columns named '{name}'; give each its own name.")


def _no_column(where: Any, name: str, names: list[str], why: str = "") -> DataError:
    return DataError(
        f"{where} has no column '{name}'{why}.{suggestion(name, names)} Its columns: {some(names)}."
    )


def _check_numeric(table: Table, used: list[str], is_needed: bool) -> None:
    wrong = [name for name in used if not table.is_number(table.place(name))]
    if not wrong:
        return
    name = wrong[0]
    others = f" (nor do {some(wrong[1:])})" if len(wrong) > 1 else ""
    texts = [n for n in wrong if is_text(without_dictionary(table.columns[table.place(n)]).type)]
    marks, texts, ids = kinds_of_texts(table, texts)
    encode = f"encode categories with {drop_flag(texts, '--data.one-hot')}, " if texts else ""
    if marks:
        encode = (
            f"take {some(marks)} among numbers for missing values with"
            f" {drop_flag(marks, '--data.missing-marks')} --data.missing median, {encode}"
        )
    ids_flag = f"--data.id-column{_such_as(ids)}"
    labels_flag = f"--data.label-column{_such_as(texts[::-1])}"
    remedy = (
        f"{encode}drop with {drop_flag(wrong)}, or say which column has the names of the rows"
        f" ({ids_flag}) or the labels ({labels_flag})"
    )
    if is_needed:
        remedy = "the model takes numbers there"
    raise DataError(
        f"{table.where}: column '{name}' holds {table.contents(table.place(name))}, not"
        f" numbers{others}; {remedy}."
    )


def _such_as(columns: list[str]) -> str:
    """Returns the first of some columns as the value of a flag; nothing where there are none."""
    return f" {shlex.quote(columns[0])}" if columns else ""


def _check_row_numbers(where: Any, used: list[str]) -> None:
    """Rejects row numbers, in any order: the numbers of rows sorted by class reveal it."""
    for name in used:
        if name in _ROW_NUMBER_NAMES:
            raise DataError(
                f"{where}: column '{name}' numbers the rows, as pandas and R write it; keep it with"
                f" the rows with --data.id-column={shlex.quote(name)}, drop it with"
                f" {drop_flag([name])}, or save without (index=False, row.names=FALSE); if it is"
                " data, give it a name."
            )
