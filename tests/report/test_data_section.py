from __future__ import annotations

import dataclasses

from made_runs import make_vectors

from ambigan.data import Dataset
from ambigan.data.inventory import Inventory
from ambigan.report.data_section import data_rows


def said(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    return {row.name: row.items for row in data_rows(dataset)}


def test_what_was_read_and_what_was_not(digits: Dataset) -> None:
    inventory = Inventory(
        "images",
        130,
        ("8x8, 1 channel",),
        {"pages": 1200, "that cannot be read, the first a.png (torn)": 1},
        ("look at this",),
    )
    names = digits.label_names
    assert names is not None
    data = dataclasses.replace(digits, inventory=inventory, skipped=("a.png: torn",))
    rows = said(data)
    assert rows["Read"] == ("130 images", "8x8, 1 channel")
    assert rows["Left alone"] == ("1,200 pages", "1 that cannot be read")
    assert rows["Warnings"] == ("look at this",)
    assert rows["1 left out"] == ("a.png: torn",)
    listed = rows[f"{len(names)} classes"][0]
    assert all(f"{name} " in listed for name in names)
    assert sum(int(part.split()[1]) for part in listed.split(" · ")) == len(data.train)


def test_what_there_is_not_has_no_row() -> None:
    rows = said(make_vectors(3))
    assert rows.keys() == {"Source", "Read", "Examples", "SHA-256"}
    assert "without labels" in rows["Examples"][0]


def test_many_classes_are_cut(digits: Dataset) -> None:
    names = tuple(f"class {n}" for n in range(99))
    listed = said(dataclasses.replace(digits, label_names=names))["99 classes"][0]
    assert "and 59 more" in listed
