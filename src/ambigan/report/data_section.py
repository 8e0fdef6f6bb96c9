"""What the page says of the data: the inventory of a data set, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ..data import Dataset, Split
from ..data.inventory import listed_classes

MOST_CLASSES, MOST_FILES = 40, 200
"""Classes that are listed with their counts, and files that are listed as left out."""


@dataclass(frozen=True)
class DataRow:
    """A row of the section on the data.

    Attributes:
        name: What the row is about.
        items: What it says, one line each.
        form: How the lines are shown: in a `text`, as a `list`, as `warnings`, or `folded` away.
    """

    name: str
    items: tuple[str, ...]
    form: str = "list"


def data_rows(dataset: Dataset) -> list[DataRow]:
    """Describes what was read of the data, and what was left alone and why."""
    inventory, train, test = dataset.inventory, dataset.train, dataset.test
    sizes = f"{len(train):,} to learn from, {len(test):,} held out"
    form = f"{' × '.join(map(str, dataset.spec.shape))} {dataset.spec.kind}"
    without = "" if dataset.has_labels else ", without labels"
    classes = dataset.label_names or ()
    in_other_rows = (
        f"{len(train):,} to train and {len(test):,} to test",
        listed_classes(classes),
    )
    facts = [fact for fact in inventory.facts if fact not in in_other_rows]
    left_alone = tuple(  # the names of those that cannot be read have a row of their own
        f"{count:,} {why.partition(', the first ')[0] if dataset.skipped else why}"
        for why, count in inventory.left_alone.items()
    )
    rows = [
        DataRow("Source", (dataset.name,), "text"),
        DataRow("Read", (f"{inventory.num_read:,} {inventory.kind}", *facts)),
        DataRow("Examples", (f"{sizes}, {form}{without}",), "text"),
        DataRow(f"{len(classes):,} classes", _classes(dataset), "text"),
        DataRow("Left alone", left_alone),
        DataRow("Warnings", inventory.warnings, "warnings"),
        DataRow(f"{len(dataset.skipped):,} left out", _first(dataset.skipped), "folded"),
        DataRow("SHA-256", (dataset.sha256,), "text"),
    ]
    return [row for row in rows if row.items]


def _classes(dataset: Dataset) -> tuple[str, ...]:
    """The names of the classes, with the number of examples in either split, in one line."""
    names = dataset.label_names or ()
    if not names or not dataset.has_labels:
        return ()
    counts = [_count(split, len(names)) for split in (dataset.train, dataset.test)]
    shown = [f"{name} {a:,} + {b:,}" for name, a, b in zip(names, *counts, strict=True)]
    more = [f"and {len(names) - MOST_CLASSES:,} more"] if len(names) > MOST_CLASSES else []
    listed = " · ".join([*shown[:MOST_CLASSES], *more])
    return (f"{listed} (to learn from + held out)",)


def _count(split: Split, num_classes: int) -> Iterable[int]:
    assert split.labels is not None
    return torch.bincount(split.labels, minlength=num_classes).numpy().tolist()


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = (f"and {len(lines) - MOST_FILES:,} more",) if len(lines) > MOST_FILES else ()
    return (*lines[:MOST_FILES], *more)
