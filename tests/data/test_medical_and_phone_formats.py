"""DICOM, HEIC, AVIF and JPEG XL: values as the files mean them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from ambigan.data import Dataset, DataSettings, open_dataset
from ambigan.data.images.image_decoding import read_header, read_pixels

noise = np.random.default_rng(0)


def write_dicom(path: Path, pixels: np.ndarray[Any, Any], **tags: Any) -> Path:
    """Writes stored values `(H, W)`, `(N, H, W)` or, of colours, `(H, W, 3)`."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    colours = pixels.shape[-1] == 3
    if pixels.ndim == 3 and not colours:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[-3:-1] if colours else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if colours else 1
    data.PhotometricInterpretation = "RGB" if colours else "MONOCHROME2"
    if colours:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in tags.items():
        setattr(data, name, value)
    data.HighBit = data.BitsStored - 1
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def values(path: Path, **settings: Any) -> np.ndarray[Any, Any]:
    header = read_header(path)
    pixels = read_pixels(path, header.channels, None, header.dtype)
    assert pixels.shape == (header.channels, header.height, header.width)
    assert pixels.dtype.name == header.dtype
    return pixels


def test_stored_values_become_those_of_the_scale(tmp_path: Path) -> None:
    stored = noise.integers(0, 4096, (6, 5)).astype(np.int16)
    path = write_dicom(tmp_path / "a.dcm", stored, RescaleSlope=2, RescaleIntercept=-1024)
    assert np.array_equal(values(path)[0], stored * 2.0 - 1024)


def test_plain_values_keep_their_type(tmp_path: Path) -> None:
    stored = noise.integers(0, 4096, (6, 5)).astype(np.uint16)
    path = write_dicom(tmp_path / "a", stored, BitsStored=12, RescaleSlope=1, RescaleIntercept=0)
    assert values(path).dtype == np.uint16
    assert np.array_equal(values(path)[0], stored)


def test_the_window_clips_as_viewers_do(tmp_path: Path) -> None:
    stored = np.arange(0, 3000, 100).reshape(5, 6).astype(np.int16)
    tags = {"RescaleSlope": 1, "RescaleIntercept": -1000, "WindowCenter": 40, "WindowWidth": 401}
    path = write_dicom(tmp_path / "a.dcm", stored, **tags)
    data = pydicom.dcmread(path)
    shown = pydicom.pixels.apply_voi_lut(stored - 1000.0, data)
    ours = values(path)[0]
    assert (ours.min(), ours.max()) == (-160.5, 239.5)
    scaled = (ours - ours.min()) / np.ptp(ours)
    assert np.allclose(scaled, (shown - shown.min()) / np.ptp(shown), atol=1e-3)
    whole = [opened(tmp_path, path, window=flag) for flag in (True, False)]
    facts = [" ".join(data.inventory.facts) for data in whole]
    assert "values from -160.5 to 239.5" in facts[0]
    assert "values from -1000 to 1900" in facts[1]


def opened(folder: Path, path: Path, **settings: Any) -> Dataset:
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(path.read_bytes())
    return open_dataset(DataSettings(f"folder:{folder}", **settings))


@pytest.mark.parametrize("bits", [8, 12])
def test_white_is_zero_is_turned(tmp_path: Path, bits: int) -> None:
    stored = noise.integers(0, 1 << bits, (6, 5)).astype("u1" if bits == 8 else "u2")
    tags = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": bits}
    path = write_dicom(tmp_path / "a.dcm", stored, **tags)
    assert np.array_equal(values(path)[0], (1 << bits) - 1 - stored)


def test_colours_and_frames(tmp_path: Path) -> None:
    colours = noise.integers(0, 256, (6, 5, 3), np.uint8)
    path = write_dicom(tmp_path / "colour.dcm", colours)
    assert np.array_equal(values(path), colours.transpose(2, 0, 1))
    (tmp_path / "clips").mkdir()
    frames = noise.integers(0, 256, (7, 6, 5), np.uint8)
    write_dicom(tmp_path / "clips" / "clip.dcm", frames)
    data = open_dataset(DataSettings(str(tmp_path / "clips"), pages="all"))
    for name, image in zip(data.train.files, data.train.values, strict=True):
        assert np.array_equal(image[0], frames[int(name.partition("#")[2])])


def test_a_file_without_an_image_is_named(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise.integers(0, 256, (6, 5), np.uint8))
    for number in range(4):
        (tmp_path / f"{number}.dcm").write_bytes(path.read_bytes())
    data = pydicom.dcmread(path)
    del data.PixelData
    data.save_as(path)
    opened = open_dataset(DataSettings(f"folder:{tmp_path}", max_corrupt=0.3))
    assert opened.skipped == ("a.dcm: a DICOM file without an image",)


def test_phone_photographs(tmp_path: Path) -> None:
    import pillow_heif

    ramp = np.tile(np.arange(0, 256, 4, np.uint8), (48, 1))
    image = Image.fromarray(ramp).convert("RGB")
    pillow_heif.from_pillow(image).save(tmp_path / "a.heic", quality=100)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.heic").read_bytes())
    image.save(tmp_path / "c.avif", quality=100)
    (tmp_path / "d.jxl").write_bytes(imagecodecs.jpegxl_encode(np.asarray(image), lossless=True))
    data = open_dataset(DataSettings(f"folder:{tmp_path}"))
    assert data.inventory.num_read == 4
    for pixels in (*data.train.values, *data.test.values):
        assert np.abs(pixels.numpy().astype(int) - ramp).max() < 8


def test_arrays_of_numpy_are_images_of_a_folder(tmp_path: Path) -> None:
    arrays = noise.normal(size=(5, 13, 8, 9)).astype(np.float32)
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
    data = open_dataset(DataSettings(f"folder:{tmp_path}"))
    assert data.spec.shape == (13, 8, 9)
