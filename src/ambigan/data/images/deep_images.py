"""Images of more than 8 bits or of many bands, which Pillow would cut short or refuse."""

from __future__ import annotations

import re
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
_DESCRIPTION, _NO_DATA = 270, "GDAL_NODATA"
_CHANNELS = re.compile(r'\nchannels=|<OME[^>]*>.*SizeC="(?!1")', re.S)
"""How ImageJ and OME-TIFF declare that pages are channels of one image."""

_WHITE_IS_ZERO = 0
_DEEP_COLOURS = frozenset(("RGB;16B", "RGBA;16B", "LA;16B"))
"""What Pillow calls pixels of PNG files that it reduces to 8 bits."""


ALL_PAGES = -1
"""The image whose channels are all pages of a file."""


def is_deeper(image: Image.Image) -> bool:
    """Whether an image that Pillow opened has more bits, another sign or more channels."""
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})  # pyright does not know it
        bits, formats = tags.get(_BITS_PER_SAMPLE, (1,)), tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
        has_channels = _CHANNELS.search(str(tags.get(_DESCRIPTION, ""))) is not None
        return max(bits) > 8 or set(formats) != {_UNSIGNED} or has_channels
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
    with _tiff_pages(content, page) as (pages, num_images):
        found = pages[0]
        lengths = dict(zip(found.axes, found.shape, strict=True))
        height, width = lengths["Y"], lengths["X"]
        if _orientation(found) >= 5:
            height, width = width, height
        dtype = found.dtype if _no_data(found) is None else np.dtype(np.float32)
        return (len(pages) * lengths.get("S", 1), height, width), dtype, num_images


def num_tiff_pages(content: Path | bytes) -> int:
    """Returns the number of images of a TIFF file, see `_tiff_pages`."""
    with _tiff_pages(content, 0) as (_, num_images):
        return num_images


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
def _tiff_pages(content: Path | bytes, index: int) -> Generator[tuple[list[Any], int]]:
    """The pages of one image of a TIFF file, and how many images there are.

    A page is an image, and where ImageJ or OME-TIFF declare channels, these are one. Smaller copies
    and masks of a page do not count. All pages are of the image `ALL_PAGES`.
    """
    tifffile: Any = import_module("tifffile")  # late: it takes a while to import
    source = BytesIO(content) if isinstance(content, bytes) else content
    with tifffile.TiffFile(source) as file:
        own = [page for page in file.pages if not (page.is_reduced or page.is_mask)]
        if not own:
            raise OSError("it holds previews alone, as camera raw does; develop it as TIFF or JPEG")
        images = [own] if index == ALL_PAGES else _with_channels(file, own)
        chosen = images[min(index, len(images) - 1)]
        if not {"Y", "X"} <= set(chosen[0].axes):
            raise OSError("a damaged TIFF, or of a variant that is not read")
        if any(page.shape != chosen[0].shape for page in chosen):
            raise OSError("its pages differ in size, so they are no channels of one image")
        yield images[index], len(images)


def _with_channels(file: Any, own: list[Any]) -> list[list[Any]]:
    """The pages of each image, by the channels that a file declares."""
    if len(own) > 1 and (file.is_imagej or file.is_ome):
        series = file.series[0]
        lengths = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if a not in "YXS"]
        axes, shape = [axis for axis, _ in lengths], [length for _, length in lengths]
        if "C" in axes and np.prod(shape) == len(own) == len(series.pages):
            channel = axes.index("C")
            order = np.moveaxis(np.arange(len(own)).reshape(shape), channel, -1)
            rows: list[list[int]] = order.reshape(-1, shape[channel]).tolist()
            return [[series.pages[place] for place in row] for row in rows]
    return [[page] for page in own]


def _read_tiff(content: Path | bytes, index: int) -> NDArray[np.generic]:
    with _tiff_pages(content, index) as (pages, _):
        bands = np.concatenate([_read_page(page) for page in pages])
        no_data = _no_data(pages[0])
        if no_data is not None:
            bands = np.where(bands == no_data, np.float32(np.nan), bands.astype(np.float32))
        return _upright(bands, _orientation(pages[0]))


def _read_page(page: Any) -> NDArray[np.generic]:
    pixels: NDArray[Any] = page.asarray()
    if page.axes.endswith("S") and pixels.ndim == 3:
        pixels = pixels.transpose(2, 0, 1)
    if _keyframe(page).photometric == _WHITE_IS_ZERO and pixels.dtype.kind == "u":
        pixels = np.iinfo(pixels.dtype).max - pixels
    return as_bands(pixels)


def _no_data(page: Any) -> float | None:
    """The value that GDAL's tag names as missing, unless it is the least of the type."""
    tag = _keyframe(page).tags.get(_NO_DATA)
    try:
        value = float(str(tag.value).strip("\0 ")) if tag else None
    except ValueError:
        return None
    is_least = page.dtype.kind == "u" and (value == 0 or page.dtype.itemsize == 1)
    return None if value is None or is_least else float(np.float32(value))


def _keyframe(page: Any) -> Any:
    """The page whose tags a page of a series shares."""
    return getattr(page, "keyframe", None) or page


def _orientation(page: Any) -> int:
    tag = _keyframe(page).tags.get("Orientation")
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
