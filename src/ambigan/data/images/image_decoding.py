"""Decoding of one image of any format and depth.

Images of 8 bits become gray or RGB through Pillow. Deeper ones, and those of other numbers of
bands, keep their values, see `deep_images`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..memory_budget import MemoryBudget
from .deep_images import is_deeper, is_tiff, read_deep, read_deep_header, storage_type

DecodedPixels = NDArray[Any]
"""Pixels `(channels, height, width)`, uint8, uint16 or float32."""


@dataclass(frozen=True)
class Page:
    """One page or frame of a file.

    Attributes:
        file: The file, or the bytes of one.
        index: Number of the page, counted from 0.
    """

    file: Path | bytes
    index: int


Content = Path | bytes | Page | NDArray[Any]
"""An image to decode: a file, the bytes of one, a page, or pixels `(channels, height, width)`."""

MAX_PIXELS = 89_478_485
"""Largest number of pixels of an image, since a small file may unpack to more than fits in memory.
It is Pillow's own limit, a quarter of a gibibyte in RGB."""

# Threads decode at the same time only while their images together fit the budget of the largest.
_gate = MemoryBudget(MAX_PIXELS)

# Still images that Pillow decodes by itself. EPS is left out, since it is a program that an
# outside interpreter runs; PDF, MPEG and the scientific containers, since Pillow only writes or
# only recognises them.
_FORMATS = (
    *("AVIF", "BMP", "CUR", "DDS", "DIB", "GIF", "ICNS", "ICO", "IM", "JPEG", "JPEG2000", "MSP"),
    *("PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM"),
)
_GRAY_MODES = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"))
_SIDEWAYS = frozenset((5, 6, 7, 8))  # EXIF orientations that swap height and width


@dataclass(frozen=True)
class Header:
    """The properties of an image that are known before its pixels are decoded.

    Attributes:
        height: Height in pixels, after the camera's orientation is applied.
        width: Width in pixels, after the camera's orientation is applied.
        channels: Number of channels: 1 for gray, 3 for colours of any mode, else that of bands.
        dtype: Name of the type that holds all values: `uint8`, `uint16` or `float32`.
        pages: Number of pages or frames of the file.
    """

    height: int
    width: int
    channels: int
    dtype: str = "uint8"
    pages: int = 1


@cache
def image_suffixes() -> frozenset[str]:
    """Returns the file suffixes, in lower case, that count as images."""
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in known.items() if kind in _formats())


@cache
def _formats() -> tuple[str, ...]:
    """Returns the formats that this build of Pillow supports."""
    Image.init()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


@contextmanager
def bombs_refused() -> Generator[None]:
    """Turns Pillow's warning about images with too many pixels into an error inside the block.

    Enter it in the thread that starts the others, since warning filters are global.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_header(content: Content) -> Header:
    """Reads what is known of an image before it is decoded; raises the decoder's error."""
    if isinstance(content, np.ndarray):
        return _header_of(content)
    file, page = _file_and_page(content)
    image = _open(file, page)
    if image is None:
        (channels, height, width), dtype, pages = read_deep_header(file, page)
        return Header(height, width, channels, storage_type(dtype), pages)
    with image:
        width, height = image.size
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        channels = 1 if image.mode in _GRAY_MODES else 3
        return Header(height, width, channels, _depth(image), getattr(image, "n_frames", 1))


def read_pixels(
    content: Content, channels: int, size: tuple[int, int] | None, dtype: str = "uint8"
) -> DecodedPixels:
    """Decodes the pixels of an image, `(channels, height, width)`.

    The camera's orientation is applied. Transparent pixels of 8-bit images are laid on white. Where
    others have 8 bits, 16-bit gray becomes 8-bit by its full range. The first frame of an animation
    is taken. Colours become gray by their luma (ITU-R 601). A JPEG of at least four times the size
    is decoded at a half, a quarter or an eighth of its own size, but never below twice the size
    asked for.

    Args:
        content: File, bytes of one, page, or pixels.
        channels: Number of channels.
        size: Height and width. The image is resized so that it just covers them (Lanczos) and
            cropped to them around its centre. None to keep its size.
        dtype: Type of the result: `uint8`, `uint16` or `float32`.

    Raises:
        Exception: The file is damaged or not an image, or has other channels; the error is the
            decoder's.
    """
    if isinstance(content, np.ndarray):
        return _formed(content, channels, size, dtype)
    file, page = _file_and_page(content)
    opened = _open(file, page)
    if opened is None:
        (_, height, width), _, _ = read_deep_header(file, page)
        if height * width > MAX_PIXELS:
            raise _bomb(f"({height * width} pixels)")
        with _gate.reserve(height * width):
            return _formed(read_deep(file, page), channels, size, dtype)
    with opened:
        if dtype != "uint8" or channels not in (1, 3):
            values = undistorted(opened)
            return _formed(values, channels, size, dtype)
        if size is not None:
            _shrink(opened, size)
        with _gate.reserve(opened.width * opened.height):
            image = _eight_bit(opened, opened.format).convert("L" if channels == 1 else "RGB")
            return _fitted(image, size)


def _header_of(pixels: DecodedPixels) -> Header:
    channels, height, width = pixels.shape
    return Header(height, width, channels, storage_type(pixels.dtype))


def _file_and_page(content: Path | bytes | Page) -> tuple[Path | bytes, int]:
    return (content.file, content.index) if isinstance(content, Page) else (content, 0)


def _depth(image: Image.Image) -> str:
    if image.mode == "F":
        return "float32"
    return "uint16" if _is_16_bit(image) else "uint8"


def _is_16_bit(image: Image.Image) -> bool:
    # Pillow gives 16-bit PPM, and PNG before its version 11, as 32-bit integers.
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def undistorted(image: Image.Image) -> DecodedPixels:
    """The upright pixels of an image that Pillow opened, in their own depth."""
    if image.mode == "F":
        return np.asarray(ImageOps.exif_transpose(image))[None]
    if _is_16_bit(image):
        return np.asarray(ImageOps.exif_transpose(image)).clip(0, 65535).astype(np.uint16)[None]
    upright = _eight_bit(image, image.format)
    return _fitted(upright.convert("L" if image.mode in _GRAY_MODES else "RGB"), None)


def _formed(
    pixels: DecodedPixels, channels: int, size: tuple[int, int] | None, dtype: str
) -> DecodedPixels:
    """Pixels in any form brought to the form asked for."""
    if storage_type(pixels.dtype) == "uint8" and dtype == "uint8" and channels in (1, 3):
        if len(pixels) == channels and size in (None, pixels.shape[1:]):
            return pixels
        if len(pixels) in (1, 3):
            return _fitted(_from_pixels(pixels).convert("L" if channels == 1 else "RGB"), size)
    if storage_type(pixels.dtype) == "float32" and dtype != "float32":
        raise OSError("its 32-bit pixels have no fixed range, and others have 8 or 16 bits")
    if len(pixels) != channels:
        pixels = _recoloured(pixels, channels)
    if size is not None and pixels.shape[1:] != size:
        bands = [_band_fitted(band, size) for band in pixels]
        pixels = np.stack(bands)
    return _converted(pixels, dtype)


def _recoloured(pixels: DecodedPixels, channels: int) -> DecodedPixels:
    if len(pixels) == 1:
        return pixels.repeat(channels, 0)
    if channels == 1 and len(pixels) == 3:
        luma = np.tensordot((0.299, 0.587, 0.114), pixels.astype(np.float64), 1)[None]
        return (luma if pixels.dtype.kind == "f" else np.rint(luma)).astype(pixels.dtype)
    raise OSError(f"it has {len(pixels)} channels where others have {channels}")


def _band_fitted(band: DecodedPixels, size: tuple[int, int]) -> DecodedPixels:
    image = Image.fromarray(band.astype(np.float32))
    return np.asarray(ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS))


def _converted(pixels: DecodedPixels, dtype: str) -> DecodedPixels:
    """Values in another type, in which 8 and 16 bits have the same full range."""
    if dtype == "float32":
        return pixels.astype(np.float32)
    limits = np.iinfo(dtype)
    if pixels.dtype.kind == "f":  # resized
        return np.rint(pixels).clip(0, limits.max).astype(dtype)
    if pixels.dtype == np.uint8 and dtype == "uint16":
        return pixels.astype(np.uint16) * np.uint16(257)
    if pixels.dtype == np.uint16 and dtype == "uint8":
        return _from_16_bit(pixels)
    return pixels.clip(0, limits.max).astype(dtype)


def _fitted(image: Image.Image, size: tuple[int, int] | None) -> DecodedPixels:
    if size is not None:
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
    values = np.asarray(image)
    return values.reshape(image.height, image.width, -1).transpose(2, 0, 1)


def _from_pixels(values: DecodedPixels) -> Image.Image:
    return Image.fromarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0))


def _shrink(image: Image.Image, size: tuple[int, int]) -> None:
    """Makes Pillow decode a JPEG at a reduced scale, at a cost that falls with its square."""
    height, width = size
    if _orientation(image) in _SIDEWAYS:
        height, width = width, height
    image.draft(None, (2 * width, 2 * height))


def _open(content: Path | bytes, page: int = 0) -> Image.Image | None:
    """Opens an image with Pillow; None where only `read_deep` keeps all of it."""
    if isinstance(content, Path) and not content.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file" if content.exists() else "a broken link")
    file = BytesIO(content) if isinstance(content, bytes) else content
    try:
        image = Image.open(file, formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bomb(error) from error
    except UnidentifiedImageError:
        if is_tiff(content):
            return None
        raise
    if image.width * image.height > MAX_PIXELS:  # Pillow's own check may have been switched off
        image.close()
        raise _bomb(f"({image.width * image.height} pixels)")
    if is_deeper(image):
        image.close()
        return None
    if page:
        image.seek(page)
    return image


def _bomb(said: object) -> OSError:
    count = re.search(r"\((\d+) pixels\)", str(said))
    had = f"it has {int(count[1]):,} pixels" if count else "it has too many pixels"
    limit = min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)
    return OSError(f"{had}, more than the limit of {limit:,}")


def _orientation(image: Image.Image) -> int:
    # For TIFF, Pillow's size already includes the orientation. For a PNG without EXIF data before
    # its pixels, asking would decode the image.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def _eight_bit(image: Image.Image, kind: str | None) -> Image.Image:
    """Returns the image upright and opaque, with 8 bits per channel."""
    image = ImageOps.exif_transpose(image)
    # Pillow gives 16-bit PPM, and PNG before its version 11, as 32-bit integers.
    if image.mode.startswith("I;16") or (image.mode == "I" and kind in ("PNG", "PPM")):
        return Image.fromarray(_from_16_bit(np.asarray(image)))
    if image.mode in ("I", "F"):
        raise OSError("its 32-bit pixels have no fixed range, and others have 8 or 16 bits")
    if not image.has_transparency_data:
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA"))


def _from_16_bit(values: NDArray[np.integer]) -> DecodedPixels:
    # The nearest of 256 levels, in integers because floats of a large image would fill memory.
    wide = values.clip(0, 65535).astype(np.uint32)
    wide += 128
    wide //= 257
    return wide.astype(np.uint8)
