"""Sets whose images must be decoded, in tiny files of their real layouts."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image

from ambigan.core.errors import ConfigError, DataError
from ambigan.data import (
    DataSettings,
    find_image_source,
    import_torchvision,
    open_dataset,
    open_examples,
    prepare_images,
)

WNIDS = {"n01440764": ("tench", "Tinca tinca"), "n02102040": ("English springer",)}


def encoded(level: int, size: tuple[int, int] = (12, 10), kind: str = "PNG") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size[::-1], (level, level, level)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """Two classes, six training and two validation images, as torchvision unpacks them."""
    for split, count in (("train", 6), ("val", 2)):
        for number in range(count):
            wnid = sorted(WNIDS)[number % 2]
            path = tmp_path / "imagenet" / split / wnid / f"{wnid}_{number}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(40 * number, (12 + number, 14), "JPEG"))
    torch.save((WNIDS, sorted(WNIDS)), tmp_path / "imagenet" / "meta.bin")
    return tmp_path


def test_imagenet(imagenet: Path) -> None:
    settings = DataSettings("imagenet", root=str(imagenet), size=(8, 8))
    data = open_dataset(settings)
    assert (len(data.train), len(data.test)) == (6, 2)
    assert data.label_names == ("tench, Tinca tinca", "English springer")
    assert data.train.labels is not None
    for file, label in zip(data.train.files, data.train.labels.tolist(), strict=True):
        assert file.startswith(f"train/{sorted(WNIDS)[label]}/")
    whole = open_examples(settings, data.spec, None)
    assert [file.split("/")[0] for file in whole.files] == ["train"] * 6 + ["val"] * 2


def test_the_recipe_of_bigan(imagenet: Path, tmp_path: Path) -> None:
    """Stored with a short side of 72, cropped to 64 at random, mirrored."""
    settings = DataSettings("imagenet", root=str(imagenet), size=(72, 72))
    prepare_images(settings, find_image_source(settings), tmp_path / "out")
    cropped = DataSettings(f"packed:{tmp_path / 'out'}", crop=(64, 64), flip=True)
    data = open_dataset(cropped)
    assert data.spec.shape == (3, 64, 64)
    assert data.train.stored is not None
    assert data.train.stored.shape == (6, 3, 72, 72)
    assert data.sha256 == open_dataset(settings).sha256


def test_imagenet_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not in .*imagenet .*train, val, devkit_t12") as caught:
        open_dataset(DataSettings("imagenet", root=str(tmp_path), size=(8, 8)))
    assert "\n" not in str(caught.value)


@pytest.fixture
def celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nine faces: four to train on, two to validate, three to test."""
    folder, source = tmp_path / "celeba", import_torchvision("datasets").CelebA
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06}.jpg" for number in range(1, 10)]
    for number, name in enumerate(names):
        image = encoded(25 * number, (218, 178), "JPEG")
        (folder / "img_align_celeba" / name).write_bytes(image)
    splits = [0, 0, 0, 0, 1, 1, 2, 2, 2]
    tables = {
        "list_eval_partition.txt": ("", [[split] for split in splits]),
        "identity_CelebA.txt": ("", [[1]] * 9),
        "list_bbox_celeba.txt": ("9\nimage_id x_1 y_1 width height\n", [[1, 2, 3, 4]] * 9),
        "list_landmarks_align_celeba.txt": ("9\n" + "p " * 10 + "\n", [[1] * 10] * 9),
        "list_attr_celeba.txt": (
            "9\nMale Smiling \n",
            [[-1, 1 if number % 2 else -1] for number in range(9)],
        ),
    }
    for file, (head, rows) in tables.items():
        lines = [f"{name} {' '.join(map(str, row))}" for name, row in zip(names, rows, strict=True)]
        (folder / file).write_text(head + "\n".join(lines) + "\n")
    without = [(where, None, file) for where, _, file in source.file_list]
    monkeypatch.setattr(source, "file_list", without)
    return tmp_path


def test_celeba(celeba: Path) -> None:
    data = open_dataset(DataSettings("celeba", root=str(celeba), size=(8, 8)))
    assert sorted(data.train.files) == [f"{number:06}.jpg" for number in range(1, 5)]
    assert sorted(data.test.files) == [f"{number:06}.jpg" for number in range(7, 10)]
    assert data.train.labels is None
    smiling = DataSettings("celeba", root=str(celeba), size=(8, 8), attribute="Smiling")
    data = open_dataset(smiling)
    assert data.label_names == ("not Smiling", "Smiling")
    assert data.train.labels is not None
    for file, label in zip(data.train.files, data.train.labels.tolist(), strict=True):
        assert label == (int(file[:6]) - 1) % 2


def test_what_celeba_lacks_is_one_line(
    celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = DataSettings("celeba", root=str(celeba), attribute="Smilling")
    with pytest.raises(ConfigError, match=r"of celeba 'Smilling'\. Did you mean 'Smiling'"):
        open_dataset(settings)
    (celeba / "celeba" / "identity_CelebA.txt").write_text("000001.jpg one")
    with pytest.raises(DataError, match=r"the files of CelebA in .*celeba cannot be read"):
        open_dataset(DataSettings("celeba", root=str(celeba)))

    def refuse(_self: Any) -> None:
        raise RuntimeError("To download files from GDrive, 'gdown' is required.")

    monkeypatch.setattr(import_torchvision("datasets").CelebA, "download", refuse)
    with pytest.raises(DataError, match=r"could not be downloaded \(To download .*img_align"):
        open_dataset(DataSettings("celeba", root=str(tmp_path / "elsewhere")))


@pytest.fixture
def lsun(tmp_path: Path) -> Path:
    """Eight bedrooms in a database, and two to validate."""
    for split, count in (("train", 8), ("val", 2)):
        path = tmp_path / "lsun" / f"bedroom_{split}_lmdb"
        path.mkdir(parents=True)
        with (
            lmdb.open(str(path), map_size=2**20) as environment,
            environment.begin(write=True) as put,
        ):
            for number in range(count):
                put.put(f"{split}{number}".encode(), encoded(20 * number, (12, 16), "WEBP"))
    return tmp_path


def test_lsun(lsun: Path, tmp_path: Path) -> None:
    settings = DataSettings("lsun:bedroom", root=str(lsun), size=(6, 6))
    data = open_dataset(settings)
    assert (len(data.train), len(data.test)) == (8, 2)
    assert data.spec.shape == (3, 6, 6)
    for file, values in zip(data.train.files, data.train.values, strict=True):
        assert abs(int(values[0, 0, 0]) - 20 * int(file.removeprefix("train"))) < 3
    prepare_images(settings, find_image_source(settings), tmp_path / "out")
    assert open_dataset(DataSettings(f"packed:{tmp_path / 'out'}")).sha256 == data.sha256
    assert not [*Path.cwd().glob("_cache_*")]


def test_what_lsun_lacks_is_one_line(lsun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"church_train_lmdb is not there or cannot be read"):
        open_dataset(DataSettings("lsun:church", root=str(lsun), size=(6, 6)))
    path = lsun / "lsun" / "bedroom_val_lmdb" / "data.mdb"
    path.write_bytes(np.random.default_rng(0).bytes(9000))
    with pytest.raises(DataError, match=r"bedroom_val_lmdb is not there or cannot be read"):
        open_dataset(DataSettings("lsun:bedroom", root=str(lsun), size=(6, 6)))
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ConfigError, match=r"lsun needs the extra: pip install 'ambigan\[lsun\]'"):
        open_dataset(DataSettings("lsun:bedroom", root=str(lsun), size=(6, 6)))
