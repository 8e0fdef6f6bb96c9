"""Pages and frames of files, groups that stay together, and the limit on pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.data import Dataset, DataSettings, open_dataset

from .mixed_folder import write_bomb

noise = np.random.default_rng(0)


def opened(source: Path | str, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(str(source), **settings))


def by_name(data: Dataset) -> dict[str, Any]:
    names = (*data.train.files, *data.test.files)
    return dict(zip(names, [*data.train.values, *data.test.values], strict=True))


def frames(suffix: str, path: Path, pixels: np.ndarray[Any, Any]) -> None:
    """Writes images `(N, H, W)` as the frames of one file."""
    if suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="minisblack")
        return
    images = [Image.fromarray(image) for image in pixels]
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    images[0].save(path, save_all=True, append_images=images[1:], **options)


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png"])
def test_pages_and_frames_are_counted_or_read(tmp_path: Path, suffix: str) -> None:
    pixels = noise.integers(0, 256, (4, 5, 16, 16), np.uint8)
    for number in range(4):
        frames(suffix, tmp_path / f"m{number}{suffix}", pixels[number])
    first = opened(tmp_path)
    also = " as images, --data.pages channels as channels of one" if suffix == ".tif" else ""
    assert first.inventory.left_alone == {
        f"pages after the first of a file (--data.pages all reads them{also})": 16
    }
    whole = by_name(opened(tmp_path, pages="all"))
    assert len(whole) == 20
    for number in range(4):
        for page in range(5):
            image = whole[f"m{number}{suffix}#{page}"].numpy()
            assert np.array_equal(image[0], pixels[number, page])


def test_one_file_of_many_pages(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    pixels = noise.integers(0, 4096, (60, 8, 8)).astype(np.uint16)
    tifffile.imwrite(path, pixels, photometric="minisblack")
    with pytest.raises(DataError, match=r"59 pages after the first .*--data\.pages all"):
        opened(path)
    data = opened(path, pages="all")
    assert (len(data.train), len(data.test)) == (54, 6)
    assert data.scaling is not None
    for name, image in by_name(data).items():
        raw = data.scaling.invert(image).round().numpy()
        assert np.array_equal(raw[0], pixels[int(name.partition("#")[2])])


def test_smaller_copies_of_a_page_are_no_pages(tmp_path: Path) -> None:
    for number in range(3):
        with tifffile.TiffWriter(tmp_path / f"{number}.tif") as file:
            file.write(noise.integers(0, 256, (16, 16), np.uint8), subfiletype=0)
            file.write(noise.integers(0, 256, (8, 8), np.uint8), subfiletype=1)
    assert not opened(tmp_path).inventory.left_alone
    assert opened(tmp_path, pages="all").inventory.num_read == 3


def patients(root: Path) -> Path:
    """Ten patients of four near-equal images each, in two classes at random."""
    for patient in range(10):
        scan = noise.integers(0, 236, (16, 16))
        for number in range(4):
            folder = root / f"class{noise.integers(2)}" / f"p{patient}"
            folder.mkdir(parents=True, exist_ok=True)
            image = (scan + noise.integers(0, 20, scan.shape)).astype(np.uint8)
            Image.fromarray(image).save(folder / f"p{patient}_{number}.png")
    return root


@pytest.mark.parametrize("group", ["2", r"(p\d+)_", r"p\d+"])
def test_groups_stay_on_one_side(tmp_path: Path, group: str) -> None:
    data = opened(patients(tmp_path), group=group, test_fraction=0.25)
    train, test = ({name.split("/")[1] for name in s.files} for s in (data.train, data.test))
    assert not train & test
    assert len(data.train) + len(data.test) == 40
    assert len(data.test) == 12
    assert "10 groups, whole on one side of the split" in data.inventory.facts
    other = opened(tmp_path, group=group, test_fraction=0.25, split_seed=1)
    assert set(other.test.files) != set(data.test.files)


def test_pages_of_a_file_stay_together(tmp_path: Path) -> None:
    for number in range(6):
        frames(".tif", tmp_path / f"{number}.tif", noise.integers(0, 256, (5, 8, 8), np.uint8))
    data = opened(tmp_path, pages="all", group="file", test_fraction=0.2)
    train, test = ({name[0] for name in split.files} for split in (data.train, data.test))
    assert not train & test
    assert len(data.test) in (5, 10)


def test_groups_that_cannot_be_are_one_line(tmp_path: Path) -> None:
    patients(tmp_path)
    for group, kind, said in (
        ("(", ConfigError, "is no regular expression"),
        ("q[0-9]", DataError, r"'q\[0-9\]' is not found in class"),
        ("3", DataError, "lies in 2 folders"),
        ("class", DataError, "all 40 examples are of one group, 'class'"),
    ):
        with pytest.raises(kind, match=said):
            opened(tmp_path, group=group)
    with pytest.raises(ConfigError, match=r"data\.holdout counts examples"):
        opened(tmp_path, group="2", holdout=3)


def test_a_large_photograph_is_read_reduced_or_by_a_higher_limit(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("L", (10, 8), number).resize((9001, 10000)).save(tmp_path / f"{number}.jpg")
    with pytest.raises(DataError, match=r"90,010,000 pixels.*--data\.max-pixels 90010000"):
        opened(tmp_path)
    assert opened(tmp_path, size=(8, 8)).spec.shape == (1, 8, 8)


def test_the_limit_can_be_raised(tmp_path: Path) -> None:
    for number in range(2):
        write_bomb(tmp_path / f"{number}.png", 9500)
    with pytest.raises(DataError, match=r"--data\.max-pixels 90250000"):
        opened(tmp_path, size=(8, 8))
    assert opened(tmp_path, size=(8, 8), max_pixels=90250000).spec.shape == (3, 8, 8)
