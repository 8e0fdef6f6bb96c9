"""First filters, and what later layers respond to, before and after training."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...analysis.filters import Filters
from ...analysis.guided_gradients import GuidedGradients, Responses
from .grids import PixelArray, to_pixels
from .sheet import LABEL, new_sheet, place_image, place_text, tiles

MOST = 100
_SPACING = 36
_RESPONSE_SIDE = 56
_SIDE = {3: 34, 5: 36, 7: 40}  # side of a tile in pixels, by the side of the kernel


def draw_filters(filters: Filters) -> Figure:
    """The kernels as learned, next to the same ones before training."""
    learned, initial = draw_tiles(filters.learned), draw_tiles(filters.initial)
    height, width = learned.shape[:2]
    title = f"First filters of the {filters.network}"
    figure, axes = new_sheet(title, caption(filters), 2 * width + _SPACING, LABEL + height)
    for left, name, panel in (
        (0, "as learned", learned),
        (width + _SPACING, "before training", initial),
    ):
        place_text(axes, name, left, 0)
        place_image(axes, panel, left, LABEL)
    return figure


def draw_tiles(kernels: NDArray[np.float32]) -> PixelArray:
    """The first kernels, `(N, C, h, w)`, in a square of tiles."""
    shown = kernels[:MOST]
    side = _SIDE.get(max(shown.shape[2:]), 44)
    return tiles(kernel_images(shown), _columns(len(shown)), side)


def kernel_images(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kernels `(N, C, h, w)` as images in [-1, 1]: zero is middle grey.

    Three channels are RGB and one is grey, each kernel scaled by its own largest absolute value.
    Of other numbers of channels, a kernel is shown in grey as the one pattern that is nearest to it
    in all its channels, times a number for each (its first singular vector); the sign is that of
    the channels' sum.
    """
    if kernels.shape[1] not in (1, 3):
        kernels = _main_pattern(kernels)
    largest = np.abs(kernels).max((1, 2, 3), keepdims=True)
    return (kernels / np.where(largest > 0, largest, 1)).astype(np.float32)


def caption(filters: Filters) -> str:
    """What the tiles are, in a sentence or two."""
    num, channels, height, width = filters.learned.shape
    few = f"The first {MOST} of {num}" if num > MOST else f"All {num}"
    form = f"{height}x{width}" + (f", {channels} channels" if channels > 1 else "")
    how = "Each is scaled by its own largest weight; middle grey is zero."
    grey = " In grey: the main pattern over all channels." if channels not in (1, 3) else ""
    return f"{few} kernels ({form}) that touch pixels, in the same places. {how}{grey}"


def _columns(num: int) -> int:
    """As many as make full rows, where that is not much wider than high."""
    least = math.ceil(num**0.5)
    return next((n for n in range(least, 2 * least) if num % n == 0), least)


def _main_pattern(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    num, channels, height, width = kernels.shape
    mixes, sizes, patterns = np.linalg.svd(
        kernels.reshape(num, channels, height * width), full_matrices=False
    )
    signs = np.where(mixes[:, :, 0].sum(1) < 0, -1, 1)
    main = patterns[:, 0] * (signs * sizes[:, 0])[:, None]
    return main.reshape(num, 1, height, width).astype(np.float32)


def draw_guided_gradients(found: GuidedGradients) -> Figure:
    """A row for each unit: images that it responds to most, each followed by its guided gradient.

    As learned on the left, and before training on the right.
    """
    panels = [_response_panel(each) for each in (found.learned, found.initial)]
    height, width = panels[0].shape[:2]
    words = (
        "Each row is a unit: the images to which it responds most, each followed by the guided"
        " gradient of its response, scaled by its largest value; grey is zero."
    )
    title = f"What {found.layer} responds to"
    figure, axes = new_sheet(title, words, 2 * width + _SPACING, LABEL + height)
    for number, name in enumerate(("as learned", "before training")):
        left = number * (width + _SPACING)
        place_text(axes, name, left, 0)
        place_image(axes, panels[number], left, LABEL)
    return figure


def _response_panel(responses: Responses) -> PixelArray:
    """Images and gradients by turns, `(height, width, 3)`."""
    images, gradients = responses.images, responses.gradients
    num_units, num = images.shape[:2]
    largest = np.abs(gradients).max((2, 3, 4), keepdims=True)
    scaled = gradients / np.where(largest > 0, largest, 1)
    pairs = np.stack([images, scaled], axis=2)
    pixels = to_pixels(pairs.reshape(num_units * num * 2, *images.shape[2:]))
    return tiles(pixels.transpose(0, 3, 1, 2), 2 * num, _RESPONSE_SIDE)
