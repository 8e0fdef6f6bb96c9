"""One image file to pixels: every format, depth and colour mode to 8-bit gray or RGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

Pixels = NDArray[np.uint8]

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
    """What is known of an image before its pixels are decoded.

    Attributes:
        height: in pixels, after the camera's orientation is applied.
        width: likewise.
        is_gray: it is stored without colours.
    """

    height: int
    width: int
    is_gray: bool


@cache
def image_suffixes() -> frozenset[str]:
    """The endings, in lower case, of files that are taken for images."""
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, kind in known.items() if kind in _formats())


@cache
def _formats() -> tuple[str, ...]:
    """Those of the formats that this build of Pillow has."""
    Image.init()
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


def read_header(path: Path) -> Header:
    """Size and colour of an image file; raises whatever Pillow raises where it is not one."""
    with _open(path) as image:
        width, height = image.size
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        return Header(height, width, image.mode in _GRAY_MODES)


def read_pixels(path: Path, channels: int, size: tuple[int, int] | None) -> Pixels:
    """Pixels of an image file, `(channels, height, width)`.

    The camera's orientation is applied. What is transparent is laid on white. 16-bit gray becomes
    8-bit by its full range. Of an animation, the first frame is taken. Colours become gray by
    their luma (ITU-R 601).

    Args:
        path: the file.
        channels: 1 or 3.
        size: height and width; the image is resized so that it just covers them (Lanczos) and cut
            to them around its centre.

    Raises:
        Exception: whatever Pillow raises of a file that is damaged or no image.
    """
    with _open(path) as opened:
        image = _eight_bit(opened, opened.format).convert("L" if channels == 1 else "RGB")
    if size is not None:
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(image.height, image.width, channels).transpose(2, 0, 1)


def _open(path: Path) -> Image.Image:
    if not path.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file" if path.exists() else "the link leads nowhere")
    return Image.open(path, formats=_formats())


def _orientation(image: Image.Image) -> int:
    # TIFF: Pillow's size already has it. PNG without it in front: asking would decode the image.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def _eight_bit(image: Image.Image, kind: str | None) -> Image.Image:
    """The image upright and opaque, in 8 bits a channel."""
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


def _from_16_bit(values: NDArray[np.integer]) -> Pixels:
    return np.round(values.astype(np.float64) / 257).clip(0, 255).astype(np.uint8)
