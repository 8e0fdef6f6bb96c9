"""What columns look like: labels, targets, ids or splits among numbers, and what texts may be."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import reads_as_number
from .table import Table

_LABELS = (
    *("class", "classes", "label", "labels", "target", "targets", "y", "category", "species"),
    *("diagnosis", "outcome", "output", "response", "group", "type", "anomaly", "outlier", "fraud"),
    *("ground_truth", "truth", "survived", "quality", "is_anomaly", "is_fraud", "attack", "grade"),
)
_IDS = ("id", "ids", "index", "idx", "row", "rownumber", "row_number", "no", "nr", "key", "sample")
_GROUPS = ("patient", "subject", "person", "user", "site", "batch", "customer", "animal", "plate")
_SPLITS = ("split", "fold", "set", "subset", "partition", "is_train", "is_test", "train", "test")
_TIMES = ("date", "datum", "datetime", "timestamp", "jahr", "year", "yyyymmdd")
_MASKS = ("mask", "weight", "weights", "sample_weight")

_AXIS_SHARE = 0.5
"""Share of columns with numbered names from which a table is taken for spectra."""

_NUM_MARKS = 5
"""Largest number of different texts among numbers that may stand for missing values."""

_DATE = re.compile(r"\s*(\d{4}([-/.])\d\d?\2\d\d?|\d\d?([-/.])\d\d?\3\d{2,4})([ T]\d.*)?\s*")
"""A day, by digits, with or without a time."""

FEW_LEVELS = 20
"""Different values that a column of categories may have in a table of any length."""

_ROWS = 20_000


def suspicions(
    columns: Sequence[str], values: NDArray[np.floating[Any]], missing_marks: Sequence[str] = ()
) -> tuple[str, ...]:
    """Returns one line for each kind of column that may be no data, with the flag that settles it.

    Args:
        columns: Names of the columns; empty where they have none.
        values: Numbers `(N, D)`, NaN where they are missing.
        missing_marks: Marks of missing values that are known.
    """
    if not columns or len(columns) < 2:
        return ()
    values = values[:_ROWS]
    found: dict[str, list[str]] = {
        "id": [],
        "group": [],
        "split": [],
        "mask": [],
        "time": [],
        "label": [],
        "missing": [],
    }
    marks: dict[str, None] = {}
    rest: list[int] = []
    for place, name in enumerate(columns):
        kind = _by_name(name, values[:, place])
        if not kind and (mark := _mark(values[:, place])) not in (None, *missing_marks):
            found["missing"].append(name)
            marks[str(mark)] = None
        elif kind:
            found[kind].append(name)
        else:
            rest.append(place)
    for place in _odd_ones(columns, values, rest):
        found["label"].append(columns[place])
    if missing := found.pop("missing"):
        shown, flag = " and ".join(marks), shlex.quote(",".join(marks))
        found_marks = (
            f"{_columns(missing)} may have {shown} for missing values: --data.missing-marks {flag}"
            " --data.missing median fills them in; now they are learned as data.",
        )
    else:
        found_marks = ()
    return (*(_line(kind, names) for kind, names in found.items() if names), *found_marks)


def _mark(column: NDArray[np.floating[Any]]) -> str | None:
    """Returns a number of nines at an end of a column that stands apart for a missing value."""
    known = column[np.isfinite(column)]
    for mark in (known.min(), known.max()) if len(known) else ():
        rest = known[known != mark]
        is_repeated = len(known) - len(rest) >= 2 and len(rest) > len(known) / 2
        if is_repeated and re.fullmatch(r"-?99+\.0", str(float(mark))):
            gap = np.abs(rest - mark).min()
            if gap > 2 * rest.std() and gap > 1:
                return str(int(mark))
    return None


def _by_name(name: str, column: NDArray[np.floating[Any]]) -> str | None:
    """Returns what a column's name says it is, if its values can be that."""
    plain = name.strip().casefold().replace(" ", "_").replace("-", "_")
    words = re.split(r"[_.]", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).casefold())
    if plain in _LABELS:
        return "label"
    if plain in _SPLITS and len(np.unique(column)) <= FEW_LEVELS:
        return "split"
    if plain in _MASKS:
        return "mask"
    is_whole = bool((column == np.floor(column)).all())
    if is_whole and (plain in _TIMES or words[-1] in _TIMES):
        return "time"
    if is_whole and (plain in _GROUPS or (words[0] in _GROUPS and words[-1] in _IDS)):
        return "group"
    if is_whole and len(column) > 2 and len(np.unique(column)) == len(column):
        is_counted = bool((np.abs(np.diff(np.sort(column))) == 1).all())
        if plain in _IDS or words[-1] in _IDS or is_counted:
            return "id"
    return None


def _odd_ones(
    columns: Sequence[str], values: NDArray[np.floating[Any]], rest: Sequence[int]
) -> list[int]:
    """Returns columns next to a spectrum, or one of few whole numbers among fractions at an end."""
    numbered = {place for place in rest if re.fullmatch(r"\D{0,4}\d+([.,]\d+)?", columns[place])}
    is_named = [place for place in rest if place not in numbered]
    if len(numbered) > 9 and len(numbered) >= _AXIS_SHARE * len(columns) and is_named:
        return is_named if len(is_named) <= FEW_LEVELS else []
    if len(rest) < 3:
        return []
    is_whole = {
        place: bool((v := values[:, place]).size and (v == np.floor(v)).all()) for place in rest
    }
    odd: list[int] = []
    for place in dict.fromkeys((rest[0], rest[-1])):
        others = [is_whole[other] for other in rest if other != place]
        num_levels = len(np.unique(values[:, place]))
        is_few = 2 <= num_levels <= min(FEW_LEVELS, len(values) / 5)
        if is_whole[place] and is_few and not any(others):
            odd.append(place)
    return odd


def _line(kind: str, names: list[str]) -> str:
    """Returns the warning about columns of one kind."""
    what = _columns(names)
    first, some = shlex.quote(names[0]), shlex.quote(",".join(names))
    is_many = len(names) > 1
    remedies = {
        "id": f"may name the rows: --data.id-column {first} keeps it with them",
        "group": f"may say which rows belong together: --data.group {first} keeps them on one side"
        f" of the split, and --data.drop {some} leaves it out",
        "split": f"may be a split: --data.drop {some} leaves it out",
        "time": f"may be a date, of which a number says little: --data.id-column {first} keeps it"
        f" with the rows, and --data.drop {some} leaves it out",
        "mask": f"may be a mask or weight: --data.drop {some} leaves it out",
        "label": f"may be {'labels' if is_many else 'the label'} or a target: --data.label-column"
        f" {first} for classes, --data.target-column {some} for real values",
    }
    return f"{what} {remedies[kind]}; now {'they are' if is_many else 'it is'} learned as data."


def _columns(names: list[str]) -> str:
    """Returns the names of columns, for messages."""
    shown = ", ".join(f"'{name}'" for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return f"column{'s' * (len(names) > 1)} {shown}"


def kinds_of_texts(table: Table, names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Returns texts that stand among numbers, and the columns whose texts may be categories or ids.

    Those of numbers with some texts are neither, nor are dates. In ids, each text is another one.
    """
    marks: dict[str, None] = {}
    categories: list[str] = []
    ids: list[str] = []
    for name in names:
        texts = [text or "" for text in table.texts(table.place(name))]
        others = [text for text in texts if not reads_as_number(text)]
        found = dict.fromkeys(others)
        if 2 * len(others) < len(texts):
            marks |= found if len(found) <= _NUM_MARKS else {}
        elif all(map(_DATE.fullmatch, found)):
            continue
        elif len(found) < len(texts) or len(texts) <= _NUM_MARKS:
            categories.append(name)
        else:
            ids.append(name)
    return list(marks), categories, ids
