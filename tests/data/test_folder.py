"""A folder of images as a data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ambigan.core.errors import DataError
from ambigan.data import Dataset, DataSettings, Split, open_dataset
from ambigan.data.images import parallel_decoding as decoding


def picture(path: Path, level: int, size: tuple[int, int] = (4, 6), mode: str = "L") -> None:
    """An image of one gray, `size` high and wide."""
    path.parent.mkdir(parents=True, exist_ok=True)
    color = level if mode == "L" else (level,) * 3
    Image.new(mode, (size[1], size[0]), color).save(path)


def opened(root: Path, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(f"folder:{root}", **settings))


def contents(split: Split) -> dict[str, tuple[int, int]]:
    """Gray and label by file name."""
    assert split.labels is not None
    return {
        name: (int(values[0, 0, 0]), int(label))
        for name, values, label in zip(split.files, split.values, split.labels, strict=True)
    }


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Twenty images of two classes; the gray of each is its number."""
    for number in range(20):
        picture(tmp_path / ("cat" if number < 10 else "dog") / f"{number:02}.png", number)
    return tmp_path


def test_pixels_labels_rows_and_names_belong_together(classes: Path) -> None:
    data = opened(classes, test_fraction=0.25)
    assert (len(data.train), len(data.test)) == (15, 5)
    assert data.spec.shape == (1, 4, 6)
    assert data.train.values.dtype == torch.uint8
    assert data.label_names == ("cat", "dog")
    for split in (data.train, data.test):
        assert split.rows is not None
        for (name, (gray, label)), row in zip(contents(split).items(), split.rows, strict=True):
            assert name == f"{('cat', 'dog')[label]}/{gray:02}.png"
            assert int(row) == gray
    assert set(data.train.files) | set(data.test.files) == {
        f"{'cat' if number < 10 else 'dog'}/{number:02}.png" for number in range(20)
    }


def test_the_order_is_mixed_and_fixed_by_the_split_seed(classes: Path) -> None:
    first, again, other = (opened(classes, split_seed=seed) for seed in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256
    assert first.train.files != tuple(sorted(first.train.files))


def test_published_splits_share_their_classes(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "good" / "a.png", 1)
    picture(tmp_path / "train" / "good" / "b.png", 2)
    picture(tmp_path / "test" / "good" / "c.png", 3)
    picture(tmp_path / "test" / "bad" / "d.png", 4)
    data = opened(tmp_path)
    assert data.label_names == ("bad", "good")
    assert contents(data.train) == {"train/good/a.png": (1, 1), "train/good/b.png": (2, 1)}
    assert contents(data.test) == {"test/good/c.png": (3, 1), "test/bad/d.png": (4, 0)}


def test_a_flat_split_beside_one_by_class_has_no_labels(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "a.png", 1)
    picture(tmp_path / "val" / "cat" / "b.png", 2)
    picture(tmp_path / "val" / "dog" / "c.png", 3)
    data = opened(tmp_path)
    assert data.train.labels is None
    assert contents(data.test) == {"val/cat/b.png": (2, 0), "val/dog/c.png": (3, 1)}


def test_a_single_class_is_none(tmp_path: Path) -> None:
    for number in range(4):
        picture(tmp_path / "all" / f"{number}.png", number)
    data = opened(tmp_path)
    assert data.label_names is None
    assert data.train.labels is None


def test_a_holdout_comes_from_train(classes: Path) -> None:
    plain, held = opened(classes), opened(classes, holdout=4)
    assert held.test.files == plain.train.files[-4:]
    assert held.train.files == plain.train.files[:-4]


def test_colour_in_one_image_is_colour_in_all(classes: Path) -> None:
    picture(classes / "cat" / "red.png", 9, mode="RGB")
    assert opened(classes).spec.shape == (3, 4, 6)
    assert opened(classes, grayscale=True).spec.shape == (1, 4, 6)


def test_different_sizes_are_named_with_the_remedy(classes: Path) -> None:
    picture(classes / "dog" / "wide.png", 1, size=(4, 9))
    with pytest.raises(DataError) as caught:
        opened(classes)
    said = str(caught.value)
    assert "cat/00.png is 4x6 and dog/wide.png is 4x9" in said
    assert "--data.size 32,32" in said


def test_a_size_brings_them_together(classes: Path) -> None:
    picture(classes / "dog" / "wide.png", 1, size=(40, 9))
    assert opened(classes, size=(8, 2)).spec.shape == (1, 8, 2)


def damage(root: Path) -> list[str]:
    """Five kinds of damage; the names, sorted."""
    picture(root / "cut.png", 1, size=(50, 50))
    whole = (root / "cut.png").read_bytes()
    (root / "cut.png").write_bytes(whole[: len(whole) - 20])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.png").write_text("no image")
    os.symlink(root / "nowhere", root / "dangling.png")
    os.mkfifo(root / "pipe.png")
    return ["cut.png", "dangling.png", "empty.jpg", "pipe.png", "text.png"]


def test_what_cannot_be_read_is_skipped_and_listed(classes: Path) -> None:
    names = [f"cat/{name}" for name in damage(classes / "cat")]
    data = opened(classes, max_corrupt=0.5, size=(4, 6))
    assert len(data.train) + len(data.test) == 20
    assert [line.split(": ")[0] for line in data.skipped] == names
    reasons = dict(line.split(": ", 1) for line in data.skipped)
    assert reasons["cat/text.png"] == "text, not an image of a known format"
    assert reasons["cat/empty.jpg"].startswith("an empty file")
    assert "broken link" in reasons["cat/dangling.png"]
    assert "regular file" in reasons["cat/pipe.png"]
    numbers = {int(name.split("/")[1][:2]) for name in (*data.train.files, *data.test.files)}
    assert numbers == set(range(20))
    for split in (data.train, data.test):
        grays = split.values[:, 0, 0, 0].tolist()
        assert [int(name.split("/")[1][:2]) for name in split.files] == grays


def test_too_many_are_refused(classes: Path) -> None:
    damage(classes / "cat")
    with pytest.raises(DataError) as caught:
        opened(classes, max_corrupt=0.1)
    said = str(caught.value)
    assert "of 25 images cannot be read, the first" in said
    assert "0.1" in said
    assert "--data.max-corrupt" in said


def test_one_damaged_in_the_middle_counts_too(classes: Path) -> None:
    path = classes / "cat" / "03.png"
    noise = np.random.default_rng(0).integers(0, 256, (4, 6), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"1 of 20 images cannot be read, the first cat/03\.png"):
        opened(classes)
    assert len(opened(classes, max_corrupt=0.05).skipped) == 1


def test_none_that_can_be_read_is_refused_whatever_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match="1 of 1 images cannot be read"):
        opened(tmp_path, max_corrupt=1.0)


def test_a_decompression_bomb_is_skipped(classes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(classes / "cat" / "bomb.png", 1, size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    (line,) = opened(classes, max_corrupt=0.1).skipped
    assert line.startswith("cat/bomb.png: it has 10,000 pixels, more than the limit of 1,000")


def test_a_single_image_cannot_be_split(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    with pytest.raises(DataError, match="is one image, and a training takes several"):
        opened(tmp_path)


def test_more_than_memory_is_refused_before_it_is_tried(
    classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "physical_memory", lambda: 2**20)
    with pytest.raises(DataError, match=r"20 images of 1000x1000 need 0\.0 GiB.*--data\.size"):
        opened(classes, size=(1000, 1000))


def test_blocks_of_files_stay_in_order(classes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opened(classes).sha256
    monkeypatch.setattr(decoding, "_BLOCK", 3)
    assert opened(classes).sha256 == whole


@pytest.mark.data
def test_imagenette(data_root: Path) -> None:
    if not (data_root / "imagenette128").is_dir():
        pytest.skip("there is no imagenette128 under AMBIGAN_DATA")
    data = opened(data_root / "imagenette128", size=(16, 16))
    assert (len(data.train), len(data.test)) == (2500, 550)
    assert data.test.labels is not None
    assert data.test.labels.bincount().tolist() == [55] * 10
    assert not data.skipped
