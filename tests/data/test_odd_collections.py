"""Images as scanners, phones, cameras, file managers and network drives leave them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from ambigan.core.errors import AmbiganError
from ambigan.data import DataSettings, named_source, open_dataset, open_examples

NUM = 20


def pixels(number: int) -> np.ndarray:
    draw = np.random.default_rng(number)
    small = Image.fromarray(draw.integers(0, 256, (4, 4, 3), np.uint8))
    return np.asarray(small.resize((16, 12), Image.Resampling.BICUBIC))


def opened(path: Path) -> dict[str, np.ndarray]:
    """Images by name, `(C, H, W)`."""
    data = open_dataset(DataSettings(named_source(str(path))))
    named = {}
    for split in (data.train, data.test):
        named |= dict(zip(split.files, split.values.numpy(), strict=True))
    return named


def write(folder: Path, save: Callable[[int, Path], object]) -> Path:
    for number in range(NUM):
        save(number, folder / f"{number:02}")
    return folder


def rgb(number: int) -> np.ndarray:
    return pixels(number).transpose(2, 0, 1)


def save_jpeg(number: int, path: Path) -> None:
    Image.fromarray(pixels(number)).save(path.with_suffix(".jpg"), quality=95)


def test_pages_of_a_scanner_are_what_the_eye_sees(tmp_path: Path) -> None:
    is_dark = [pixels(number)[..., 0] < 128 for number in range(NUM)]

    def fax(number: int, path: Path) -> None:
        name = path.with_suffix(".tif")
        if number % 2:
            tifffile.imwrite(name, is_dark[number], photometric="miniswhite")
        else:
            Image.fromarray(~is_dark[number]).save(name, compression="group4")

    for name, image in opened(write(tmp_path, fax)).items():
        assert np.array_equal(image[0], np.where(is_dark[int(name[:2])], 0, 255)), name


@pytest.mark.parametrize("kind", ["cmyk", "alpha", "palette"])
def test_colours_of_other_models_become_rgb(tmp_path: Path, kind: str) -> None:
    def save(number: int, path: Path) -> None:
        image = Image.fromarray(pixels(number))
        if kind == "cmyk":
            image.convert("CMYK").save(path.with_suffix(".tif"))
        elif kind == "palette":
            image.quantize(16).save(path.with_suffix(".png"), transparency=0)
        else:
            opaque = np.full((12, 16, 1), 255 * (number % 2), np.uint8)
            array = np.concatenate((pixels(number), opaque), 2)
            tifffile.imwrite(
                path.with_suffix(".tif"), array, photometric="rgb", extrasamples=["unassalpha"]
            )

    for name, image in opened(write(tmp_path, save)).items():
        number = int(name[:2])
        if kind == "palette":
            indexed = Image.fromarray(pixels(number)).quantize(16)
            right = np.asarray(indexed.convert("RGB")).copy()
            right[np.asarray(indexed) == 0] = 255
        else:
            right = pixels(number) if kind == "cmyk" or number % 2 else np.full((12, 16, 3), 255)
        assert abs(image.transpose(1, 2, 0).astype(int) - right).max() <= 1


def test_what_systems_leave_behind_is_no_image(tmp_path: Path) -> None:
    write(tmp_path, save_jpeg)
    plain = opened(tmp_path)
    for name in ("Thumbs.db", ".DS_Store", "._00.jpg", "desktop.ini"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7" * 40)
    for folder in ("@eaDir/00.jpg", ".thumbnails", "$RECYCLE.BIN", "#recycle", "__MACOSX"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(pixels(0)).save(tmp_path / folder / "THUMB.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    data = open_dataset(DataSettings(f"folder:{tmp_path}"))
    assert sorted(opened(tmp_path)) == sorted(plain)
    assert data.inventory.left_alone == {".db": 1, ".ini": 1, "hidden": 5}


def test_camera_raw_next_to_jpeg_is_counted_and_its_preview_is_no_image(tmp_path: Path) -> None:
    def save(number: int, path: Path) -> None:
        save_jpeg(number, path)
        preview = np.zeros((6, 8, 3), np.uint8)
        tifffile.imwrite(path.with_suffix(".nef"), preview, photometric="rgb", subfiletype=1)
        path.with_suffix(".x").write_bytes(b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 300)

    data = open_dataset(DataSettings(f"folder:{write(tmp_path, save)}"))
    assert data.inventory.num_read == NUM
    said = "(camera raw; develop it as TIFF or JPEG)"
    assert data.inventory.left_alone == {f".nef {said}": NUM, f".x {said}": NUM}


def test_a_small_copy_first_in_a_tiff_is_not_the_image(tmp_path: Path) -> None:
    def save(number: int, path: Path) -> None:
        with tifffile.TiffWriter(path.with_suffix(".tif")) as file:
            file.write(np.zeros((4, 4, 3), np.uint8), photometric="rgb", subfiletype=1)
            file.write(pixels(number), photometric="rgb")

    for name, image in opened(write(tmp_path, save)).items():
        assert np.array_equal(image, rgb(int(name[:2])))


def test_names_in_other_encodings_and_turned_phones(tmp_path: Path) -> None:
    def save(number: int, path: Path) -> None:
        image = Image.fromarray(pixels(number))
        exif = image.getexif()
        exif[0x0112] = 6 if number % 2 else 1
        turned = image.transpose(Image.Transpose.ROTATE_90) if number % 2 else image
        buffer = io.BytesIO()
        turned.save(buffer, "JPEG", exif=exif, quality=95)
        with open(os.fsencode(str(path)) + b"caf\xe9.jpg", "wb") as file:
            file.write(buffer.getvalue())

    found = opened(write(tmp_path, save))
    assert len(found) == NUM
    for name, image in found.items():
        assert (
            abs(image.astype(int) - rgb(int(name[:2]))).mean() < 12
        )  # those that are not turned differ by more than 50


def test_groups_of_hdf5_are_splits(tmp_path: Path) -> None:
    images = np.stack([rgb(number) for number in range(NUM)])
    with h5py.File(tmp_path / "sets.h5", "w") as file:
        for name, part in (("train", slice(0, 15)), ("test", slice(15, NUM))):
            file[f"{name}/x"], file[f"{name}/y"] = images[part], np.arange(NUM)[part] % 2
    data = open_dataset(DataSettings(f"hdf5:{tmp_path / 'sets.h5'}"))
    assert (len(data.train), len(data.test)) == (15, 5)
    assert data.train.rows is not None
    assert torch.equal(data.train.values, torch.from_numpy(images[data.train.rows.numpy()]))
    assert data.has_labels


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("clip.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 99, "(video); write its frames as images"),
        ("clip.avi", b"RIFF\0\0\0\0AVI LIST" + b"\0" * 99, "(video); write its frames as images"),
        ("photo.cr2", b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 99, "develop it as TIFF or JPEG"),
        ("raw.dat", bytes(range(256)) * 8, "is binary and no table; save an array with numpy"),
    ],
)
def test_files_of_another_kind_are_named(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AmbiganError) as caught:
        open_dataset(DataSettings(named_source(str(tmp_path / name))))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_remedy_for_arrays_of_objects_works(tmp_path: Path) -> None:
    images = np.empty(NUM, object)
    for number in range(NUM):
        images[number] = pixels(number)
    np.save(tmp_path / "x.npy", images, allow_pickle=True)
    with pytest.raises(AmbiganError, match=r"numpy.stack\(array.tolist\(\)\)"):
        open_dataset(DataSettings(f"npy:{tmp_path / 'x.npy'}"))
    np.save(tmp_path / "x.npy", np.stack(images.tolist()))
    data = open_dataset(DataSettings(f"npy:{tmp_path / 'x.npy'}"))
    whole = open_examples(DataSettings(f"npy:{tmp_path / 'x.npy'}"), data.spec, None)
    assert torch.equal(whole.values[3], torch.from_numpy(rgb(3).copy()))
