from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.core.errors import DataError
from ambigan.report.figures import image_grid, interpolation_grid, reconstruction_grid, save_png
from ambigan.report.figures.grids import at_most, data_uri, png_bytes, to_pixels

RNG = np.random.default_rng(0)


def random_images(num: int, channels: int = 1, height: int = 4, width: int = 5) -> np.ndarray:
    return RNG.uniform(-1, 1, (num, channels, height, width)).astype(np.float32)


def expected_pixels(image: np.ndarray) -> np.ndarray:
    """`(C, H, W)` in [-1, 1] to `(H, W, 3)`, written another way."""
    shown = np.round((image.astype(np.float64) + 1) / 2 * 255)
    return np.broadcast_to(shown, (3, *shown.shape[1:])).transpose(1, 2, 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_holds_each_image_at_its_place(channels: int) -> None:
    images = random_images(7, channels)
    grid = image_grid(images, 3, scale=2, gap=3, separator=9)
    assert grid.shape == (3 * 8 + 2 * 3, 3 * 10 + 2 * 3, 3)
    assert grid.dtype == np.uint8
    for index, image in enumerate(images):
        top, left = index // 3 * 11, index % 3 * 13
        cell = grid[top : top + 8, left : left + 10]
        scaled = expected_pixels(image).repeat(2, 0).repeat(2, 1)
        assert np.abs(cell.astype(int) - scaled).max() <= 1


def test_what_is_no_image_is_separator() -> None:
    grid = image_grid(np.full((3, 1, 2, 2), 1.0), 2, scale=1, gap=1, separator=77)
    assert (grid[2] == 77).all()  # the row between
    assert (grid[:, 2] == 77).all()  # the column between
    assert (grid[3:, 3:] == 77).all()  # the place that is left
    assert (grid == 255).all(-1).sum() == 3 * 4


def test_bytes_stay_what_they_are() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    again = (values.astype(np.float32) / 127.5) - 1
    assert (image_grid(values, scale=1)[..., 0] == values[0, 0]).all()
    assert (image_grid(again, scale=1)[..., 0] == values[0, 0]).all()


def test_small_images_are_scaled_up_by_whole_squares() -> None:
    grid = image_grid(random_images(1, 1, 8, 8))
    assert grid.shape == (56, 56, 3)
    blocks = grid.reshape(8, 7, 8, 7, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()
    assert image_grid(random_images(1, 3, 64, 64)).shape == (64, 64, 3)


def test_gaps_may_differ_and_columns_may_be_chosen() -> None:
    assert image_grid(random_images(4), scale=1, gap=(1, 5)).shape == (2 * 4 + 5, 2 * 5 + 1, 3)
    assert image_grid(random_images(4), 9, scale=1, gap=0).shape == (4, 9 * 5, 3)


def test_values_that_no_image_has_are_shown_all_the_same() -> None:
    values = np.array([np.nan, np.inf, -np.inf, 7.0]).reshape(1, 1, 1, 4)
    assert to_pixels(values)[0, 0, :, 0].tolist() == [128, 255, 0, 255]


def test_odd_numbers_of_channels() -> None:
    four, two = random_images(2, 4), np.stack([np.full((2, 3, 3), 10), np.full((2, 3, 3), 20)], 1)
    assert (to_pixels(four) == to_pixels(four[:, :3])).all()
    assert (to_pixels(two.astype(np.uint8)) == 15).all()


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (4, 4), (2, 1, 4)])
def test_what_is_no_list_of_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="a grid takes"):
        image_grid(np.zeros(shape))


def test_data_stand_above_their_reconstructions() -> None:
    x, again = random_images(5), random_images(5)
    grid = reconstruction_grid(x, again, 3, scale=1, gap=1)
    assert grid.shape == (4 * 4 + 1 + 3 + 1, 3 * 5 + 2, 3)
    for index in range(5):
        top, left = index // 3 * (4 + 1 + 4 + 3), index % 3 * 6
        above, below = (
            grid[top : top + 4, left : left + 5],
            grid[top + 5 : top + 9, left : left + 5],
        )
        assert (above == to_pixels(x)[index]).all()
        assert (below == to_pixels(again)[index]).all()


def test_few_pairs_leave_no_empty_columns() -> None:
    assert reconstruction_grid(random_images(2), random_images(2), scale=1).shape[1] == 2 * 5 + 2


def test_reconstructions_must_fit_their_data() -> None:
    with pytest.raises(DataError, match="differ in shape"):
        reconstruction_grid(random_images(2), random_images(3))


def test_each_path_is_a_row() -> None:
    rows = random_images(6)
    grid = interpolation_grid(rows, 3, scale=1, gap=1)
    assert grid.shape == (4 + 4 + 4, 3 * 5 + 2, 3)
    assert (grid[8:, :5] == to_pixels(rows)[3]).all()


def test_png_files_hold_the_pixels(tmp_path: Path) -> None:
    colour, grey = image_grid(random_images(3, 3)), image_grid(random_images(3))
    for name, grid in (("colour", colour), ("grey", grey)):
        save_png(tmp_path / "new" / f"{name}.png", grid)
        with Image.open(tmp_path / "new" / f"{name}.png") as image:
            assert (np.asarray(image.convert("RGB")) == grid).all()
    assert len(list((tmp_path / "new").iterdir())) == 2  # no temporary file is left
    assert Image.open(io.BytesIO(png_bytes(grey))).mode == "L"
    assert data_uri(grey).startswith("data:image/png;base64,")


def test_large_images_are_made_smaller() -> None:
    pixels = to_pixels(random_images(2, 3, 40, 80))
    assert at_most(pixels, 20).shape == (2, 10, 20, 3)
    assert at_most(pixels, 80) is pixels
