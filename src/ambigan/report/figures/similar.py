"""Queries on the left, what is most like them on the right."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .grids import PixelArray, at_most, to_pixels
from .sheet import place_image, place_text
from .theme import ACCENT, ALARM, INK, MUTED, RULE, clean, new_figure

SIMILAR_SIDE = 76  # CSS pixels of the longer side of an image
_GAP = 8
CAPTION = 27  # two lines
_QUERY_SPACING = 26  # between the queries and what was found
HEADER = 34  # with one line of the title
LINE = 17  # for each other
TITLE = 230  # least width of what was found, for the title
LETTER = 6  # average width of a letter of a caption


@dataclass(frozen=True)
class Caption:
    """What stands under an image, in two lines.

    Attributes:
        text: a name.
        note: below it, such as the similarity.
        right: whether it is of the query's class, if known; what is not stands out.
    """

    text: str
    note: str = ""
    right: bool | None = None


def similar_figure(
    queries: ArrayLike,
    found: Sequence[ArrayLike],
    query_captions: Sequence[str],
    captions: Sequence[Sequence[Caption]],
    title: str,
) -> Figure:
    """A row for each query.

    Args:
        queries: images `(N, C, H, W)`, as `image_grid` takes them.
        found: for each query images `(k, C, H, W)`, the most similar first.
        query_captions: what stands under the queries.
        captions: what stands under what was found.
        title: above what was found.
    """
    asked = at_most(to_pixels(queries), 4 * SIMILAR_SIDE)
    rows = [at_most(to_pixels(images), 4 * SIMILAR_SIDE) for images in found]
    height, width = _size(asked)
    columns = max(len(row) for row in rows)
    right = width + _QUERY_SPACING
    room = max(columns * (width + _GAP) - _GAP, TITLE)
    lines = textwrap.wrap(clean(title, 200), room // 6)
    header = HEADER + LINE * (len(lines) - 1)
    size = right + room, header + len(rows) * (height + CAPTION + _GAP)
    figure, axes = new_figure(size[0] + 2 * _GAP, size[1] + 2 * _GAP)
    axes.set(xlim=(-_GAP, size[0] + _GAP), ylim=(size[1] + _GAP, -_GAP), xticks=[], yticks=[])
    _heads(axes, right, lines, header)
    for index, (query, row) in enumerate(zip(asked, rows, strict=True)):
        top = header + index * (height + CAPTION + _GAP)
        _image(axes, query, 0, top, (height, width), Caption(query_captions[index]), ACCENT)
        for place, image in enumerate(row):
            left = right + place * (width + _GAP)
            _image(axes, image, left, top, (height, width), captions[index][place], None)
    return figure


def _size(pixels: PixelArray) -> tuple[int, int]:
    """Height and width at which images are shown."""
    height, width = pixels.shape[1:3]
    share = SIMILAR_SIDE / max(height, width)
    return round(height * share), round(width * share)


def _heads(axes: Axes, right: int, lines: Sequence[str], header: int) -> None:
    base = header - 14
    axes.text(0, base, "query", color=ACCENT, fontsize=11, fontweight="bold", va="baseline")
    for above, text in enumerate(reversed(lines)):
        axes.text(right, base - LINE * above, text, color=MUTED, fontsize=11, va="baseline")
    line = right - _QUERY_SPACING / 2
    axes.plot([line, line], [base - 10, axes.get_ylim()[0] - _GAP], color=RULE, linewidth=1)


def _image(
    axes: Axes,
    pixels: PixelArray,
    left: float,
    top: float,
    size: tuple[int, int],
    caption: Caption,
    frame: str | None,
) -> None:
    height, width = size
    place_image(axes, pixels, left, top, size, frame=frame)
    letters = max(6, round((width + _GAP) / LETTER))
    colour = INK if caption.right is None or caption.right else ALARM
    lines = [(caption.text, colour)] if caption.text else []
    lines += [(caption.note, MUTED)] if caption.note else []
    for number, (text, shade) in enumerate(lines, 1):
        centre, base = left + width / 2, top + height + 12 * number
        style = {"ha": "center", "va": "baseline"}
        place_text(axes, clean(text, letters), centre, base, 9, shade, **style)
