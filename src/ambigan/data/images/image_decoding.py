"""Decoding of one image: every format, depth and colour mode to 8-bit gray or RGB."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from ..memory_budget import MemoryBudget

DecodedPixels = NDArray[np.uint8]

Content = Path | bytes | DecodedPixels
"""An image to decode: a file, the bytes of one, or pixels `(channels, height, width)`."""

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
        is_gray: Whether the image is stored without colours.
    """

    height: int
    width: int
    is_gray: bool


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
    """Reads size and colour of an image; raises Pillow's error if it is not one."""
    if isinstance(content, np.ndarray):
        return Header(content.shape[1], content.shape[2], is_gray=len(content) == 1)
    with _open(content) as image:
        width, height = image.size
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        return Header(height, width, image.mode in _GRAY_MODES)


def read_pixels(content: Content, channels: int, size: tuple[int, int] | None) -> DecodedPixels:
    """Decodes the pixels of an image, `(channels, height, width)`.

    The camera's orientation is applied. Transparent pixels are laid on white. 16-bit gray becomes
    8-bit by its full range. The first frame of an animation is taken. Colours become gray by their
    luma (ITU-R 601). A JPEG of at least four times the size is decoded at a half, a quarter or an
    eighth of its own size, but never below twice the size asked for.

    Args:
        content: File, bytes of one, or pixels.
        channels: Number of channels, 1 or 3.
        size: Height and width. The image is resized so that it just covers them (Lanczos) and
            cropped to them around its centre. None to keep its size.

    Raises:
        Exception: The file is damaged or not an image; the error is Pillow's.
    """
    mode = "L" if channels == 1 else "RGB"
    if isinstance(content, np.ndarray):
        if len(content) == channels and size in (None, content.shape[1:]):
            return content
        return _fitted(_from_pixels(content).convert(mode), size)
    with _open(content) as opened:
        if size is not None:
            _shrink(opened, size)
        with _gate.reserve(opened.width * opened.height):
            return _fitted(_eight_bit(opened, opened.format).convert(mode), size)


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


def _open(content: Path | bytes) -> Image.Image:
    if isinstance(content, Path) and not content.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file" if content.exists() else "a broken link")
    file = BytesIO(content) if isinstance(content, bytes) else content
    try:
        image = Image.open(file, formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bomb(error) from error
    if image.width * image.height > MAX_PIXELS:  # Pillow's own check may have been switched off
        image.close()
        raise _bomb(f"({image.width * image.height} pixels)")
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
        raise OSError("its 32-bit pixels have no fixed range; convert it to 8 or 16 bits")
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
