"""What files declare of their pixels: channels over pages, marks of missing ones; extremes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from ambigan.cli import main
from ambigan.core.errors import DataError
from ambigan.data import Dataset, DataSettings, open_dataset

draw = np.random.default_rng(0)


def opened(source: Path | str, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(str(source), **settings))


def in_units(data: Dataset) -> dict[str, np.ndarray[Any, Any]]:
    """The images by name, in the units of their files."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for split in (data.train, data.test):
        back = data.scaling.invert(split.values) if data.scaling else split.values
        found |= dict(zip(split.files, back.numpy(), strict=True))
    return found


def hyperstacks(
    root: Path, kind: str, axes: str, shape: tuple[int, ...], dtype: str
) -> np.ndarray[Any, Any]:
    """Writes ten files of ImageJ or OME-TIFF, and returns their pixels."""
    pixels = draw.integers(0, 250, (10, *shape, 6, 7)).astype(dtype)
    ending = "tif" if kind == "imagej" else "ome.tif"
    for number, stack in enumerate(pixels):
        options: dict[str, Any] = {"imagej": True} if kind == "imagej" else {"ome": True}
        path = root / f"{number}.{ending}"
        tifffile.imwrite(path, stack, metadata={"axes": f"{axes}YX"}, **options)
    return pixels


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
@pytest.mark.parametrize("axes", ["C", "T", "ZC", "TZC"])
def test_declared_channels_are_of_one_image(
    tmp_path: Path, kind: str, axes: str, dtype: str
) -> None:
    shape = {"C": (4,), "T": (5,), "ZC": (3, 2), "TZC": (2, 3, 4)}[axes]
    pixels = hyperstacks(tmp_path, kind, axes, shape, dtype)
    whole = np.moveaxis(pixels, 1 + axes.index("C"), -3) if "C" in axes else pixels[..., None, :, :]
    whole = whole.reshape(10, -1, *whole.shape[-3:])
    first = opened(tmp_path)
    assert first.spec.shape == whole.shape[2:]
    left = sum(first.inventory.left_alone.values())
    assert left == 10 * (whole.shape[1] - 1)
    for name, image in in_units(first).items():
        assert np.allclose(image, whole[int(name[0]), 0], atol=1e-3)
    for name, image in in_units(opened(tmp_path, pages="all")).items():
        page = int(name.partition("#")[2] or 0)
        assert np.allclose(image, whole[int(name[0]), page], atol=1e-3)


def test_pages_as_channels_where_nothing_is_declared(tmp_path: Path) -> None:
    pixels = draw.integers(0, 4000, (10, 5, 6, 7)).astype(np.uint16)
    for number, stack in enumerate(pixels):
        tifffile.imwrite(tmp_path / f"{number}.tif", stack, photometric="minisblack")
    (said,) = opened(tmp_path).inventory.left_alone
    assert "--data.pages channels" in said
    for name, image in in_units(opened(tmp_path, pages="channels")).items():
        assert np.allclose(image, pixels[int(name[0])], atol=0.1)


def test_pages_of_different_sizes_are_no_channels(tmp_path: Path) -> None:
    for number in range(4):
        with tifffile.TiffWriter(tmp_path / f"{number}.tif") as file:
            for side in (6, 8):
                file.write(draw.integers(0, 9, (side, side)).astype(np.uint16), contiguous=False)
    with pytest.raises(DataError, match="pages differ in size, so they are no channels"):
        opened(tmp_path, pages="channels")


@pytest.mark.parametrize(("dtype", "mark"), [("float32", -9999), ("int16", -32768)])
def test_the_mark_of_missing_pixels_is_no_value(tmp_path: Path, dtype: str, mark: int) -> None:
    tag = (42113, "s", 0, str(mark), True)
    for number in range(10):
        image = draw.integers(0, 3000, (8, 8)).astype(dtype)
        image[:2] = mark
        tifffile.imwrite(tmp_path / f"{number}.tif", image, extratags=[tag])
    data = opened(tmp_path)
    assert data.scaling is not None
    assert float(data.scaling.shift - data.scaling.scale) >= 0
    assert any("not finite" in said for said in data.inventory.warnings)
    assert min(float(image.min()) for image in in_units(data).values()) >= -0.01


def ranges(data: Dataset) -> list[str]:
    return [said for said in data.inventory.warnings if "--data.range" in said]


@pytest.mark.parametrize("extreme", [-9999.0, -3.4e38, 65535.0])
def test_extremes_that_squeeze_all_others_are_warned_of(tmp_path: Path, extreme: float) -> None:
    pixels = draw.uniform(0, 100, (30, 1, 8, 8)).astype(np.float32)
    pixels[:, 0, 0, 0] = extreme
    np.save(tmp_path / "a.npy", pixels)
    (said,) = ranges(opened(tmp_path / "a.npy"))
    low, high = said.partition("--data.range ")[2].split()[0].split(",")
    followed = opened(tmp_path / "a.npy", range=(float(low), float(high)))
    assert not ranges(followed)
    assert followed.train.values.std() > 0.5


@pytest.mark.parametrize("kind", ["uniform", "mask", "uint16"])
def test_usual_ranges_are_not_warned_of(tmp_path: Path, kind: str) -> None:
    pixels = draw.gamma(2.0, 180.0, (30, 1, 8, 8)).clip(0, 4095)
    made = {"uniform": pixels, "mask": (pixels > 300) * 1.0, "uint16": pixels.astype(np.uint16)}
    np.save(tmp_path / "a.npy", made[kind])
    assert not ranges(opened(tmp_path / "a.npy"))


def test_white_on_transparent_is_nothing_to_learn(tmp_path: Path) -> None:
    for number in range(10):
        alpha = draw.integers(0, 256, (8, 8, 1), np.uint8)
        white = np.full((8, 8, 3), 255, np.uint8)
        Image.fromarray(np.dstack([white, alpha])).save(tmp_path / f"{number}.png")
    (said, *_) = opened(tmp_path).inventory.warnings
    assert "all values of the training images are 255 (where they are transparent" in said


def test_what_is_wrong_with_values_is_kept_with_packed_images(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(20):
        image = draw.uniform(0, 100, (8, 8)).astype(np.float32)
        image[0, 0], image[1, 1] = -9999, np.nan
        np.save(tmp_path / "a" / f"{number}.npy", image)
    assert main(["prepare", str(tmp_path / "a"), str(tmp_path / "packed"), "--quiet"]) == 0
    said = [line for line in opened(tmp_path / "packed").inventory.warnings if "copies" not in line]
    assert said == [
        line for line in opened(tmp_path / "a").inventory.warnings if "copies" not in line
    ]
    assert len(said) == 2


def test_eight_bits_among_sixteen_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(10):
        pixels = draw.integers(0, 250, (8, 8)).astype(np.uint8 if number % 2 else np.uint16)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    opened(tmp_path)
    assert "5 of 10 images have 8 bits and the others more" in caplog.text


def test_a_table_next_to_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(10):
        pixels = draw.integers(0, 250, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"i{number}.png")
    rows = [f"i{number},{'ab'[number % 2]}" for number in range(10)]
    (tmp_path / "labels.csv").write_text("\n".join(["image_id,label", *rows]))
    (said,) = opened(tmp_path).inventory.left_alone
    assert opened(said.partition("--data ")[2].rstrip(")")).label_names == ("a", "b")
