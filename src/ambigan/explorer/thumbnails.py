"""Small pictures of examples, for maps and lists; nothing of a page is needed for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..report.figures.grids import at_most, png_bytes, to_pixels
from ..run import Run

_SIDE = 64
_UNITS_APART = 10.0
"""Ratio of the columns' deviations above which they are drawn as they were scaled in training."""


def thumbnail(run: Run, images: NDArray[Any]) -> bytes:
    """A small PNG of one image `(1, C, H, W)` that the run gave."""
    return png_bytes(at_most(to_pixels(run.pictures(images)), _SIDE)[0])


def sparkline(values: NDArray[Any]) -> bytes:
    """A small SVG of a vector `(D,)`, by its place between the least and the largest value."""
    numbers = np.nan_to_num(np.asarray(values, dtype=np.float64))
    span = float(np.ptp(numbers)) or 1.0
    if len(numbers) == 1:
        numbers = np.repeat(numbers, 2)
    across = np.linspace(2, 62, len(numbers))
    up = 30 - 28 * (numbers - numbers.min()) / span
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, up, strict=True))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 32" width="64" height="32">'
        f'<polyline points="{points}" fill="none" stroke="#0b6bab" stroke-width="1.2"/></svg>'
    ).encode()


def comparable(run: Run, vector: NDArray[Any]) -> NDArray[Any]:
    """A vector `(D,)` as it is drawn: scaled as in training where columns have units far apart."""
    if run.scaling is None or not are_apart(run):
        return vector
    return run.scaling.apply(torch.as_tensor(vector)[None])[0].numpy()


def are_apart(run: Run) -> bool:
    """Whether values of the columns differ so much that one plot of them would show few."""
    scaling = run.scaling
    if scaling is None or run.spec.kind == "images":
        return False
    scales = scaling.scale.abs()
    return float(scales.max()) > _UNITS_APART * float(scales.min())


def small_picture(run: Run, original: NDArray[Any]) -> tuple[bytes, str]:
    """What stands for one example `(1, ...)` that the run gave, and the media type of it."""
    if run.spec.kind == "images":
        return thumbnail(run, original), "image/png"
    return sparkline(comparable(run, original[0])), "image/svg+xml"
