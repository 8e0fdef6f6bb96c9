"""The range of images whose values are not 8-bit levels, fitted on the training split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import DataError
from ..dataset import Scaling
from ..settings import DataSettings

JOINT_CHANNELS = 3
"""Largest number of channels that share one range, since colours would change otherwise."""

_NARROW = 0.02
"""Fraction of the range below which nearly all values count as squeezed by a few extremes."""

_BLOCK = 256
_PIXELS = 1 << 16
_SAMPLED = 1 << 22
"""Values of a channel from which a percentile is computed at most, evenly spaced."""


def fit_range(train: NDArray[Any], settings: DataSettings, where: str) -> Scaling:
    """Fits the affine map that brings training images to [-1, 1].

    Args:
        train: Images of the training split as they were decoded, `(N, C, H, W)`.
        settings: Settings, of which `range` names the lowest and highest value, and
            `range_percentiles` the percentiles of the training split to take otherwise.
        where: The source, for messages.

    Returns:
        Shift and scale, float64 `(C, 1, 1)`. Up to three channels share one range.

    Raises:
        DataError: All values are the same.
    """
    channels = train.shape[1]
    if settings.range is not None:
        lows, highs = np.full((2, channels), np.array(settings.range)[:, None])
    else:
        groups = (
            [[*range(channels)]] if channels <= JOINT_CHANNELS else [[c] for c in range(channels)]
        )
        bounds = np.empty((2, channels))
        for group in groups:
            bounds[:, group] = _bounds(train[:, group], settings.range_percentiles)[:, None]
        lows, highs = bounds
    if (lows == highs).all():
        raise DataError(
            f"{where}: all values of the training images are {lows[0]:g}; there is nothing to"
            " learn."
        )
    scale = np.where(highs > lows, (highs - lows) / 2, 1.0)  # a constant channel stays so
    has_16_bits = train.dtype == np.uint16
    return Scaling(_column((lows + highs) / 2), _column(scale), from_16_bits=has_16_bits)


def to_range(values: NDArray[Any], scaling: Scaling) -> Tensor:
    """Brings decoded images `(N, C, H, W)` to the range of a model, float32, clipped to [-1, 1].

    Values that are not finite become the lowest of the range.
    """
    scaled = torch.empty(values.shape, dtype=torch.float32)
    for place, image in zip(scaled, values, strict=True):
        raw = torch.as_tensor(image.astype(np.float64))
        place.copy_(raw.sub_(scaling.shift).div_(scaling.scale))
    return scaled.nan_to_num_(-1.0, posinf=1.0, neginf=-1.0).clamp_(-1, 1)


def pixels_to_range(pixels: NDArray[Any], scaling: Scaling) -> Tensor:
    """Brings decoded pixels `(P, C)` to the range of a model, as `to_range` does."""
    scaled = torch.empty(pixels.shape, dtype=torch.float32)
    for start in range(0, len(pixels), _PIXELS):
        part = pixels[start : start + _PIXELS]
        scaled[start : start + _PIXELS] = to_range(part.T[None, :, None], scaling)[0, :, 0].T
    return scaled


def is_constant(images: NDArray[Any]) -> bool:
    """Whether all values are the same; it ends at the first block where they differ."""
    starts = range(0, len(images), _BLOCK)
    return all(bool((images[i : i + _BLOCK] == images.flat[0]).all()) for i in starts)


def warning_of_range(
    train: NDArray[Any], scaling: Scaling, settings: DataSettings, where: str
) -> str | None:
    """Says where few extreme values fill the range of deep images; None where they do not.

    Args:
        train: Images of the training split as they were decoded, `(N, C, H, W)`.
        scaling: Their scaling, by the extremes.
        settings: Settings of the data; where they name a range there is nothing to say.
        where: The source.
    """
    if settings.range is not None or settings.range_percentiles != (0, 100):
        return None
    inner = _inner_range(train, scaling)
    return inner and (
        f"{where}: nearly all values lie between {inner[0]:g} and {inner[1]:g}, for which the"
        f" extremes leave less than {_NARROW:.0%} of the range; --data.range {inner[0]:g},"
        f"{inner[1]:g} gives them all of it"
    )


def warning_of_missing(values: NDArray[Any], where: str, name: Callable[[int], str]) -> str | None:
    """Says how many images hold values that are not finite; None for none.

    Args:
        values: Images as they were decoded.
        where: The source.
        name: Function that names the image in a row.
    """
    bad = [row for row, image in enumerate(values) if not np.isfinite(image).all()]
    if not bad:
        return None
    return (
        f"{where}: {len(bad)} images hold values that are not finite, the first {name(bad[0])};"
        " they become the lowest of the range"
    )


def _inner_range(train: NDArray[Any], scaling: Scaling) -> tuple[float, float] | None:
    """The 0.1 and 99.9 percentile of values between the extremes, where these hide them.

    The least and the greatest value themselves do not count, as marks of missing pixels and of
    saturated ones have them. None where the values fill at least `_NARROW` of a channel's range.
    """
    step = max(1, train.size // _SAMPLED)
    found = list[tuple[float, float]]()
    for channel in range(train.shape[1]):
        part = train[:, channel].reshape(-1)[::step].astype(np.float64)
        part = part[np.isfinite(part)]
        between = part[(part > part.min(initial=np.inf)) & (part < part.max(initial=-np.inf))]
        if not between.size:
            return None
        low, high = np.percentile(between, (0.1, 99.9))
        if high - low >= _NARROW * 2 * float(scaling.scale[channel]):
            return None
        found.append((float(low), float(high)))
    return min(low for low, _ in found), max(high for _, high in found)


def _bounds(values: NDArray[Any], percentiles: tuple[float, float]) -> NDArray[np.float64]:
    """The two percentiles of finite values; the least and the greatest are exact."""
    if percentiles == (0, 100):
        blocks = (values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK))
        finite = (block[np.isfinite(block)] for block in blocks)  # of a mapped file, few at once
        ends = [(block.min(), block.max()) for block in finite if block.size] or [(0.0, 0.0)]
        return np.array([min(low for low, _ in ends), max(high for _, high in ends)], np.float64)
    flat = values.reshape(-1)
    part = flat[:: -(-flat.size // _SAMPLED)].astype(np.float64)
    return np.percentile(part[np.isfinite(part)], percentiles)


def _column(values: NDArray[np.float64]) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(values[:, None, None]))
