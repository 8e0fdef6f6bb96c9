"""Images of more than 8 bits or of many bands, which Pillow would cut short or refuse."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..file_kinds import TIFF, kind_of_file
from .other_formats import OTHERS, num_frames, read_other

_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _SUBFILE_TYPE, _UNSIGNED = 258, 339, 254, 1
_WHITE_IS_ZERO = 0
_DEEP_COLOURS = frozenset(("RGB;16B", "RGBA;16B", "LA;16B"))
"""What Pillow calls pixels of PNG files that it reduces to 8 bits."""


def is_deeper(image: Image.Image) -> bool:
    """Whether an image that Pillow opened has more bits or another sign than Pillow would give."""
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})  # pyright does not know it
        bits, formats = tags.get(_BITS_PER_SAMPLE, (1,)), tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
        return max(bits) > 8 or set(formats) != {_UNSIGNED}
    tiles: Any = getattr(image, "tile", ())  # pyright does not know it
    raw_modes = [str(part) for tile in tiles for part in tile]
    return image.format == "PNG" and not _DEEP_COLOURS.isdisjoint(raw_modes)


def is_preview(image: Image.Image) -> bool:
    """Whether Pillow opened a small copy in a TIFF file, as those of cameras have it first."""
    tags: Any = getattr(image, "tag_v2", {})  # pyright does not know it
    return image.format == "TIFF" and bool(tags.get(_SUBFILE_TYPE, 0) & 1)


def read_deep_header(
    content: Path | bytes, page: int, *, window: bool = True
) -> tuple[tuple[int, int, int], np.dtype[Any], int]:
    """Returns the shape `(C, H, W)`, the type and the number of pages of an image of many bits.

    Raises:
        Exception: The file is damaged; the error is the decoder's.
    """
    kind = kind_of_file(content)
    if kind is not TIFF:
        pixels = read_deep(content, page, window=window)
        channels, height, width = pixels.shape
        pages = num_frames(content, kind) if kind in OTHERS else 1
        return (channels, height, width), pixels.dtype, pages
    with _tiff_page(content, page) as (found, num_pages):
        lengths = dict(zip(found.axes, found.shape, strict=True))
        height, width = lengths["Y"], lengths["X"]
        if _orientation(found) >= 5:
            height, width = width, height
        return (lengths.get("S", 1), height, width), found.dtype, num_pages


def num_tiff_pages(content: Path | bytes) -> int:
    """Returns the number of pages of a TIFF file, without smaller copies and masks of a page."""
    with _tiff_page(content, 0) as (_, num_pages):
        return num_pages


def read_deep(content: Path | bytes, page: int, *, window: bool = True) -> NDArray[np.generic]:
    """Decodes a page of a file in its own depth.

    Args:
        content: The file, or the bytes of one.
        page: Number of the page.
        window: Whether values of DICOM are clipped to the window of the file.

    Returns:
        Pixels `(channels, height, width)` of uint8, uint16 or float32.

    Raises:
        Exception: The file is damaged, or holds no real numbers; the error is the decoder's.
    """
    kind = kind_of_file(content)
    if kind is TIFF:
        return _read_tiff(content, page)
    if kind in OTHERS:
        return as_bands(read_other(content, kind, page, window=window))
    data = content if isinstance(content, bytes) else content.read_bytes()
    pixels: NDArray[Any] = import_module("imagecodecs").png_decode(data)
    return as_bands(pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def as_bands(pixels: NDArray[Any]) -> NDArray[np.generic]:
    """Pixels `(H, W)` or `(C, H, W)` as `(C, H, W)`, in a type that is stored.

    Raises:
        OSError: Values are no real numbers, or the array has other dimensions.
    """
    if pixels.dtype.kind not in "biuf":
        raise OSError(f"its values of type {pixels.dtype} are no real numbers")
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3:
        raise OSError(f"it is an array of {pixels.ndim} dimensions, {pixels.shape}")
    return stored_values(pixels)


def stored_values(values: NDArray[Any]) -> NDArray[Any]:
    """Values of any real type as they are stored: uint8, uint16 or float32; bools 0 and 255."""
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    return np.ascontiguousarray(values, dtype=storage_type(values.dtype))


def storage_type(dtype: np.dtype[Any]) -> str:
    """The name of the type that keeps values of another: `uint8`, `uint16` or `float32`."""
    name = dtype.newbyteorder("=").name
    return "uint8" if name == "bool" else name if name in ("uint8", "uint16") else "float32"


@contextmanager
def _tiff_page(content: Path | bytes, index: int) -> Generator[tuple[Any, int]]:
    tifffile: Any = import_module("tifffile")  # late: it takes a while to import
    source = BytesIO(content) if isinstance(content, bytes) else content
    with tifffile.TiffFile(source) as file:
        own = [page for page in file.pages if not (page.is_reduced or page.is_mask)]
        if not own:
            raise OSError("it holds previews alone, as camera raw does; develop it as TIFF or JPEG")
        if not {"Y", "X"} <= set(own[min(index, len(own) - 1)].axes):
            raise OSError("a damaged TIFF, or of a variant that is not read")
        yield own[index], len(own)


def _read_tiff(content: Path | bytes, index: int) -> NDArray[np.generic]:
    with _tiff_page(content, index) as (page, _):
        pixels: NDArray[Any] = page.asarray()
        if page.axes.endswith("S") and pixels.ndim == 3:
            pixels = pixels.transpose(2, 0, 1)
        if page.photometric == _WHITE_IS_ZERO and pixels.dtype.kind == "u":
            pixels = np.iinfo(pixels.dtype).max - pixels
        return _upright(as_bands(pixels), _orientation(page))


def _orientation(page: Any) -> int:
    tag = page.tags.get("Orientation")
    return tag.value if tag else 1


_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda x: x[:, :, ::-1],
    3: lambda x: x[:, ::-1, ::-1],
    4: lambda x: x[:, ::-1],
    5: lambda x: x.swapaxes(1, 2),
    6: lambda x: x[:, ::-1].swapaxes(1, 2),
    7: lambda x: x[:, ::-1, ::-1].swapaxes(1, 2),
    8: lambda x: x[:, :, ::-1].swapaxes(1, 2),
}
"""How pixels `(C, H, W)` are turned upright, by the value of the tag Orientation."""


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    turn = _TURNS.get(orientation)
    return np.ascontiguousarray(turn(pixels)) if turn else pixels
