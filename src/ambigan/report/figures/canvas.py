"""Pictures put together of blocks of pixels and lines of text, on the paper of every figure.

A block is `(height, width, 3)` uint8. Blocks are set beside or above one another; what is left
over is paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageColor, ImageDraw, ImageFont

from . import theme
from .grids import PixelArray, at_most, to_pixels

Align = Literal["start", "middle", "end"]
TITLE, NOTE, SMALL = 17, 14, 12  # heights of type, in pixels
_SHARE: dict[Align, float] = {"start": 0.0, "middle": 0.5, "end": 1.0}


def space(height: int, width: int) -> PixelArray:
    """Empty paper."""
    return np.broadcast_to(_rgb(theme.PAPER), (height, width, 3)).copy()


def text(line: str, size: int = NOTE, colour: str = theme.INK, *, bold: bool = False) -> PixelArray:
    """One line of text.

    Args:
        line: what it says; untrusted text goes through `theme.clean` first.
        size: of the type, in pixels.
        colour: such as `theme.INK`.
        bold: in a heavier weight.
    """
    font = _font(size, bold)
    width, height = round(font.getlength(line)) + 1, sum(font.getmetrics())
    image = Image.new("RGB", (max(width, 1), height), theme.PAPER)
    ImageDraw.Draw(image).text((0, 0), line, font=font, fill=colour)
    return np.asarray(image)


def paragraph(words: str, width: int, size: int = NOTE, colour: str = theme.MUTED) -> PixelArray:
    """Text broken into lines no wider than `width` pixels, but for a longer word."""
    font, lines = _font(size, False), [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return above([text(line, size, colour) for line in lines], gap=2)


def above(blocks: Sequence[PixelArray], gap: int = 8, align: Align = "start") -> PixelArray:
    """Blocks from top to bottom."""
    width = max(block.shape[1] for block in blocks)
    rows: list[PixelArray] = []
    for block in blocks:
        left = round((width - block.shape[1]) * _SHARE[align])
        rows += [_framed(block, 0, left, 0, width - block.shape[1] - left), space(gap, width)]
    return np.concatenate(rows[:-1], axis=0)


def beside(blocks: Sequence[PixelArray], gap: int = 8, align: Align = "start") -> PixelArray:
    """Blocks from left to right."""
    turned = [block.transpose(1, 0, 2) for block in blocks]
    return np.ascontiguousarray(above(turned, gap, align).transpose(1, 0, 2))


def tiles(images: ArrayLike, columns: int, *, side: int = 56, gap: int = 3) -> PixelArray:
    """Images `(N, C, H, W)`, as in `image_grid`, in rows, with paper between them.

    Args:
        images: one or more.
        columns: in a row.
        side: to about which small ones are scaled up, by whole numbers.
        gap: pixels between them.
    """
    cells = scaled_up(images, side)
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    return above([beside(list(row), gap) for row in rows], gap)


def scaled_up(images: ArrayLike, side: int) -> PixelArray:
    """Images `(N, C, H, W)` to `(N, H', W', 3)`; small ones by a whole number, to about `side`."""
    pixels = at_most(to_pixels(images), 2 * side)
    scale = max(1, round(side / max(pixels.shape[1:3])))
    return pixels.repeat(scale, 1).repeat(scale, 2)


def page(blocks: Sequence[PixelArray], margin: int = 20, gap: int = 14) -> PixelArray:
    """Blocks from top to bottom, within a margin."""
    return _framed(above(blocks, gap), margin, margin, margin, margin)


def outlined(block: PixelArray, box: tuple[int, int, int, int], width: int = 2) -> PixelArray:
    """A block with the outline of a box, `(x, y, width, height)` in its pixels, drawn on it."""
    image = Image.fromarray(np.ascontiguousarray(block))
    x, y, across, down = box
    for step, colour in ((0, theme.PAPER), (width, theme.ALARM)):
        ends = (x + step, y + step, x + across - 1 - step, y + down - 1 - step)
        if ends[2] > ends[0] and ends[3] > ends[1]:
            ImageDraw.Draw(image).rectangle(ends, outline=colour, width=width)
    return np.asarray(image)


def ringed(block: PixelArray, width: int = 3, colour: str = theme.ACCENT) -> PixelArray:
    """A block within a frame of its own."""
    height, across = block.shape[:2]
    frame = np.broadcast_to(_rgb(colour), (height + 2 * width, across + 2 * width, 3)).copy()
    frame[width:-width, width:-width] = block
    return frame


def _framed(block: PixelArray, top: int, left: int, bottom: int, right: int) -> PixelArray:
    canvas = space(block.shape[0] + top + bottom, block.shape[1] + left + right)
    canvas[top : top + block.shape[0], left : left + block.shape[1]] = block
    return canvas


def _rgb(colour: str) -> PixelArray:
    return np.array(ImageColor.getrgb(colour)[:3], dtype=np.uint8)


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """The typeface that comes with matplotlib, so that pictures look alike everywhere."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)
