"""Sums of latents as a picture, after DCGAN's Figure 7, and the numbered sheet to pick from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ...analysis.latent_arithmetic import NOISE, ArithmeticResult, Term
from . import theme
from .canvas import NOTE, SMALL, TITLE, above, beside, page, paragraph, ringed, scaled_up, space
from .canvas import text as line
from .grids import PixelArray

ARITHMETIC_SIDE = 64
COLUMNS = 10


def draw_sheet(images: ArrayLike, what: str) -> PixelArray:
    """Images `(N, C, H, W)` with their numbers below them.

    Args:
        images: numbered from 0.
        what: they are, for the title.
    """
    cells = [_numbered(image, number) for number, image in enumerate(np.asarray(images))]
    rows = [beside(cells[i : i + COLUMNS], gap=6) for i in range(0, len(cells), COLUMNS)]
    return page([line(what, TITLE, bold=True), above(rows, gap=6)])


def draw_sums(sums: ArithmeticResult) -> PixelArray:
    """Exemplars, their means, and what the means add up to, in latents and in pixels."""
    title = line("Arithmetic of latents: " + " ".join(map(_written, sums.terms)), TITLE, bold=True)
    blocks = [_exemplars(sums), _latent_sum(sums), _pixel_sum(sums)]
    body = above(blocks, gap=22)
    words = (
        f"In the frame, the sum of the averages; around it, with uniform noise of ±{NOISE} added. "
        "Below, the same sums of pictures instead of latents, for comparison."
    )
    return page([title, paragraph(words, max(body.shape[1], 520), SMALL), body])


def _exemplars(sums: ArithmeticResult) -> PixelArray:
    """One column for each concept, its exemplars from top to bottom."""
    columns = [
        above([_numbered(image, number) for image, number in zip(shown, term.numbers, strict=True)])
        for shown, term in zip(sums.shown, sums.terms, strict=True)
    ]
    return _equation(sums, columns, None, "exemplars")


def _latent_sum(sums: ArithmeticResult) -> PixelArray:
    around = scaled_up(sums.result, ARITHMETIC_SIDE)
    order = [1, 2, 3, 4, 0, 5, 6, 7, 8]
    cells = [around[i] if i else ringed(around[0]) for i in order]
    width = max(cell.shape[1] for cell in cells)
    framed = [_centred(cell, width) for cell in cells]
    grid = above([beside(framed[i : i + 3], gap=0) for i in (0, 3, 6)], gap=0)
    return _equation(sums, [_cell(i) for i in sums.means], grid, "means of latents, decoded")


def _pixel_sum(sums: ArithmeticResult) -> PixelArray:
    result = _cell(sums.pixel_result)
    return _equation(sums, [_cell(i) for i in sums.pixel_means], result, "means of pixels")


def _equation(
    sums: ArithmeticResult, parts: list[PixelArray], result: PixelArray | None, name: str
) -> PixelArray:
    """`+ part - part = result`, below a line of text."""
    row: list[PixelArray] = []
    for term, part in zip(sums.terms, parts, strict=True):
        row += [_sign("+" if term.sign > 0 else "−"), part]
    if result is not None:
        row += [_sign("="), result]
    return above([line(name, NOTE, theme.MUTED), beside(row, gap=8, align="middle")], gap=6)


def _cell(image: np.ndarray) -> PixelArray:
    return scaled_up(image[None], ARITHMETIC_SIDE)[0]


def _numbered(image: np.ndarray, number: int) -> PixelArray:
    return above([_cell(image), line(str(number), SMALL, theme.MUTED)], gap=1, align="middle")


def _centred(cell: PixelArray, side: int) -> PixelArray:
    """A cell in the middle of a square of paper."""
    height = side - (cell.shape[1] - cell.shape[0])
    canvas = space(height, side)
    top, left = (height - cell.shape[0]) // 2, (side - cell.shape[1]) // 2
    canvas[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return canvas


def _sign(character: str) -> PixelArray:
    """A sign as wide as every other, so that rows stand under one another."""
    drawn = line(character, 22, theme.INK)
    canvas = space(drawn.shape[0], 24)
    left = max(0, (24 - drawn.shape[1]) // 2)
    canvas[:, left : left + drawn.shape[1]] = drawn[:, : 24 - left]
    return canvas


def _written(term: Term) -> str:
    return ("+ (" if term.sign > 0 else "− (") + ", ".join(map(str, term.numbers)) + ")"
