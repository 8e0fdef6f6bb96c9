"""What the units of a layer respond to, before and after training."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ...analysis.guided_gradients import GuidedGradients, Responses
from .grids import PixelArray, to_pixels
from .sheet import LABEL, new_sheet, place_image, place_text, tiles

_SIDE = 56
_SPACING = 36


def draw_guided_gradients(found: GuidedGradients) -> Figure:
    """A row for each unit: images that it responds to most, each followed by its guided gradient.

    As learned on the left, and before training on the right.
    """
    panels = [_panel(each) for each in (found.learned, found.initial)]
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


def _panel(responses: Responses) -> PixelArray:
    """Images and gradients by turns, `(height, width, 3)`."""
    images, gradients = responses.images, responses.gradients
    num_units, num = images.shape[:2]
    largest = np.abs(gradients).max((2, 3, 4), keepdims=True)
    scaled = gradients / np.where(largest > 0, largest, 1)
    pairs = np.stack([images, scaled], axis=2)
    pixels = to_pixels(pairs.reshape(num_units * num * 2, *images.shape[2:]))
    return tiles(pixels.transpose(0, 3, 1, 2), 2 * num, _SIDE)
