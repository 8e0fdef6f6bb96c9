"""Tables of images: columns of paths, of the bytes of files, labels, splits and groups."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.data import Dataset, DataSettings, Split, open_dataset

NAMES = ("cat", "dog")


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Twenty images in `pictures/`, whose gray is their number and whose class its parity."""
    (tmp_path / "pictures").mkdir()
    for number in range(20):
        Image.new("L", (6, 5), number).save(tmp_path / "pictures" / f"{number:02}.png")
    names = [f"pictures/{number:02}.png" for number in range(20)]
    kinds = [NAMES[number % 2] for number in range(20)]
    who = [f"p{number // 4}" for number in range(20)]
    return pd.DataFrame({"file": names, "class": kinds, "who": who, "age": range(20)})


def as_bytes(table: pd.DataFrame, root: Path) -> list[bytes]:
    return [(root / name).read_bytes() for name in table["file"]]


def opened(source: Path | str, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(str(source), **settings))


def check(*splits: Split) -> None:
    for split in splits:
        assert split.labels is not None
        assert split.labels.tolist() == [int(image[0, 0, 0]) % 2 for image in split.values]


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "parquet"])
def test_paths_relative_to_the_table(tmp_path: Path, table: pd.DataFrame, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    data = opened(path)
    assert data.spec.shape == (1, 5, 6)
    assert data.label_names == NAMES
    check(data.train, data.test)
    assert "images from column 'file'" in data.inventory.facts
    assert "labels from column 'class'" in data.inventory.facts
    assert data.inventory.left_alone == {"other columns (who, age)": 2}
    assert data.train.files[0].startswith("pictures/")


@pytest.mark.parametrize("form", ["bytes", "struct"])
def test_bytes_of_images(tmp_path: Path, table: pd.DataFrame, form: str) -> None:
    content = as_bytes(table, tmp_path)
    held = [{"bytes": data, "path": None} for data in content] if form == "struct" else content
    path = tmp_path / "a.parquet"
    pd.DataFrame({"image": held, "label": table["class"]}).to_parquet(path)
    for source in (path, f"parquet:{path}", f"hf:{path}"):
        data = opened(source)
        assert data.label_names == NAMES
        check(data.train, data.test)


def test_several_columns_of_images(tmp_path: Path, table: pd.DataFrame) -> None:
    content = as_bytes(table, tmp_path)
    frame = pd.DataFrame({"before": content, "after": content[::-1], "mask": content})
    frame.to_parquet(tmp_path / "a.parquet")
    for source in (f"parquet:{tmp_path}/a.parquet", f"hf:{tmp_path}/a.parquet"):
        with pytest.raises(DataError, match=r"before, after; name one with --data\.image-column"):
            opened(source)
        data = opened(source, image_column="after")
        assert data.inventory.num_read == 20
    with pytest.raises(DataError, match=r"'bfore'\. Did you mean 'before'"):
        opened(f"parquet:{tmp_path}/a.parquet", image_column="bfore")
    frame[["mask", "after"]].to_parquet(tmp_path / "b.parquet")
    data = opened(tmp_path / "b.parquet")
    assert "images from column 'after'" in data.inventory.facts
    assert data.inventory.left_alone == {"other columns (mask)": 1}


def test_a_column_of_splits_and_one_of_groups(tmp_path: Path, table: pd.DataFrame) -> None:
    table["split"] = ["train"] * 12 + ["val"] * 3 + ["test"] * 5
    table.to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv")
    assert (len(data.train), len(data.test)) == (12, 5)
    check(data.train, data.test)
    assert data.inventory.left_alone["rows of other splits in column 'split'"] == 3
    table.drop(columns="split").to_csv(tmp_path / "b.csv", index=False)
    grouped = opened(tmp_path / "b.csv", group="who", test_fraction=0.2)
    sides = [
        {int(image[0, 0, 0]) // 4 for image in s.values} for s in (grouped.train, grouped.test)
    ]
    assert not sides[0] & sides[1]


def test_images_that_are_not_there_are_named(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[3, "file"] = "pictures/no.png"
    table.loc[4, "file"] = "https://example.org/a.png"
    table.loc[5, "file"] = None
    table.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DataError, match=r"3 of 20 .*pictures/no\.png \(there is no file"):
        opened(tmp_path / "a.csv")
    data = opened(tmp_path / "a.csv", max_corrupt=0.2)
    assert len(data.skipped) == 3
    check(data.train, data.test)


def test_a_table_of_numbers_is_still_one_of_vectors(tmp_path: Path, table: pd.DataFrame) -> None:
    table[["age"]].assign(other=np.random.default_rng(0).normal(size=20)).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert opened(tmp_path / "a.csv").spec.kind == "vectors"


def test_a_folder_of_hf_with_an_archive_inside(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    shutil.copytree(tmp_path / "pictures", tmp_path / "in" / "flat")
    (tmp_path / "set").mkdir()
    shutil.make_archive(str(tmp_path / "set" / "train"), "zip", tmp_path / "in" / "flat")
    assert opened(f"hf:{tmp_path / 'set'}").inventory.num_read == 20


def test_what_the_library_cannot_open_can_be_opened_as_it_says(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    for name, kind in zip(table["file"], table["class"], strict=True):
        target = tmp_path / "in" / kind / Path(name).name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / name, target)
    (tmp_path / "set").mkdir()
    shutil.make_archive(str(tmp_path / "set" / "train"), "zip", tmp_path / "in")
    with pytest.raises(DataError, match="or images alone: --data archive:") as caught:
        opened(f"hf:{tmp_path / 'set'}")
    remedy = str(caught.value).rpartition("--data ")[2].rstrip(".")
    data = opened(remedy)
    check(data.train, data.test)


def test_labels_of_a_table_may_be_missing(tmp_path: Path, table: pd.DataFrame) -> None:
    table.loc[3, "class"] = None
    table.to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv")
    assert (data.train.labels is None) != (data.test.labels is None)
    with pytest.raises((DataError, ConfigError), match="Did you mean 'class'"):
        opened(tmp_path / "a.csv", label_column="clas")


def test_pages_in_cells(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    images = [Image.new("L", (4, 4), level) for level in (0, 100, 200)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    pd.DataFrame({"image": [buffer.getvalue()] * 3}).to_parquet(tmp_path / "a.parquet")
    assert opened(tmp_path / "a.parquet", pages="all").inventory.num_read == 9


def stems(table: pd.DataFrame) -> list[str]:
    return [Path(name).stem for name in table["file"]]


@pytest.mark.parametrize("name", ["stem", "file", "windows", "number"])
def test_images_are_found_by_the_names_of_their_files(
    tmp_path: Path, table: pd.DataFrame, name: str
) -> None:
    """As in tables that lie next to a folder of images, which they do not name."""
    if name == "number":
        for number in range(20):
            path = tmp_path / "pictures" / f"{number:02}.png"
            path.rename(path.with_name(f"{number}.png"))
    written = {
        "stem": [f"s{stem}" for stem in stems(table)],
        "file": [Path(file).name for file in table["file"]],
        "windows": [f"C:\\data\\{Path(file).name}" for file in table["file"]],
        "number": range(20),
    }[name]
    if name == "stem":
        for path in (tmp_path / "pictures").iterdir():
            path.rename(path.with_name(f"s{path.name}"))
    pd.DataFrame({"id": written, "label": table["class"]}).to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv")
    check(data.train, data.test)
    assert "20 found by their names in folders below the table" in data.inventory.facts
    assert data.train.files[0].startswith("pictures/")


def test_a_name_of_several_images_is_in_doubt(tmp_path: Path, table: pd.DataFrame) -> None:
    shutil.copytree(tmp_path / "pictures", tmp_path / "more")
    pd.DataFrame({"id": stems(table), "label": table["class"]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    with pytest.raises(DataError, match=r"several images are named so, such as more/00\.png and"):
        opened(f"csv:{tmp_path}/a.csv", image_column="id")


def test_numbers_that_name_no_image_stay_numbers(tmp_path: Path, table: pd.DataFrame) -> None:
    """Files are called 0.png and 1.png, and classes are numbers."""
    for number in range(3):
        Image.new("L", (6, 5), number).save(tmp_path / f"{number}.png")
    rows = np.random.default_rng(0).normal(size=(20, 3)).round(3)
    frame = pd.DataFrame(rows, columns=["a", "b", "c"]).assign(label=np.arange(20) % 3)
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert opened(tmp_path / "a.csv").spec.shape == (3,)


@pytest.mark.parametrize("separator", [",", " ", "\t"])
def test_lists_without_a_line_of_names(tmp_path: Path, table: pd.DataFrame, separator: str) -> None:
    rows = table[["file", "class"]]
    rows.to_csv(tmp_path / "a.txt", index=False, header=False, sep=separator)
    data = opened(tmp_path / "a.txt", label_column="column_2")
    assert data.inventory.num_read == 20
    check(data.train, data.test)
    table["file"].to_csv(tmp_path / "b.txt", index=False, header=False)
    assert opened(tmp_path / "b.txt").inventory.num_read == 20


def test_a_line_of_names_with_blanks_and_one_comma(tmp_path: Path, table: pd.DataFrame) -> None:
    names = {"file": "path of the image", "class": "class"}
    table[["file", "class"]].rename(columns=names).to_csv(tmp_path / "a.csv", index=False)
    data = opened(tmp_path / "a.csv")
    check(data.train, data.test)
