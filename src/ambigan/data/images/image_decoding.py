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
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..file_kinds import HEIC, TIFF, kind_of_file, no_image
from .deep_images import (
    ALL_PAGES,
    is_deeper,
    is_preview,
    num_tiff_pages,
    read_deep,
    read_deep_header,
    storage_type,
)
from .memory_budget import MemoryBudget
from .other_formats import OTHERS
from .pixel_form import DecodedPixels, fitted, formed, from_16_bit


@dataclass(frozen=True)
class Page:
    """One page or frame of a file.

    Attributes:
        file: The file, or the bytes of one.
        index: Number of the page, counted from 0; `ALL_PAGES` for one image of them all.
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
# only recognises them. HEIF is there once its extra is registered.
_FORMATS = (
    *("AVIF", "BMP", "CUR", "DDS", "DIB", "GIF", "HEIF", "ICNS", "ICO", "IM", "JPEG", "JPEG2000"),
    *("MSP", "PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "SUN", "TGA", "TIFF", "WEBP", "XBM", "XPM"),
)
_WITH_FRAMES = frozenset(("AVIF", "GIF", "HEIF", "PNG", "WEBP"))
"""Formats whose frames are images of their own; those of others are layers, sizes or previews."""
_GRAY_MODES = frozenset(("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"))
_SIDEWAYS = frozenset((5, 6, 7, 8))  # EXIF orientations that swap height and width


@dataclass(frozen=True)
class Decoding:
    """How images are decoded, whatever form they are brought to.

    Attributes:
        max_pixels: Largest number of pixels; None for `MAX_PIXELS`.
        window: Whether values of DICOM are clipped to the window of the file.
    """

    max_pixels: int | None = None
    window: bool = True


DEFAULT = Decoding()


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
    """Returns the file suffixes, in lower case, that Pillow reads as images."""
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in known.items() if kind in _formats())


@cache
def _formats() -> tuple[str, ...]:
    """Returns the formats that this build of Pillow supports."""
    Image.init()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


@cache
def _register_heif() -> None:
    """Lets Pillow read HEIC."""
    try:
        heif: Any = import_module("pillow_heif")
    except ImportError as error:
        raise OSError(HEIC.needed) from error
    heif.register_heif_opener()
    _formats.cache_clear()


@contextmanager
def bombs_refused() -> Generator[None]:
    """Turns a lower limit of Pillow's on pixels into an error inside the block.

    Enter it in the thread that starts the others, since warning filters are global.
    """
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if limit == MAX_PIXELS:  # images are checked here, some of them once they are reduced
            Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def read_header(content: Content, decoding: Decoding = DEFAULT, *, reduces: bool = False) -> Header:
    """Reads what is known of an image before it is decoded; raises the decoder's error.

    Args:
        content: File, bytes of one, page, or pixels.
        decoding: How it will be decoded.
        reduces: Whether it will be decoded to a smaller size, so that its own is not limited yet.
    """
    if isinstance(content, np.ndarray):
        return _header_of(content)
    file, page = _file_and_page(content)
    image = _open(file, page)
    if image is None:
        (channels, height, width), dtype, pages = read_deep_header(
            file, page, window=decoding.window
        )
        return Header(height, width, channels, storage_type(dtype), pages)
    with image:
        width, height = image.size
        if not reduces:
            _check_pixels(width * height, decoding)
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        channels = 1 if image.mode in _GRAY_MODES else 3
        return Header(height, width, channels, _depth(image), _num_pages(file, image))


def read_pixels(
    content: Content,
    channels: int,
    size: tuple[int, int] | None,
    dtype: str = "uint8",
    decoding: Decoding = DEFAULT,
) -> DecodedPixels:
    """Decodes the pixels of an image, `(channels, height, width)`; see `decode`."""
    return decode(content, channels, size, dtype, decoding)[0]


def decode(
    content: Content,
    channels: int,
    size: tuple[int, int] | None,
    dtype: str = "uint8",
    decoding: Decoding = DEFAULT,
    longest: int = 1,
) -> tuple[DecodedPixels, int]:
    """Decodes the pixels of an image, `(channels, height, width)`, and counts the file's pages.

    The camera's orientation is applied. Transparent pixels of 8-bit images are laid on white. Where
    others have 8 bits, 16-bit gray becomes 8-bit by its full range. Colours become gray by their
    luma (ITU-R 601). A JPEG of at least four times the size is decoded at a half, a quarter or an
    eighth of its own size, but never below twice the size asked for.

    Args:
        content: File, bytes of one, page, or pixels.
        channels: Number of channels.
        size: Height and width. The image is resized so that it just covers them (Lanczos) and
            cropped to them around its centre. None to keep its size.
        dtype: Type of the result: `uint8`, `uint16` or `float32`.
        decoding: How files are decoded.
        longest: How many times as long as `size` the result may be along one side.

    Returns:
        The pixels, and the number of pages or frames of the file, of which this is one.

    Raises:
        Exception: The file is damaged or not an image, or has other channels; the error is the
            decoder's.
    """
    if isinstance(content, np.ndarray):
        return formed(content, channels, size, dtype, longest), 1
    file, page = _file_and_page(content)
    opened = _open(file, page)
    if opened is None:
        (_, height, width), _, pages = read_deep_header(file, page, window=decoding.window)
        _check_pixels(height * width, decoding)
        with _gate.reserve(height * width):
            values = read_deep(file, page, window=decoding.window)
            return formed(values, channels, size, dtype, longest), pages
    with opened:
        pages = _num_pages(file, opened)
        if dtype != "uint8" or channels not in (1, 3):
            _check_pixels(opened.width * opened.height, decoding)
            with _gate.reserve(opened.width * opened.height):
                return formed(undistorted(opened), channels, size, dtype, longest), pages
        whole = opened.width * opened.height
        if size is not None:
            _shrink(opened, size)
        # A progressive JPEG is unpacked whole before it is reduced.
        held = whole if opened.info.get("progressive") else opened.width * opened.height
        _check_pixels(held, decoding)
        with _gate.reserve(held):
            image = _eight_bit(opened, opened.format).convert("L" if channels == 1 else "RGB")
            return fitted(image, size, longest), pages


def num_pages(content: Content) -> int:
    """Returns the number of pages or frames of a file; 1 for one that cannot be read."""
    if isinstance(content, (np.ndarray, Page)):
        return 1
    try:
        return read_header(content, reduces=True).pages
    except MemoryError:
        raise
    except Exception:  # each decoder fails on damage in its own way; it is counted when decoded
        return 1


def _num_pages(file: Path | bytes, image: Image.Image) -> int:
    if image.format == "TIFF":
        return num_tiff_pages(file) if getattr(image, "n_frames", 1) > 1 else 1
    return getattr(image, "n_frames", 1) if image.format in _WITH_FRAMES else 1


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
    return fitted(upright.convert("L" if image.mode in _GRAY_MODES else "RGB"), None)


def _shrink(image: Image.Image, size: tuple[int, int]) -> None:
    """Makes Pillow decode a JPEG at a reduced scale, at a cost that falls with its square."""
    height, width = size
    if _orientation(image) in _SIDEWAYS:
        height, width = width, height
    image.draft(None, (2 * width, 2 * height))


def _open(content: Path | bytes, page: int = 0) -> Image.Image | None:
    """Opens an image with Pillow; None where only `read_deep` keeps all of it.

    Raises:
        OSError: It is no image, or of a kind that needs an extra.
    """
    if isinstance(content, Path) and not content.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file" if content.exists() else "a broken link")
    if page == ALL_PAGES:
        return None
    file = BytesIO(content) if isinstance(content, bytes) else content
    try:
        image = Image.open(file, formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bomb(error) from error
    except UnidentifiedImageError as error:
        kind = kind_of_file(content)
        if kind is TIFF or kind in OTHERS:
            return None
        if kind is HEIC and "HEIF" not in _formats():
            _register_heif()
            return _open(content, page)
        raise OSError(no_image(content)) from error
    if is_deeper(image) or is_preview(image):
        image.close()
        return None
    if page:
        image.seek(page)
    return image


def _check_pixels(count: int, decoding: Decoding) -> None:
    limit = decoding.max_pixels or min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)
    if count > limit:
        raise OSError(
            f"it has {count:,} pixels, more than the limit of {limit:,}; allow them with"
            f" --data.max-pixels {count}"
        )


def _bomb(said: object) -> OSError:
    """The refusal by Pillow's own limit, where a program has set a lower one."""
    count = re.search(r"\((\d+) pixels\)", str(said))
    had = f"it has {int(count[1]):,} pixels" if count else "it has too many pixels"
    limit = min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)
    return OSError(f"{had}, more than the limit of {limit:,}")


def _orientation(image: Image.Image) -> int:
    # For TIFF, Pillow's size already includes the orientation. For a PNG, asking would decode it.
    if image.format == "TIFF":
        return 1
    if image.format != "PNG" or _has_late_metadata(image):
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)


_METADATA = ("exif", "Raw profile type exif", "XML:com.adobe.xmp")


def _has_late_metadata(image: Image.Image) -> bool:
    """Whether a PNG has metadata after its pixels, as ExifTool writes XMP, and none before them."""
    file: Any = getattr(image, "fp", None)
    if file is None or any(key in image.info for key in _METADATA):
        return False
    place, start, is_late, found = file.tell(), 8, False, False
    while not found:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        is_late = is_late or head[4:] == b"IDAT"
        found = is_late and head[4:] in (b"eXIf", b"iTXt", b"zTXt")
        start += 12 + int.from_bytes(head[:4], "big")
    file.seek(place)
    return found


def _eight_bit(image: Image.Image, kind: str | None) -> Image.Image:
    """Returns the image upright and opaque, with 8 bits per channel."""
    image = ImageOps.exif_transpose(image)
    # Pillow gives 16-bit PPM, and PNG before its version 11, as 32-bit integers.
    if image.mode.startswith("I;16") or (image.mode == "I" and kind in ("PNG", "PPM")):
        return Image.fromarray(from_16_bit(np.asarray(image)))
    if image.mode in ("I", "F"):
        raise OSError("its 32-bit pixels have no fixed range, and others have 8 or 16 bits")
    if not image.has_transparency_data:
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA"))
