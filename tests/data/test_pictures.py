"""Every kind of picture to 8-bit gray or RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from ambigan.data.images.image_decoding import (
    Header,
    bombs_refused,
    image_suffixes,
    read_header,
    read_pixels,
)

from .mixed_folder import write_bomb

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def corner(path: Path, channels: int = 3) -> tuple[int, ...]:
    return tuple(read_pixels(path, channels, None)[:, 0, 0].tolist())


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tif", ".gif", ".ppm", ".tga"])
def test_formats_without_loss(tmp_path: Path, suffix: str) -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[1, 2] = RED
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(pixels), **options)
    assert suffix in image_suffixes()
    assert read_header(path) == Header(4, 6, channels=3)
    assert np.array_equal(read_pixels(path, 3, None), pixels.transpose(2, 0, 1))


def test_jpeg(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (8, 8), (10, 200, 30)))
    assert np.abs(np.array(corner(path)) - (10, 200, 30)).max() < 4


def test_documents_and_programs_are_no_images() -> None:
    assert not image_suffixes() & {".pdf", ".eps", ".ps", ".mpg", ".h5", ".txt"}


def test_gray_stays_gray_and_can_be_asked_for(tmp_path: Path) -> None:
    gray = saved(tmp_path / "gray.png", Image.new("L", (3, 2), 77))
    assert read_header(gray) == Header(2, 3, channels=1)
    assert corner(gray, 1) == (77,)
    assert corner(gray, 3) == (77, 77, 77)
    assert corner(saved(tmp_path / "red.png", Image.new("RGB", (3, 2), RED)), 1) == (76,)


def test_two_levels(tmp_path: Path) -> None:
    assert corner(saved(tmp_path / "a.png", Image.new("1", (3, 2), 1)), 1) == (255,)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_gray_keeps_its_range(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 257 * 100, 65535, 200]], np.uint16)
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(values))
    assert read_header(path).channels == 1
    assert read_pixels(path, 1, None).tolist() == [[[0, 100, 255, 1]]]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bit_pixels_have_no_range(tmp_path: Path, dtype: Any) -> None:
    path = saved(tmp_path / "a.tif", Image.fromarray(np.ones((2, 2), dtype)))
    with pytest.raises(OSError, match="others have 8 or 16 bits"):
        read_pixels(path, 1, None)


@pytest.mark.parametrize(
    ("image", "seen"),
    [
        (Image.new("RGBA", (2, 2), (*RED, 0)), WHITE),
        (Image.new("RGBA", (2, 2), (*RED, 255)), RED),
        (Image.new("RGBA", (2, 2), (0, 0, 0, 51)), (204, 204, 204)),
        (Image.new("LA", (2, 2), (0, 0)), WHITE),
    ],
)
def test_transparency_is_laid_on_white(
    tmp_path: Path, image: Image.Image, seen: tuple[int, ...]
) -> None:
    assert corner(saved(tmp_path / "a.png", image)) == seen


def test_gray_with_transparency_is_gray(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("LA", (2, 2), (9, 255)))
    assert read_header(path).channels == 1
    assert corner(path, 1) == (9,)


@pytest.mark.parametrize(("options", "seen"), [({}, BLUE), ({"transparency": 0}, WHITE)])
def test_palette(tmp_path: Path, options: dict[str, Any], seen: tuple[int, ...]) -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([*BLUE, *RED])
    path = saved(tmp_path / "a.png", image, **options)
    assert corner(path) == seen


def test_cmyk(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", Image.new("CMYK", (2, 2), (0, 255, 255, 0)))
    assert corner(path) == RED


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize(("orientation", "at"), [(1, (0, 0)), (3, (3, 7)), (6, (0, 3))])
def test_the_orientation_of_the_camera_is_respected(
    tmp_path: Path, suffix: str, orientation: int, at: tuple[int, int]
) -> None:
    pixels = np.zeros((4, 8), np.uint8)
    pixels[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"exif": exif.tobytes()}
    if suffix == ".jpg":
        options["quality"] = 100
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(pixels).convert("RGB"), **options)
    decoded, header = read_pixels(path, 1, None), read_header(path)
    assert decoded.shape == (1, header.height, header.width)
    assert header.height == (8 if orientation == 6 else 4)
    assert np.unravel_index(decoded[0].argmax(), decoded[0].shape) == at


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), color) for color in (RED, BLUE)]
    path = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert corner(path) == RED


@pytest.mark.parametrize(("height", "width"), [(20, 60), (60, 20), (8, 4), (3, 3)])
def test_resizing_keeps_the_centre(tmp_path: Path, height: int, width: int) -> None:
    pixels = np.zeros((height, width), np.uint8)
    middle = slice(width // 2 - 1, width - width // 2 + 1)
    pixels[height // 2 - 1 : height - height // 2 + 1, middle] = 255
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    small = read_pixels(path, 1, (8, 4))
    assert small.shape == (1, 8, 4)
    assert np.abs(small.astype(int) - small[:, ::-1, ::-1]).max() <= 2


def test_a_size_that_is_there_changes_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 4), np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    assert np.array_equal(read_pixels(path, 1, (8, 4))[0], pixels)


def smooth(height: int, width: int) -> Image.Image:
    """A picture without sharp edges, so that ways to shrink it differ little."""
    y, x = np.mgrid[:height, :width] * 0.02
    bands = [np.sin(x), np.cos(y), np.sin(x + y)]
    return Image.fromarray((np.stack(bands, 2) * 100 + 128).astype(np.uint8))


@pytest.mark.parametrize("turn", [1, 6])
def test_a_large_jpeg_is_decoded_at_a_reduced_scale(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    large = saved(tmp_path / "a.jpg", smooth(480, 800), exif=exif)
    size = (60, 40) if turn == 1 else (40, 60)
    ours = read_pixels(large, 3, size)
    with Image.open(large) as image:
        whole = ImageOps.exif_transpose(image)
        theirs = ImageOps.fit(whole, size[::-1], Image.Resampling.LANCZOS)
    difference = np.abs(ours.transpose(1, 2, 0).astype(int) - np.asarray(theirs))
    assert 0 < difference.max() < 6  # reduced, and hardly to be seen


def test_a_jpeg_below_four_times_the_size_is_decoded_whole(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", smooth(239, 239))
    with Image.open(path) as image:
        theirs = ImageOps.fit(image, (60, 60), Image.Resampling.LANCZOS)
    assert np.array_equal(read_pixels(path, 3, (60, 60)).transpose(1, 2, 0), theirs)


def test_bytes_and_arrays_are_pictures_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", smooth(20, 30))
    pixels = read_pixels(path, 3, None)
    assert read_header(path.read_bytes()) == read_header(pixels) == Header(20, 30, channels=3)
    assert np.array_equal(read_pixels(path.read_bytes(), 3, None), pixels)
    for channels, size in ((3, None), (1, None), (3, (8, 8)), (1, (9, 5))):
        ours = read_pixels(pixels, channels, size)
        assert np.array_equal(ours, read_pixels(path, channels, size))
    gray = read_pixels(path, 1, None)
    assert np.array_equal(read_pixels(gray, 3, None), np.repeat(gray, 3, 0))


def test_too_many_pixels_are_refused_by_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    write_bomb(path, 10_000)
    said = "it has 100,000,000 pixels, more than the limit of 89,478,485"
    with bombs_refused(), pytest.raises(OSError, match=said):
        read_header(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as some programs have it
    with pytest.raises(OSError, match=said):
        read_pixels(path, 3, (8, 8))
    write_bomb(path, 20_000)
    monkeypatch.undo()
    with bombs_refused(), pytest.raises(OSError, match="it has 400,000,000 pixels"):
        read_pixels(path.read_bytes(), 3, (8, 8))
