"""Tables of instruments, clinics and questionnaires: refusals whose advice opens them."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from ambigan.core.errors import ConfigError, DataError
from ambigan.data import Dataset, DataSettings
from ambigan.data.opening.sources import open_dataset

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(50, 9, size=(40, 3)).round(2)


def written(path: Path, cells: np.ndarray, names: str = "a,b,c") -> Path:
    path.write_text("\n".join([names, *(",".join(map(str, row)) for row in cells)]) + "\n")
    return path


def opened(path: Path, **settings: object) -> Dataset:
    return open_dataset(DataSettings(f"csv:{path}", **settings))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("marks", [["<0.05"], ["OL"], [">200", "<0.05"], ["below LOD"]])
def test_texts_among_numbers_are_marks_and_the_advice_opens_them(
    tmp_path: Path, marks: list[str]
) -> None:
    cells = NUMBERS.astype(object)
    for place, mark in enumerate(marks):
        cells[3 + place :: 9, 1] = mark
    path = written(tmp_path / "table.csv", cells)
    with pytest.raises(DataError, match="missing-marks") as refused:
        opened(path)
    assert "one-hot" not in str(refused.value), "numbers are no categories"
    flags = f"--data.missing-marks {shlex.quote(','.join(marks))} --data.missing median"
    assert flags in str(refused.value)
    found = opened(path, missing_marks=tuple(marks), missing="median")
    assert found.train.values.shape == (36, 3)


def test_texts_that_all_differ_are_no_categories(tmp_path: Path) -> None:
    cells = NUMBERS.astype(object)
    cells[:, 0] = [f"2023-01-01 00:{place:02d}" for place in range(40)]
    cells[:, 1] = ["north", "south"] * 20
    with pytest.raises(DataError, match=r"--data\.one-hot b,") as refused:
        opened(written(tmp_path / "table.csv", cells))
    assert "one-hot a" not in str(refused.value)


@pytest.mark.parametrize("mark", [-999, 999, 9999, -99])
def test_numbers_of_nines_apart_from_all_others_are_warned_of(tmp_path: Path, mark: int) -> None:
    cells = NUMBERS.copy()
    cells[::6, 1] = mark
    path = written(tmp_path / "table.csv", cells)
    warned = " ".join(opened(path).inventory.warnings)
    assert f"column 'b' may have {mark} for missing values: --data.missing-marks {mark}" in warned
    settled = opened(path, missing_marks=(str(mark),), missing="median")
    assert "missing values:" not in " ".join(settled.inventory.warnings)


def test_nines_among_others_are_data(tmp_path: Path) -> None:
    cells = RANDOM.integers(60, 100, size=(400, 3))
    cells[:2] = 99
    warned = opened(written(tmp_path / "table.csv", cells)).inventory.warnings
    assert not any("missing" in line for line in warned)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1.5, "b": 2}\n{"a": 2.5, "b": 3}\n', "JSON.*read_json"),
        ('[{"a": 1.5, "b": 2}]', "JSON.*read_json"),
        ("% a comment\n@relation r\n@attribute a numeric\n@data\n1\n", "ARFF.*loadarff"),
        ("1 1:0.5 2:-0.1 5:1e-3\n0 1:0.25 2:1\n", "LIBSVM.*load_svmlight_file"),
        ('<table border="1">\n<tr><td>1</td></tr>', "HTML.*read_html"),
    ],
)
def test_texts_of_other_kinds_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        opened(path)


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"<stata_dta><header>", "read_stata"),
        (b"$FL2@(#) SPSS DATA FILE", "read_spss"),
        (b"\x80\x05\x95", "read_pickle"),
    ],
)
def test_binary_tables_of_other_programs_are_named(
    tmp_path: Path, first: bytes, words: str
) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(first + bytes(200))
    with pytest.raises((ConfigError, DataError), match=words):
        open_dataset(DataSettings(str(path)))
