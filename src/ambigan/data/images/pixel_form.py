"""Pixels in another form: number of channels, size and type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .deep_images import storage_type

DecodedPixels = NDArray[Any]
"""Pixels `(channels, height, width)`, uint8, uint16 or float32."""


LONGEST = 2
"""How many times as long as the size asked for images stay that are stored for random crops."""


def formed(
    pixels: DecodedPixels,
    channels: int,
    size: tuple[int, int] | None,
    dtype: str,
    longest: int = 1,
) -> DecodedPixels:
    """Pixels in any form brought to the form asked for."""
    if storage_type(pixels.dtype) == "uint8" and dtype == "uint8" and channels in (1, 3):
        if len(pixels) == channels and size in (None, pixels.shape[1:]):
            return pixels
        if len(pixels) in (1, 3):
            image = _from_pixels(pixels).convert("L" if channels == 1 else "RGB")
            return fitted(image, size, longest)
    if storage_type(pixels.dtype) == "float32" and dtype != "float32":
        raise OSError("its 32-bit pixels have no fixed range, and others have 8 or 16 bits")
    if pixels.dtype == np.uint8 and dtype == "uint16":
        pixels = pixels.astype(np.uint16) * np.uint16(257)
    if len(pixels) != channels:
        pixels = _recoloured(pixels, channels)
    if size is not None and pixels.shape[1:] != size:
        pixels = np.stack([_band_fitted(band, size, longest) for band in pixels])
    return _converted(pixels, dtype)


def _recoloured(pixels: DecodedPixels, channels: int) -> DecodedPixels:
    if len(pixels) == 1:
        return pixels.repeat(channels, 0)
    if channels == 1 and len(pixels) == 3:
        luma = np.tensordot((0.299, 0.587, 0.114), pixels.astype(np.float64), 1)[None]
        return (luma if pixels.dtype.kind == "f" else np.rint(luma)).astype(pixels.dtype)
    raise OSError(f"it has {len(pixels)} channels where others have {channels}")


def _band_fitted(band: DecodedPixels, size: tuple[int, int], longest: int) -> DecodedPixels:
    image = Image.fromarray(band.astype(np.float32))
    resized = np.asarray(_resized(image, size, longest))
    return resized.clip(band.min(), band.max())  # Lanczos overshoots at edges, and widens the range


def _converted(pixels: DecodedPixels, dtype: str) -> DecodedPixels:
    """Values in another type, in which 8 and 16 bits have the same full range."""
    if dtype == "float32":
        return pixels.astype(np.float32)
    limits = np.iinfo(dtype)
    if pixels.dtype.kind == "f":  # resized
        return np.rint(pixels).clip(0, limits.max).astype(dtype)
    if pixels.dtype == np.uint16 and dtype == "uint8":
        return from_16_bit(pixels)
    return pixels.clip(0, limits.max).astype(dtype)


def fitted(image: Image.Image, size: tuple[int, int] | None, longest: int = 1) -> DecodedPixels:
    """The pixels of an image, resized to cover a size and cut to it, or to `longest` times it."""
    if size is not None:
        image = _resized(image, size, longest)
    values = np.asarray(image)
    return values.reshape(image.height, image.width, -1).transpose(2, 0, 1)


def _resized(image: Image.Image, size: tuple[int, int], longest: int) -> Image.Image:
    """An image resized to cover a size, with what lies beside it, up to `longest` times as long.

    The centre is the same to the bit, however much lies beside it.
    """
    height, width = size
    centre = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    # Whole pixels at both sides of the centre, in its scale; along one axis there are none.
    beside_x = (image.width * height - width * image.height) // (2 * image.height)
    beside_y = (image.height * width - height * image.width) // (2 * image.width)
    beside_x = min(max(beside_x, 0), width * (longest - 1) // 2)
    beside_y = min(max(beside_y, 0), height * (longest - 1) // 2)
    if not (beside_x or beside_y):
        return centre
    whole = width + 2 * beside_x, height + 2 * beside_y
    scale = image.height / height if beside_x else image.width / width
    left, top = (image.width - whole[0] * scale) / 2, (image.height - whole[1] * scale) / 2
    box = max(left, 0), max(top, 0), image.width - max(left, 0), image.height - max(top, 0)
    resized = image.resize(whole, Image.Resampling.LANCZOS, box)
    resized.paste(centre, (beside_x, beside_y))
    return resized


def _from_pixels(values: DecodedPixels) -> Image.Image:
    return Image.fromarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0))


def from_16_bit(values: NDArray[np.integer]) -> DecodedPixels:
    """The nearest of 256 levels of 16-bit values."""
    # The nearest of 256 levels, in integers because floats of a large image would fill memory.
    wide = values.clip(0, 65535).astype(np.uint32)
    wide += 128
    wide //= 257
    return wide.astype(np.uint8)
