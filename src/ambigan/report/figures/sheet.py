"""Figures made of images and lines of text, placed in CSS pixels from the upper left."""

from __future__ import annotations

import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from . import theme
from .grids import PixelArray, at_most, image_grid, to_pixels

TITLE, NOTE, SMALL = 17, 14, 12  # font sizes in CSS pixels
LABEL = 24  # height of a line of text of size NOTE with the space below it
_MARGIN = 20
_LINE = 16
_PAPER_GREY = 251
_TITLE_WIDTH, _TEXT_WIDTH = 0.66, 0.56  # of a character, bold and plain, as shares of the font size


def new_sheet(title: str, words: str, width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with a title, a paragraph below it and an empty body of this width and height.

    The title is one line of trusted text, or cleaned by `theme.clean`; the sheet grows if it needs
    more width. The paragraph is wrapped and may be empty. The axes are in pixels, and their origin
    is the upper left of the body.
    """
    width = max(width, _TITLE_WIDTH * TITLE * len(title), 480 if words else 0)
    lines = textwrap.wrap(words, int(width / (_TEXT_WIDTH * SMALL)))
    head = 32 + _LINE * len(lines) + (12 if lines else 0)
    size = (width + 2 * _MARGIN) / 72, (head + height + 2 * _MARGIN) / 72
    figure = Figure(figsize=size, dpi=72, facecolor=theme.PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-_MARGIN, width + _MARGIN), ylim=(height + _MARGIN, -head - _MARGIN))
    axes.axis("off")
    place_text(axes, title, 0, -head, TITLE, theme.INK, fontweight="bold")
    for number, line in enumerate(lines):
        place_text(axes, line, 0, 32 - head + _LINE * number, SMALL)
    return figure, axes


def place_text(
    axes: Axes,
    line: str,
    left: float,
    top: float,
    size: int = NOTE,
    colour: str = theme.MUTED,
    **style: Any,
) -> None:
    """Writes one line of text; `style` is that of `Axes.text`."""
    options: dict[str, Any] = {"va": "top", "parse_math": False} | style
    axes.text(left, top, line, fontsize=size, color=colour, **options)


def place_image(
    axes: Axes,
    pixels: PixelArray,
    left: float,
    top: float,
    size: tuple[float, float] | None = None,
    *,
    frame: str | None = None,
) -> None:
    """Draws pixels `(h, w, 3)` in this size (height, width) or as they are, framed in a colour."""
    height, width = size or pixels.shape[:2]
    axes.imshow(
        pixels,
        extent=(left, left + width, top + height, top),
        interpolation="nearest" if pixels.shape[0] <= 2 * height else "antialiased",
        aspect="auto",
        zorder=2,
    )
    if frame:
        place_box(axes, left, top, width, height, frame)


def place_box(
    axes: Axes, left: float, top: float, width: float, height: float, colour: str, line: float = 2
) -> None:
    """Draws the outline of a box, `line` pixels wide."""
    style: dict[str, Any] = {"fill": False, "edgecolor": colour, "linewidth": line, "zorder": 3}
    axes.add_patch(Rectangle((left, top), width, height, **style))


def scaled_up(images: ArrayLike, side: int) -> PixelArray:
    """Images `(N, C, H, W)` to `(N, H', W', 3)`; small ones by a whole number, to about `side`."""
    pixels = at_most(to_pixels(images), 2 * side)
    scale = max(1, round(side / max(pixels.shape[1:3])))
    return pixels.repeat(scale, 1).repeat(scale, 2)


def tiles(images: ArrayLike, columns: int, side: int) -> PixelArray:
    """Images `(N, C, H, W)`, each about `side` wide, in rows with paper between them."""
    cells = scaled_up(images, side).transpose(0, 3, 1, 2)
    return image_grid(cells, columns, scale=1, gap=3, separator=_PAPER_GREY)
