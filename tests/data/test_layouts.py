"""Arrays of images in any layout and type: in memory and from files they are one data set."""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from ambigan.core.errors import DataError
from ambigan.data import Dataset, DataSettings, ImageSource, open_dataset
from ambigan.data.arrays.layout import as_images, recognised_layout
from ambigan.data.memory import MEMORY, examples_in_memory

TYPES = ["u1", "<u2", ">u2", "i2", "i4", "f4", ">f8", "?"]


def in_memory(array: np.ndarray, layout: str) -> Dataset:
    asked = DataSettings(MEMORY, layout=layout)
    return open_dataset(asked, examples=examples_in_memory(array, None, asked))


@given(
    seed=st.integers(0, 2**32 - 1),
    layout=st.permutations("NCHW").map("".join) | st.sampled_from(["NHW", "HNW", "WHN"]),
    dtype=st.sampled_from(TYPES),
    channels=st.integers(1, 5),
    container=st.sampled_from(["npy", "npz", "h5", "mat", "tif"]),
)
@settings(max_examples=60, deadline=None)
def test_any_layout_in_any_container(
    seed: int, layout: str, dtype: str, channels: int, container: str
) -> None:
    draw = np.random.default_rng(seed)
    lengths = {"N": 12, "C": channels, "H": 6, "W": 7}
    values = draw.integers(0, 2 if dtype == "?" else 120, [lengths[each] for each in layout])
    array = values.astype(dtype)
    allowed = layout in ("NCHW", "NHWC", "NHW")
    if not allowed:  # as a user would: turned into one that has a name
        array, layout = as_images(array, layout), "NCHW"
    if container == "mat" and array.dtype == bool:
        array = array.astype("u1")  # MATLAB's logical arrays are bytes
    ours = in_memory(array, layout)
    with tempfile.TemporaryDirectory() as folder:
        theirs = open_dataset(DataSettings(written(Path(folder), array, layout, container)))
    assert ours.spec == theirs.spec
    if container == "tif" and array.dtype.kind in "bi":
        return  # floats there are, in memory integers: another range, the same pictures
    assert torch.equal(ours.train.values, theirs.train.values)
    assert torch.equal(ours.test.values, theirs.test.values)


def written(folder: Path, array: np.ndarray, layout: str, container: str) -> str:
    path = folder / f"x.{container}"
    if container == "npy":
        np.save(path, array)
    elif container == "npz":
        np.savez(path, images=array, masks=array[:1])
    elif container == "mat":
        savemat(path, {"images": array})
    elif container == "h5":
        with h5py.File(path, "w") as file:
            file["images"] = array
    else:
        for place, image in enumerate(as_images(array, layout)):
            pixels = image.astype("u1") * 255 if image.dtype == bool else image
            tifffile.imwrite(
                folder / f"{place:02}.tif",
                pixels[0] if len(pixels) == 1 else pixels,
                photometric="minisblack",
                planarconfig=None if len(pixels) == 1 else "separate",
            )
        return f"folder:{folder}"
    return str(path)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((60, 32, 32, 3), "NHWC"),
        ((60, 3, 32, 32), "NCHW"),
        ((60, 13, 64, 64), "NCHW"),
        ((60, 28, 28), "NHW"),
        ((2, 5, 5, 1), "NHWC"),
    ],
)
def test_layouts_that_leave_no_doubt(shape: tuple[int, ...], layout: str) -> None:
    assert recognised_layout(shape, "x.npy") == layout


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((60, 8, 8, 8), "--data.layout NCHW or NHWC"),
        ((64, 64, 3), "--data.layout HWC for one image or NHW for many"),
        ((3, 64, 64), "--data.layout CHW or NHW"),
        ((2, 3, 4, 5, 6), "5-D"),
    ],
)
def test_layouts_that_leave_a_doubt_are_asked_for(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        recognised_layout(shape, "x.npy")


def test_levels_stay_where_they_are(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).gamma(3, 200, (40, 16, 16)).clip(0, 4095).astype("u2")
    for place, image in enumerate(levels):
        tifffile.imwrite(tmp_path / f"{place:02}.tif", image)
    for asked in ({}, {"range": (0, 4095)}, {"range_percentiles": (0.1, 99.9)}):
        dataset = open_dataset(DataSettings(f"folder:{tmp_path}", **asked))
        assert dataset.scaling is not None
        decoded = dataset.scaling.invert(dataset.train.values).numpy()
        order = dataset.train.rows.numpy()
        for percentile in (1, 99):
            right = np.percentile(levels[order], percentile)
            assert np.percentile(decoded, percentile) == pytest.approx(right, rel=0.01)
        assert len(np.unique(decoded)) > 0.9 * len(np.unique(levels[order]))
        assert "16 bits" in dataset.inventory.lines("x")[0]


def test_bands_have_one_range_each_and_colours_share_theirs() -> None:
    bright = np.ones((20, 4, 4, 5)) * [1, 10, 100, 1000, 10_000]
    values = bright * np.random.default_rng(0).uniform(0.5, 1, bright.shape)
    many, few = in_memory(values, "NHWC").scaling, in_memory(values[..., :3], "NHWC").scaling
    assert many is not None
    assert few is not None
    assert len(many.scale.unique()) == 5
    assert len(few.scale.unique()) == 1


def test_other_arrays_are_counted(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((9, 8, 8, 3), "u1"), masks=np.zeros((9, 8, 8)))
    lines = open_dataset(DataSettings(f"npz:{tmp_path / 'x.npz'}")).inventory.lines("x")
    assert lines[1] == "x: left alone: 1 other arrays (masks)"


def test_a_picture_of_an_array_is_not_copied() -> None:
    array = np.zeros((4, 8, 8, 3), np.uint8)
    source = examples_in_memory(array)
    assert isinstance(source, ImageSource)
    assert source.length == 4
