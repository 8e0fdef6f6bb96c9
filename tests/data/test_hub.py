"""Images of the library `datasets`, from folders, without a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.data import DataSettings, Split, find_image_source, open_dataset, prepare_images

NAMES = ["cat", "dog"]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def made(count: int, first: int = 0, **columns: Any) -> datasets.Dataset:
    """Images whose gray is their number; the label is its parity."""
    numbers = range(first, first + count)
    content = {
        "picture": [Image.new("RGB", (6, 5), (n, n, n)) for n in numbers],
        "label": [n % 2 for n in numbers],
    } | columns
    features = datasets.Features(
        {"picture": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
        | {name: datasets.Value("string") for name in columns}
    )
    return datasets.Dataset.from_dict(content, features=features)


def check(split: Split) -> None:
    assert split.labels is not None
    assert split.labels.tolist() == [int(values[0, 0, 0]) % 2 for values in split.values]


def test_a_saved_set_with_splits(tmp_path: Path) -> None:
    parts = {"train": made(10), "validation": made(3, 10), "test": made(4, 20)}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "set"))
    data = open_dataset(DataSettings(f"hf:{tmp_path / 'set'}"))
    assert data.spec.shape == (3, 5, 6)
    assert data.label_names == ("cat", "dog")
    assert sorted(data.train.values[:, 0, 0, 0].tolist()) == list(range(10))
    assert sorted(data.test.values[:, 0, 0, 0].tolist()) == [20, 21, 22, 23]
    check(data.train)
    check(data.test)
    one = open_dataset(DataSettings(f"hf:{tmp_path / 'set'}:validation", test_fraction=0.34))
    assert (len(one.train), len(one.test)) == (2, 1)


def test_a_saved_split_alone_is_divided(tmp_path: Path) -> None:
    made(20).save_to_disk(str(tmp_path / "set"))
    settings = DataSettings(f"hf:{tmp_path / 'set'}", size=(4, 4))
    data = open_dataset(settings)
    assert (len(data.train), len(data.test)) == (18, 2)
    check(data.train)
    prepare_images(settings, find_image_source(settings), tmp_path / "out")
    assert open_dataset(DataSettings(f"packed:{tmp_path / 'out'}")).sha256 == data.sha256


def test_a_folder_of_pictures_and_one_of_parquet(tmp_path: Path) -> None:
    for number in range(8):
        path = tmp_path / "pictures" / "train" / NAMES[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 5), (number, number, number)).save(path)
    data = open_dataset(DataSettings(f"hf:{tmp_path / 'pictures'}", test_fraction=0.25))
    assert data.label_names == ("cat", "dog")
    check(data.train)
    (tmp_path / "tables").mkdir()
    made(8).to_parquet(str(tmp_path / "tables" / "train.parquet"))
    made(3, 8).to_parquet(str(tmp_path / "tables" / "test.parquet"))
    data = open_dataset(DataSettings(f"hf:{tmp_path / 'tables'}"))
    assert (len(data.train), len(data.test)) == (8, 3)
    check(data.test)


def test_labels_may_be_another_column(tmp_path: Path) -> None:
    made(8, place=["sea", "hill"] * 4).save_to_disk(str(tmp_path / "set"))
    source = f"hf:{tmp_path / 'set'}"
    assert open_dataset(DataSettings(source, label_column="place")).label_names == ("hill", "sea")
    with pytest.raises(ConfigError, match=r"'plase'\. Did you mean 'place'"):
        open_dataset(DataSettings(source, label_column="plase"))


@pytest.mark.parametrize("unknown", [-1, None])
def test_a_split_of_which_some_have_no_label_has_none(tmp_path: Path, unknown: int | None) -> None:
    rows = made(10).to_dict() | {"label": [unknown, *(n % 2 for n in range(1, 10))]}
    train = datasets.Dataset.from_dict(rows, features=made(1).features)
    datasets.DatasetDict({"train": train, "test": made(4)}).save_to_disk(str(tmp_path / "set"))
    data = open_dataset(DataSettings(f"hf:{tmp_path / 'set'}"))
    assert data.train.labels is None
    check(data.test)


def test_rows_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    broken = made(10).cast_column("picture", datasets.Image(decode=False)).to_list()
    broken[3]["picture"]["bytes"] = b"no image"
    broken[5]["picture"] = None
    features = made(1).features
    datasets.Dataset.from_list(broken, features=features).save_to_disk(str(tmp_path / "set"))
    data = open_dataset(DataSettings(f"hf:{tmp_path / 'set'}", size=(4, 4), max_corrupt=0.2))
    assert data.skipped == (
        "train/3: text, not an image of a known format",
        "train/5: there is no image in this row",
    )


def test_what_cannot_be_opened_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"train": made(4), "test": made(4), "unseen": made(4)}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "set"))
    datasets.DatasetDict({"a": made(4), "b": made(4)}).save_to_disk(str(tmp_path / "two"))
    datasets.Dataset.from_dict({"x": [1]}).save_to_disk(str(tmp_path / "numbers"))
    for source, kind, said in (
        (
            f"{tmp_path}/set:tset",
            ConfigError,
            r"unknown split of hf:.* 'tset'\. Did you mean 'test'",
        ),
        (f"{tmp_path}/two", ConfigError, r"has the splits a, b; name one, for instance hf:.*two:a"),
        (f"{tmp_path}/numbers", DataError, "has no column of images; its columns are x"),
        (f"{tmp_path}/nowhere", DataError, "the library datasets cannot open .*nowhere"),
    ):
        with pytest.raises(kind, match=said) as caught:
            open_dataset(DataSettings(f"hf:{source}"))
        assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'ambigan\[huggingface\]'"):
        open_dataset(DataSettings(f"hf:{tmp_path}/set"))
