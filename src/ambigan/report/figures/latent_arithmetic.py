"""Sums of latents as a picture, after DCGAN's Figure 7, and the numbered sheet to choose from."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ...analysis.latent_arithmetic import NOISE, ArithmeticResult
from . import theme
from .sheet import LABEL, SMALL, new_sheet, place_image, place_text, scaled_up

_SIDE = 64
COLUMNS = 10
GAP, SIGN, NUMBER = 6, 40, 22  # between images, for a sign, for the number below an image


def draw_sheet(images: ArrayLike, title: str) -> Figure:
    """Images `(N, C, H, W)` with their numbers, from 0, below them."""
    cells = scaled_up(images, _SIDE)
    num, height, width, _ = cells.shape
    size = COLUMNS * (width + GAP) - GAP, -(-num // COLUMNS) * (height + NUMBER)
    figure, axes = new_sheet(title, "", *size)
    for number, image in enumerate(cells):
        row, column = divmod(number, COLUMNS)
        _place_numbered(axes, image, number, column * (width + GAP), row * (height + NUMBER))
    return figure


def draw_sums(sums: ArithmeticResult) -> Figure:
    """Exemplars, their means, and the sums of the means, in latents and in pixels."""
    height, width = scaled_up(sums.means, _SIDE).shape[1:3]
    lefts = [SIGN - 8 + i * (width + SIGN) for i in range(len(sums.terms) + 1)]
    most = max(len(shown) for shown in sums.exemplars)
    heights = (most * (height + NUMBER), 3 * (height + GAP), height)
    tops = [LABEL, 2 * LABEL + 16 + heights[0], 3 * LABEL + 32 + heights[0] + heights[1]]
    title = "Arithmetic of latents: " + " ".join(
        f"{_sign(term.sign)} ({', '.join(map(str, term.numbers))})" for term in sums.terms
    )
    words = (
        f"In the frame, the sum of the means; around it, with uniform noise of ±{NOISE} added. "
        "Below, the same sums of pictures instead of latents, for comparison."
    )
    figure, axes = new_sheet(title, words, lefts[-1] + 3 * (width + GAP), tops[2] + height)
    names = ("exemplars", "means of latents, decoded", "means of pixels")
    for name, top, tall in zip(names, tops, heights, strict=True):
        place_text(axes, name, 0, top - LABEL)
        signs = [_sign(term.sign) for term in sums.terms] + ["="] * (name != "exemplars")
        for left, sign in zip(lefts, signs, strict=False):
            middle = {"ha": "center", "va": "center"}
            place_text(axes, sign, left - SIGN / 2, top + tall / 2, 22, theme.INK, **middle)
    for left, term, shown in zip(lefts, sums.terms, sums.exemplars, strict=False):
        cells = scaled_up(shown, _SIDE)
        for row, (image, number) in enumerate(zip(cells, term.numbers, strict=True)):
            _place_numbered(axes, image, number, left, tops[0] + row * (height + NUMBER))
    middle = tops[1] + (heights[1] - height) / 2
    for left, image in zip(lefts, scaled_up(sums.means, _SIDE), strict=False):
        place_image(axes, image, left, middle)
    of_pixels = np.concatenate([sums.pixel_means, sums.pixel_result[None]])
    for left, image in zip(lefts, scaled_up(of_pixels, _SIDE), strict=True):
        place_image(axes, image, left, tops[2])
    around = scaled_up(sums.result, _SIDE)[[1, 2, 3, 4, 0, 5, 6, 7, 8]]  # the sum in the centre
    for place, image in enumerate(around):
        row, column = divmod(place, 3)
        left, top = lefts[-1] + column * (width + GAP), tops[1] + row * (height + GAP)
        place_image(axes, image, left, top, frame=theme.ACCENT if place == 4 else None)
    return figure


def _place_numbered(axes: Axes, image: np.ndarray, number: int, left: float, top: float) -> None:
    height, width = image.shape[:2]
    place_image(axes, image, left, top)
    place_text(axes, str(number), left + width / 2, top + height + 3, SMALL, ha="center")


def _sign(sign: int) -> str:
    return "+" if sign > 0 else "−"
