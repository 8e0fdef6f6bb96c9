"""`.csv` and `.parquet`, sound and not."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ambigan.core.errors import DataError
from ambigan.data import Dataset, DataSettings, open_dataset

ROWS = 12
SOUND: dict[str, list[Any]] = {
    "width": [0.5 * row for row in range(ROWS)],
    "count": [row % 5 for row in range(ROWS)],
    "label": ["ab"[row % 2] for row in range(ROWS)],
}


def csv(folder: Path, columns: dict[str, list[Any]], mark: str = ",") -> Path:
    lines = [columns.keys(), *zip(*columns.values(), strict=True)]
    texts = [mark.join("" if item is None else str(item) for item in line) for line in lines]
    (folder / "t.csv").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return folder / "t.csv"


def parquet(folder: Path, columns: Any) -> Path:
    arrow = import_module("pyarrow")
    import_module("pyarrow.parquet").write_table(arrow.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


WRITERS = {"csv": csv, "parquet": parquet}
both = pytest.mark.parametrize("kind", sorted(WRITERS))


def written(kind: str, folder: Path, columns: dict[str, list[Any]]) -> Path:
    return WRITERS[kind](folder, columns)


def opened(path: Path, **settings: Any) -> Dataset:
    kind = "parquet" if path.suffix == ".parquet" else "csv"
    return open_dataset(DataSettings(f"{kind}:{path}", **settings))


def refused(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        opened(path, **settings)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said


@both
def test_numbers_and_labels(tmp_path: Path, kind: str) -> None:
    data = opened(written(kind, tmp_path, SOUND), scaling="none", test_fraction=0.25)
    assert (len(data.train), len(data.test), data.spec.shape) == (9, 3, (2,))
    assert data.label_names == ("a", "b")
    assert data.scaling is not None
    assert data.scaling.columns == ("width", "count")
    for split in (data.train, data.test):
        assert split.rows is not None
        assert split.labels is not None
        assert torch.equal(split.labels, split.rows % 2)
        assert torch.equal(split.values[:, 0], split.rows * 0.5)
        assert torch.equal(split.values[:, 1], (split.rows % 5).float())


def test_both_kinds_give_the_same_data(tmp_path: Path) -> None:
    assert opened(csv(tmp_path, SOUND)).sha256 == opened(parquet(tmp_path, SOUND)).sha256


@both
def test_a_label_column_by_name(tmp_path: Path, kind: str) -> None:
    path = written(kind, tmp_path, SOUND)
    data = opened(path, label_column="count", drop=("label",))
    assert data.label_names == ("0", "1", "2", "3", "4")
    assert data.spec.shape == (1,)


@both
def test_without_a_label_column(tmp_path: Path, kind: str) -> None:
    columns = {"a": list(range(ROWS)), "b": [True, False] * 6}
    data = opened(written(kind, tmp_path, columns))
    assert data.train.labels is None
    assert data.spec.shape == (2,)


@both
def test_a_dropped_label_is_no_label(tmp_path: Path, kind: str) -> None:
    assert opened(written(kind, tmp_path, SOUND), drop=("label",)).label_names is None


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_separators(tmp_path: Path, mark: str) -> None:
    assert opened(csv(tmp_path, SOUND, mark)).sha256 == opened(csv(tmp_path, SOUND)).sha256


def test_packed_csv_and_a_byte_order_mark(tmp_path: Path) -> None:
    plain = csv(tmp_path, SOUND)
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    assert opened(packed).sha256 == opened(plain).sha256


def test_kinds_of_columns_in_parquet(tmp_path: Path) -> None:
    arrow = import_module("pyarrow")
    rows = list(range(ROWS))
    columns: dict[str, Any] = {
        "half": arrow.array(np.array(rows, np.float16)),
        "big": arrow.array([2**60 + row * 2**50 for row in rows]),
        "money": arrow.array([Decimal(row) / 4 for row in rows]),
        "category": arrow.array([row % 3 for row in rows]).dictionary_encode(),
        "label": arrow.array(["xyz"[row % 3] for row in rows]).dictionary_encode(),
    }
    data = opened(parquet(tmp_path, columns), scaling="none")
    assert data.label_names == ("x", "y", "z")
    assert data.train.rows is not None
    expected = (2**60 + data.train.rows.double() * 2**50).float()
    assert torch.equal(data.train.values[:, 1], expected)
    assert torch.equal(data.train.values[:, 0], data.train.rows.float())
    assert torch.equal(data.train.values[:, 2], data.train.rows / 4)
    assert torch.equal(data.train.values[:, 3], (data.train.rows % 3).float())


def test_folders_on_the_way_are_no_columns(tmp_path: Path) -> None:
    (tmp_path / "year=2020").mkdir()
    assert opened(parquet(tmp_path / "year=2020", SOUND)).spec.shape == (2,)


def test_wavelengths_may_be_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns: dict[str, list[Any]] = {str(400 + 10 * n): rng.random(9).tolist() for n in range(4)}
    assert opened(csv(tmp_path, columns)).spec.shape == (4,)


def test_a_column_that_turns_to_fractions_late(tmp_path: Path) -> None:
    lines = [*(str(row % 7) for row in range(30_000)), "0.5"]
    (tmp_path / "t.csv").write_text("a\n" + "\n".join(lines))
    data = opened(tmp_path / "t.csv", scaling="none")
    assert 0.5 in torch.cat([data.train.values, data.test.values])


@both
def test_text_is_refused_with_both_remedies(tmp_path: Path, kind: str) -> None:
    columns = SOUND | {"city": [None, "Oslo"] * 6, "name": ["x"] * ROWS}
    said = refused(written(kind, tmp_path, columns))
    assert (
        "column 'city' holds text ('Oslo' in row 1, counted from 0), not numbers (nor do name)"
        in said
    )
    assert "--data.drop city,name" in said
    assert "(--data.label-column name)" in said


def test_texts_are_offered_for_what_they_may_be(tmp_path: Path) -> None:
    texts = {
        "who": [f"P{row}" for row in range(ROWS)],
        "visit": [f"{row % 9 + 1}.11.2024" for row in range(ROWS)],
        "seen": [f"2024-11-0{row % 9 + 1} 12:30" for row in range(ROWS)],
        "colour": ["red", "blue"] * (ROWS // 2),
    }
    said = refused(csv(tmp_path, texts | SOUND))
    assert "--data.one-hot colour, drop with --data.drop who,visit,seen,colour," in said
    assert "(--data.id-column who) or the labels (--data.label-column colour)" in said


def test_a_single_bad_cell_is_found(tmp_path: Path) -> None:
    columns = SOUND | {"width": [*range(ROWS - 1), "1:5"]}
    path = csv(tmp_path, columns, ";")
    assert "column 'width' holds text ('1:5' in row 11, counted from 0)" in refused(path)


def test_other_types_are_named(tmp_path: Path) -> None:
    columns = SOUND | {"day": [date(2020, 1, 1)] * ROWS}
    said = refused(parquet(tmp_path, columns))
    assert "column 'day' holds values of type date32" in said
    assert "--data.drop day" in said
    said = refused(parquet(tmp_path, SOUND | {"label": [date(2020, 1, 1)] * ROWS}))
    assert "column 'label' holds values of type date32[day]; labels must be integers" in said


@both
@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_missing_and_infinite_values(tmp_path: Path, kind: str, missing: float | None) -> None:
    columns = SOUND | {"count": [0, 1, missing, 3, missing, *range(7)]}
    said = refused(written(kind, tmp_path, columns))
    assert "2 values are missing (NaN) or infinite" in said
    assert "in column 'count', row 2 (counted from 0)" in said
    assert "--data.drop count" in said


@both
def test_too_large_for_float32(tmp_path: Path, kind: str) -> None:
    columns = SOUND | {"count": [*range(ROWS - 1), -1e39]}
    said = refused(written(kind, tmp_path, columns))
    assert "1 values are too large for float32, the first -1e+39 in column 'count', row 11" in said


@both
def test_a_column_without_any_value(tmp_path: Path, kind: str) -> None:
    said = refused(written(kind, tmp_path, SOUND | {"count": [None] * ROWS}))
    assert "12 values are missing" in said
    assert "column 'count'" in said


@both
def test_constant_columns(tmp_path: Path, kind: str) -> None:
    path = written(kind, tmp_path, SOUND | {"unit": [1] * ROWS})
    said = refused(path)
    assert "column 'unit' never changes in the 11 training rows" in said
    assert "--data.drop-constant true" in said
    data = opened(path, drop_constant=True)
    assert data.scaling is not None
    assert data.scaling.columns == ("width", "count")


@both
def test_constants_are_judged_on_the_training_split(tmp_path: Path, kind: str) -> None:
    held_out = opened(written(kind, tmp_path, SOUND)).test.rows
    assert held_out is not None
    unit = [1 if row in held_out.tolist() else 0 for row in range(ROWS)]
    assert "'unit' never changes" in refused(written(kind, tmp_path, SOUND | {"unit": unit}))


@both
def test_unknown_columns_are_named_with_the_nearest(tmp_path: Path, kind: str) -> None:
    path = written(kind, tmp_path, SOUND)
    said = refused(path, drop=("widht",))
    assert "has no column 'widht'. Did you mean 'width'?" in said
    assert "Its columns: width, count, label." in said
    assert "has no column 'labels'. Did you mean 'label'?" in refused(path, label_column="labels")


@both
def test_labels_that_are_missing_or_fractions(tmp_path: Path, kind: str) -> None:
    for labels in (["a", None] * 6, [1, None] * 6):
        said = refused(written(kind, tmp_path, SOUND | {"label": labels}))
        assert "column 'label': 6 of 12 labels are missing, the first in row 1" in said
        assert "--data.drop" in said
    said = refused(written(kind, tmp_path, SOUND | {"label": [0.5] * ROWS}))
    assert "column 'label': 0.5 is not a label" in said


@both
def test_too_few_rows_and_columns(tmp_path: Path, kind: str) -> None:
    one = {name: items[:1] for name, items in SOUND.items()}
    assert "holds 1 rows; at least 2" in refused(written(kind, tmp_path, one))
    none: dict[str, list[Any]] = {name: [] for name in SOUND}
    assert "holds 0 rows; at least 2" in refused(written(kind, tmp_path, none))
    only_labels = {"label": SOUND["label"]}
    assert "no column of numbers" in refused(written(kind, tmp_path, only_labels))


@both
def test_row_numbers_are_no_feature(tmp_path: Path, kind: str) -> None:
    """Not even where they count from one or are in no order, as after a shuffle."""
    path = written(kind, tmp_path, {"": [ROWS, *range(1, ROWS)], **SOUND})
    said = refused(path)
    assert "column '' numbers the rows" in said
    assert "index=False" in said
    assert """--data.drop '[""]'""" in said
    assert opened(path, drop=("",)).spec.shape == (2,)


def test_names_that_occur_twice(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,a\n1,2,3\n4,5,7\n")
    assert "has 2 columns named 'a'" in refused(tmp_path / "t.csv")


@pytest.mark.parametrize("first", ["5.1,3.5,4.0", "7", "7,7", "5.1,3.5,1.4,setosa"])
def test_a_missing_line_of_names(tmp_path: Path, first: str) -> None:
    (tmp_path / "t.csv").write_text(f"{first}\n{first}\n{first}\n")
    said = refused(tmp_path / "t.csv")
    assert "looks like data; if it is, give --data.header false" in said


def test_lines_of_different_length(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    assert "Expected 2 columns, got 1" in refused(tmp_path / "t.csv")


def test_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,7\n", encoding="utf-16")
    assert len(opened(tmp_path / "t.csv").train) == 2
    (tmp_path / "t.csv").write_text("größe,b\n1,2\n3,4\n5,7\n", encoding="latin-1")
    said = refused(tmp_path / "t.csv")
    assert "no CSV in UTF-8" in said
    assert "--data.encoding latin-1" in said
    data = opened(tmp_path / "t.csv", encoding="latin-1")
    assert data.scaling is not None
    assert data.scaling.columns == ("größe", "b")


def test_a_very_long_line(tmp_path: Path) -> None:
    header = ",".join(f"{number:01000}name" for number in range(2_000))
    rows = [",".join(str(row + number) for number in range(2_000)) for row in range(3)]
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]))
    assert opened(tmp_path / "t.csv").spec.shape == (2_000,)


@both
def test_files_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    empty = tmp_path / f"empty.{kind}"
    empty.write_bytes(b"")
    assert f"is empty; a .{kind} file was expected" in refused(empty)
    assert "does not exist" in refused(tmp_path / f"none.{kind}")
    (tmp_path / f"dir.{kind}").mkdir()
    said = refused(tmp_path / f"dir.{kind}")
    assert ("is a folder" if kind == "csv" else "holds no .parquet file") in said


def test_parquet_that_is_none(tmp_path: Path) -> None:
    text = tmp_path / "text.parquet"
    text.write_text("a,b\n1,2\n")
    assert "is damaged, cut short or not Parquet" in refused(text)
    whole = parquet(tmp_path, SOUND)
    short = tmp_path / "short.parquet"
    short.write_bytes(whole.read_bytes()[:-30])
    assert "is damaged, cut short or not Parquet" in refused(short)


def test_blank_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n\n")
    assert "CSV" in refused(tmp_path / "t.csv")
