"""Near copies: warned of across splits, and left out by `prepare --drop-duplicates`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.cli import main
from ambigan.data import DataSettings, open_dataset
from ambigan.data.images.near_copies import near_copies_across, thumbnails

noise = np.random.default_rng(0)


def scene(size: int = 48) -> Image.Image:
    """A smooth picture at random."""
    small = Image.fromarray(noise.integers(0, 256, (6, 6, 3), np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def clips(root: Path) -> Path:
    """Ten clips of six near-equal frames each, each in one of two classes."""
    for clip in range(10):
        pixels = np.asarray(scene()).astype(int)
        for frame in range(6):
            path = root / f"class{clip % 2}" / f"clip{clip}" / f"{frame}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shaken = pixels + noise.integers(-8, 9, pixels.shape)
            Image.fromarray(shaken.clip(0, 255).astype(np.uint8)).save(path)
    return root


def test_copies_across_a_random_split_are_warned_of_and_groups_settle_it(tmp_path: Path) -> None:
    settings = DataSettings(f"folder:{clips(tmp_path)}", test_fraction=0.2)
    (warning,) = open_dataset(settings).inventory.warnings
    assert "12 of 12 test images have near copies among the training images" in warning
    assert "--data.group" in warning
    assert "`ambigan prepare PHOTOS NEW --size 48x48 --drop-duplicates`" in warning
    grouped = DataSettings(f"folder:{tmp_path}", test_fraction=0.2, group="folder")
    assert not open_dataset(grouped).inventory.warnings


def test_different_pictures_are_not_alike(tmp_path: Path) -> None:
    for number in range(60):
        scene().save(tmp_path / f"{number}.png")
    assert not open_dataset(DataSettings(f"folder:{tmp_path}")).inventory.warnings


@pytest.mark.data
def test_real_photographs_are_not_alike_and_frames_of_a_drive_are(data_root: Path) -> None:
    drive = data_root / "segmentation" / "camvid240" / "images"
    if not drive.is_dir():
        pytest.skip("there is no camvid240 under AMBIGAN_DATA")
    warned = open_dataset(DataSettings(f"folder:{drive}", size=(48, 64))).inventory.warnings
    assert "test images have near copies" in warned[0]
    photographs = DataSettings(f"folder:{data_root / 'imagenette128'}", size=(32, 32))
    assert not open_dataset(photographs).inventory.warnings


def test_a_constant_image_is_like_no_other() -> None:
    flat = np.full((2, 1, 8, 8), 7, np.uint8)
    assert near_copies_across(thumbnails(flat), thumbnails(flat)) == []


def test_a_thumbnail_is_the_mean_of_areas() -> None:
    image = noise.integers(0, 256, (1, 1, 32, 48)).astype(np.float64)
    areas = image.reshape(16, 2, 16, 3).mean((1, 3)).ravel()
    expected = (areas - areas.mean()) / np.linalg.norm(areas - areas.mean())
    assert np.allclose(thumbnails(image)[0], expected, atol=1e-5)


def test_prepare_leaves_out_copies_and_lists_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "in"
    for number in range(20):
        image = scene()
        for part in ("train", "test"):
            (root / part).mkdir(parents=True, exist_ok=True)
        image.save(root / "train" / f"{number:02}.png")
        if number < 5:
            image.save(root / "train" / f"{number:02}_again.jpg", quality=70)
        elif number < 10:
            image.resize((24, 24)).resize((48, 48)).save(root / "test" / f"{number:02}.png")
        else:
            scene().save(root / "test" / f"{number:02}.png")
    out = tmp_path / "out"
    command = ["prepare", str(root), str(out), "--drop-duplicates"]
    assert main(command) == 0
    listed = list(csv.DictReader((out / "duplicates.csv").read_text().splitlines()))
    dropped = {row["dropped"]: row["kept"] for row in listed}
    again = {f"train/{n:02}_again.jpg": f"train/{n:02}.png" for n in range(5)}
    leaked = {f"train/{n:02}.png": f"test/{n:02}.png" for n in range(5, 10)}
    assert dropped == again | leaked
    assert "near copies left out: 10" in capsys.readouterr().err
    data = open_dataset(DataSettings(f"packed:{out}"))
    assert (len(data.train), len(data.test)) == (15, 15)
    assert data.inventory.left_alone == {"near copies of others (in duplicates.csv)": 10}
    assert main(command) == 0  # is finished
