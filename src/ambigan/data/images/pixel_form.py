"""Pixels in another form: number of channels, size and type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .deep_images import storage_type

DecodedPixels = NDArray[Any]
"""Pixels `(channels, height, width)`, uint8, uint16 or float32."""


def formed(
    pixels: DecodedPixels, channels: int, size: tuple[int, int] | None, dtype: str
) -> DecodedPixels:
    """Pixels in any form brought to the form asked for."""
    if storage_type(pixels.dtype) == "uint8" and dtype == "uint8" and channels in (1, 3):
        if len(pixels) == channels and size in (None, pixels.shape[1:]):
            return pixels
        if len(pixels) in (1, 3):
            return fitted(_from_pixels(pixels).convert("L" if channels == 1 else "RGB"), size)
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
        return from_16_bit(pixels)
    return pixels.clip(0, limits.max).astype(dtype)


def fitted(image: Image.Image, size: tuple[int, int] | None) -> DecodedPixels:
    """The pixels of an image, resized to cover a size and cut to it."""
    if size is not None:
        image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.LANCZOS)
    values = np.asarray(image)
    return values.reshape(image.height, image.width, -1).transpose(2, 0, 1)


def _from_pixels(values: DecodedPixels) -> Image.Image:
    return Image.fromarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0))


def from_16_bit(values: NDArray[np.integer]) -> DecodedPixels:
    """The nearest of 256 levels of 16-bit values."""
    # The nearest of 256 levels, in integers because floats of a large image would fill memory.
    wide = values.clip(0, 65535).astype(np.uint32)
    wide += 128
    wide //= 257
    return wide.astype(np.uint8)
