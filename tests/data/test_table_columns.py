"""Columns by purpose: labels, targets, ids, groups, categories; missing values; warnings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from scipy.io import savemat

import ambigan
from ambigan.cli import main
from ambigan.core.errors import AmbiganError, ConfigError, DataError
from ambigan.core.settings import override
from ambigan.data import Dataset, DataSettings, needed_by, open_dataset, open_examples

RANDOM = np.random.default_rng(0)
ROWS = 60
FRAME = pd.DataFrame(
    {
        "width": RANDOM.normal(size=ROWS),
        "count": RANDOM.integers(0, 90, ROWS),
        "colour": [["red", "green", "blue"][n % 3] for n in range(ROWS)],
    }
)


def written(folder: Path, frame: pd.DataFrame, kind: str = "csv") -> str:
    path = folder / f"t.{kind}"
    writers: dict[str, Any] = {"csv": frame.to_csv, "parquet": frame.to_parquet}
    writers[kind](path, index=False)
    return f"{kind}:{path}"


def everything(data: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """All values in the order of the file, in its units, and their rows."""
    assert data.scaling is not None
    assert data.train.rows is not None
    assert data.test.rows is not None
    rows, order = torch.cat([data.train.rows, data.test.rows]).sort()
    values = torch.cat([data.train.values, data.test.values])[order]
    return data.scaling.invert(values), rows


def followed(source: str, flag: str, **named: Any) -> Dataset:
    """Opens a source by the flag of the message with which it is refused without it."""
    with pytest.raises(AmbiganError) as caught:
        open_dataset(DataSettings(source, **named))
    assert flag in str(caught.value)
    assert "\n" not in str(caught.value)
    name, value = shlex.split(flag)
    return open_dataset(override(DataSettings(source, **named), {name[7:]: value}))


both = pytest.mark.parametrize("kind", ["csv", "parquet"])


@both
def test_categories_become_columns_and_stay_with_the_model(tmp_path: Path, kind: str) -> None:
    source = written(tmp_path, FRAME, kind)
    data = followed(source, "--data.one-hot colour")
    assert data.scaling is not None
    names = ("width", "count", "colour=blue", "colour=green", "colour=red")
    assert data.scaling.columns == names
    values, _ = everything(data)
    expected = np.stack([FRAME["colour"] == level for level in ("blue", "green", "red")], 1)
    np.testing.assert_allclose(values[:, 2:].numpy(), expected, atol=1e-6)
    other = FRAME.iloc[:4].assign(colour=["green", "pink", "red", "green"])
    (tmp_path / "new").mkdir()
    new = written(tmp_path / "new", other[["colour", "count", "width"]], kind)
    settings, _ = needed_by(DataSettings(new), data.spec, data.scaling)
    split = open_examples(settings, data.spec, data.scaling)
    found = data.scaling.invert(split.values)
    np.testing.assert_allclose(found[:, 0], other["width"], atol=1e-6)
    np.testing.assert_allclose(
        found[:, 2:].numpy(), [[0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0]], atol=1e-6
    )


@both
def test_dates_and_names_are_no_categories(tmp_path: Path, kind: str) -> None:
    frame = FRAME.assign(day=[f"2024-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(ROWS)])
    source = written(tmp_path, frame, kind)
    with pytest.raises(DataError, match=rf"'day' has {ROWS} levels in {ROWS} rows, too many"):
        open_dataset(DataSettings(source, one_hot=("colour", "day")))
    data = open_dataset(DataSettings(source, one_hot=("colour",), drop=("day",)))
    assert data.spec.shape == (5,)


def test_an_unknown_level_is_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = open_dataset(DataSettings(written(tmp_path, FRAME), one_hot=("colour",)))
    new = written(tmp_path, FRAME.iloc[:4].assign(colour="pink"))
    caplog.clear()
    open_examples(DataSettings(new), data.spec, data.scaling)
    assert "4 rows have levels of column 'colour' that the model does not know (pink)" in (
        caplog.text
    )


GAPS = FRAME.drop(columns="colour").assign(
    count=[None if n in (3, 17) else n * n for n in range(ROWS)]
)


@both
def test_missing_values_are_refused_with_row_and_column(tmp_path: Path, kind: str) -> None:
    source = written(tmp_path, GAPS, kind)
    with pytest.raises(DataError, match=r"2 values are missing .* column 'count', row 3"):
        open_dataset(DataSettings(source))
    data = followed(source, "--data.missing drop")
    values, rows = everything(data)
    assert rows.tolist() == [n for n in range(ROWS) if n not in (3, 17)]
    np.testing.assert_allclose(values[:, 1], GAPS["count"].dropna(), atol=1e-3)
    assert data.inventory.left_alone == {"rows with missing values": 2}


def test_a_missing_category_is_one_missing_value(tmp_path: Path) -> None:
    colours = GAPS.assign(colour=["red", "green", None, "blue"] * (ROWS // 4), gone=1.5)
    settings = {"missing": "median", "one_hot": "colour", "drop": "gone"}
    data = open_dataset(override(DataSettings(written(tmp_path, colours)), settings))
    facts, gaps = data.inventory.facts, 2 + ROWS // 4
    assert f"{gaps} missing values filled by the median" in facts
    assert data.inventory.left_alone == {"dropped column": 1}


@pytest.mark.parametrize("how", ["mean", "median"])
def test_missing_values_are_filled_by_the_training_split(tmp_path: Path, how: str) -> None:
    source = written(tmp_path, GAPS)
    data = open_dataset(override(DataSettings(source), {"missing": how}))
    assert data.scaling is not None
    assert data.scaling.fill is not None
    assert data.train.rows is not None
    known = GAPS["count"].iloc[data.train.rows.tolist()].dropna()
    expected = float(getattr(known, how)())
    assert data.scaling.fill[1] == pytest.approx(expected)
    values, rows = everything(data)
    assert len(rows) == ROWS
    np.testing.assert_allclose(values[[3, 17], 1], expected, rtol=1e-5)
    assert f"2 missing values filled by the {how}" in data.inventory.facts
    (tmp_path / "new").mkdir()
    new = written(tmp_path / "new", GAPS.iloc[3:5])
    split = open_examples(DataSettings(new), data.spec, data.scaling)
    assert data.scaling.invert(split.values)[0, 1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("mark", ["?", "-", "NA", "null", "#N/A", "unknown", "-999"])
def test_marks_of_missing_values(tmp_path: Path, mark: str) -> None:
    frame = GAPS.assign(count=[mark if v != v else v for v in GAPS["count"]])
    source = written(tmp_path, frame)
    named = {"missing": "drop", "missing_marks": mark if mark in ("unknown", "-999") else ""}
    data = open_dataset(override(DataSettings(source), {k: v for k, v in named.items() if v}))
    assert len(data.train) + len(data.test) == ROWS - 2


def test_a_number_as_a_mark_in_arrays(tmp_path: Path) -> None:
    values = RANDOM.normal(size=(40, 3))
    values[[2, 9], 1] = -999
    np.save(tmp_path / "x.npy", values)
    source = f"npy:{tmp_path / 'x.npy'}"
    settings = DataSettings(source, missing_marks=("-999",))
    with pytest.raises(DataError, match="2 values are missing"):
        open_dataset(settings)
    assert len(open_dataset(override(settings, {"missing": "drop"})).train) == 34


def test_one_cell_that_decides_the_scaling_is_said(tmp_path: Path) -> None:
    frame = FRAME.drop(columns="colour")
    frame.loc[7, "width"] = 1e9
    source = written(tmp_path, frame)
    data = open_dataset(DataSettings(source))
    (line,) = [text for text in data.inventory.warnings if "'width'" in text]
    assert "holds 1e+09 in one row" in line
    assert "--data.scaling robust" in line
    robust = open_dataset(DataSettings(source, scaling="robust"))
    assert not any("'width'" in text for text in robust.inventory.warnings)
    usual = robust.train.values[:, 0].sort().values[:-1]
    assert 0.8 < usual.std() < 1.3
    ranks = open_dataset(DataSettings(source, scaling="quantile"))
    assert ranks.train.values.abs().max() <= 1
    assert ranks.train.values[:, 0].std() > 0.5


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_scalings_can_be_inverted(tmp_path: Path, scaling: str) -> None:
    frame = FRAME.drop(columns="colour").assign(rare=[float(n % 9 == 0) for n in range(ROWS)])
    data = open_dataset(override(DataSettings(written(tmp_path, frame)), {"scaling": scaling}))
    values, _ = everything(data)
    np.testing.assert_allclose(values.numpy(), frame.to_numpy(), rtol=1e-4, atol=1e-4)


@both
def test_targets_ids_and_groups_are_carried(tmp_path: Path, kind: str) -> None:
    frame = FRAME.drop(columns="colour").assign(
        name=[f"s{n:03}" for n in range(ROWS)],
        brix=np.linspace(10, 20, ROWS),
        patient=[f"p{n // 6}" for n in range(ROWS)],
    )
    settings = DataSettings(
        written(tmp_path, frame, kind), target_column=("brix",), id_column="name", group="patient"
    )
    data = open_dataset(settings)
    assert data.spec.shape == (2,)
    for split in (data.train, data.test):
        assert split.rows is not None
        assert split.targets is not None
        assert split.targets.dtype == torch.float64
        rows = split.rows.numpy()
        np.testing.assert_array_equal(split.targets.numpy(), frame["brix"].to_numpy()[rows])
        assert list(split.ids) == frame["name"].iloc[rows].tolist()
    sides = [{int(row) // 6 for row in s.rows.tolist()} for s in (data.train, data.test)]  # type: ignore[union-attr]
    assert not sides[0] & sides[1]
    assert len(data.test) == 6


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_labels_in_a_second_file(tmp_path: Path, ending: str) -> None:
    frame = FRAME.drop(columns="colour").assign(name=[f"s{n}" for n in range(ROWS)])
    labels = np.array(["ab"[n % 2] for n in range(ROWS)])
    path = tmp_path / f"y.{ending}"
    if ending == "npy":
        np.save(path, labels)
    else:
        shuffled = pd.DataFrame({"name": frame["name"], "class": labels}).sample(frac=1)
        shuffled.to_csv(path, index=False)
    data = open_dataset(
        DataSettings(written(tmp_path, frame), id_column="name", label_file=str(path))
    )
    assert data.label_names == ("a", "b")
    assert data.train.labels is not None
    assert data.train.rows is not None
    assert torch.equal(data.train.labels, data.train.rows % 2)


@pytest.mark.parametrize(
    ("column", "values", "flag"),
    [
        ("Class", RANDOM.integers(0, 3, ROWS), "--data.label-column Class"),
        ("target", RANDOM.normal(size=ROWS), "--data.target-column target"),
        ("last", RANDOM.integers(0, 2, ROWS), "--data.label-column last"),
        ("id", range(1, ROWS + 1), "--data.id-column id"),
        ("sample", range(ROWS), "--data.id-column sample"),
        ("patient_id", np.arange(ROWS) // 4, "--data.group patient_id"),
        ("fold", np.arange(ROWS) % 5, "--data.drop fold"),
        ("mask", np.arange(ROWS) % 2, "--data.drop mask"),
    ],
)
def test_what_seems_no_data_is_warned_of(
    tmp_path: Path, column: str, values: Any, flag: str
) -> None:
    frame = pd.DataFrame(RANDOM.normal(size=(ROWS, 3)), columns=["a", "b", "c"])
    source = written(tmp_path, frame.assign(**{column: values}))
    lines = open_dataset(DataSettings(source)).inventory.warnings
    assert [line for line in lines if flag in line and f"'{column}'" in line]
    name, value = shlex.split(flag)
    settled = open_dataset(override(DataSettings(source), {name[7:]: value}))
    assert settled.spec.shape == (3,)
    assert not settled.inventory.warnings


def test_what_stands_before_a_spectrum_is_asked_about(tmp_path: Path) -> None:
    names = [f"wl{n}" for n in range(30)]
    frame = pd.DataFrame(RANDOM.normal(size=(ROWS, 30)), columns=names)
    frame.insert(0, "Brix", RANDOM.normal(15, 2, ROWS))
    lines = open_dataset(DataSettings(written(tmp_path, frame))).inventory.warnings
    assert any("--data.target-column Brix" in line for line in lines)


def test_plain_data_are_not_warned_of(tmp_path: Path) -> None:
    lines = open_dataset(DataSettings(written(tmp_path, FRAME.drop(columns="colour"))))
    assert not lines.inventory.warnings


def test_rows_of_pixels_are_images(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (50, 12), np.uint8)
    frame = pd.DataFrame(pixels, columns=[f"{n // 4}x{n % 4}" for n in range(12)])
    frame.insert(0, "label", np.arange(50) % 3)
    source = written(tmp_path, frame)
    data = open_dataset(DataSettings(source, shape=(3, 4)))
    assert data.spec.shape == (1, 3, 4)
    assert data.train.values.dtype == torch.uint8
    assert data.train.rows is not None
    expected = pixels.reshape(50, 1, 3, 4)[data.train.rows.numpy()]
    np.testing.assert_array_equal(data.train.values.numpy(), expected)
    assert data.label_names == ("0", "1", "2")
    np.save(tmp_path / "x.npy", pixels)
    array = open_dataset(DataSettings(f"npy:{tmp_path / 'x.npy'}", shape=(3, 4)))
    assert torch.equal(array.train.values, data.train.values)
    with pytest.raises(DataError, match=r"12 values and --data\.shape 4,4 asks for 16"):
        open_dataset(DataSettings(source, shape=(4, 4)))


VALUES = RANDOM.normal(size=(40, 5)).round(6)
LABELS = np.arange(40) % 3


def containers(folder: Path) -> dict[str, str]:
    """The same matrix and labels in every container."""
    frame = pd.DataFrame(VALUES, columns=list("abcde"))
    frame["label"] = LABELS
    frame.to_feather(folder / "t.feather")
    frame.to_excel(folder / "t.xlsx", index=False)
    (folder / "parts").mkdir()
    frame[:15].to_parquet(folder / "parts" / "0.parquet")
    frame[15:].to_parquet(folder / "parts" / "1.parquet")
    savemat(folder / "t.mat", {"X": VALUES, "y": LABELS[:, None], "info": np.ones(3)})
    np.savez(folder / "t.npz", X=VALUES, y=LABELS)
    np.savez(folder / "named.npz", spectra=VALUES, kinds=LABELS)
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "t.h5", "w") as file:
        file["data/X"], file["data/y"] = VALUES, LABELS
    anndata = pytest.importorskip("anndata")
    names = pd.DataFrame({"kind": LABELS}, index=[f"cell{n}" for n in range(40)])
    found = anndata.AnnData(sparse.csr_matrix(VALUES), obs=names)
    found.write_h5ad(folder / "t.h5ad")
    return {
        "feather": "t.feather",
        "excel": "t.xlsx",
        "parquet": "parts",
        "mat": "t.mat",
        "npz": "t.npz",
        "hdf5": "t.h5",
        "h5ad": "t.h5ad",
    }


@pytest.mark.filterwarnings("ignore")
def test_all_containers_give_the_same_data(tmp_path: Path) -> None:
    names = containers(tmp_path)
    expected = open_dataset(DataSettings(f"npz:{tmp_path / 't.npz'}"))
    for kind, name in names.items():
        label = "kind" if kind == "h5ad" else None
        for source in (f"{kind}:{tmp_path / name}", str(tmp_path / name)):
            data = open_dataset(DataSettings(source, label_column=label))
            assert data.sha256 == expected.sha256, source
    asked = DataSettings(f"npz:{tmp_path / 'named.npz'}")
    with pytest.raises(DataError, match=r"--data\.key"):
        open_dataset(asked)
    data = open_dataset(override(asked, {"key": "spectra", "label_column": "kinds"}))
    assert data.sha256 == expected.sha256
    sparse.save_npz(tmp_path / "s.npz", sparse.csr_matrix(VALUES))
    data = open_dataset(DataSettings(f"npz:{tmp_path / 's.npz'}"))
    assert torch.equal(data.train.values, expected.train.values)


@pytest.mark.parametrize(
    ("module", "extra", "name"),
    [("h5py", "hdf5", "hdf5:t.h5"), ("openpyxl", "excel", "excel:t.xlsx")],
)
def test_an_extra_that_is_missing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str, name: str
) -> None:
    kind, _, file = name.partition(":")
    (tmp_path / file).write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ConfigError, match=rf"pip install 'ambigan\[{extra}\]'"):
        open_dataset(DataSettings(f"{kind}:{tmp_path / file}"))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_outputs_of_tables_have_names_kinds_and_ids(tmp_path: Path) -> None:
    frame = FRAME.assign(name=[f"s{n}" for n in range(ROWS)])
    source = written(tmp_path, frame)
    run = ambigan.fit(
        "bigan",
        source,
        out=tmp_path / "run",
        epochs=1,
        batch_size=16,
        one_hot=("colour",),
        id_column="name",
    )
    folder = str(run.path)
    assert main(["sample", folder, "--num", "5", "--out", str(tmp_path / "s.csv")]) == 0
    made = pd.read_csv(tmp_path / "s.csv")
    assert list(made.columns) == ["width", "count", "colour"]
    assert made["count"].dtype == np.int64
    assert set(made["colour"]) <= {"red", "green", "blue"}
    out = tmp_path / "r.parquet"
    assert main(["reconstruct", folder, "--split", "all", "--num", "9", "--out", str(out)]) == 0
    again = pd.read_parquet(out)
    assert list(again.columns) == ["row", "id", "width", "count", "colour"]
    assert again["id"].tolist() == [f"s{row}" for row in again["row"]]
    out = tmp_path / "e.csv"
    assert main(["embed", folder, "--out", str(out)]) == 0
    features = pd.read_csv(out)
    assert features["id"].tolist() == frame["name"].tolist()
    out = tmp_path / "found.parquet"
    words = ["search", folder, "--query", "7,3", "--split", "all", "--num", "1"]
    assert main([*words, "--out", str(out)]) == 0
    found = pd.read_parquet(out)
    assert found["row"].tolist() == found["query_row"].tolist() == [7, 3]
    assert found["id"].tolist() == ["s7", "s3"]
    assert found["distance"].max() < 1e-4
    loaded = ambigan.load(run.path)
    np.testing.assert_array_equal(
        loaded.features(frame[list(reversed(frame.columns))]), loaded.features(source)
    )
    for far in (1e300, 1e39):
        with pytest.raises(ConfigError, match="too large for float32"):
            loaded.features(np.full((2, 5), far))
