"""Queries on the left, what is most like them on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .grids import at_most, to_pixels
from .sheet import LABEL, new_sheet, place_image, place_text
from .theme import ACCENT, ALARM, INK, MUTED, RULE, clean

SIMILAR_SIDE = 76  # CSS pixels of the longer side of an image
_GAP = 8
_CAPTION = 27  # two lines
_QUERY_SPACING = 26  # between the queries and what was found
_LETTER = 6  # average width of a letter of a caption


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
    """A row for each query: its image, then what was found, the most similar first.

    Images are `(N, C, H, W)`, as `image_grid` takes them. The title says what was found, and how it
    was compared.
    """
    asked = at_most(to_pixels(queries), 4 * SIMILAR_SIDE)
    rows = [at_most(to_pixels(images), 4 * SIMILAR_SIDE) for images in found]
    share = SIMILAR_SIDE / max(asked.shape[1:3])
    size = round(asked.shape[1] * share), round(asked.shape[2] * share)
    down, across = size[0] + _CAPTION + _GAP, size[1] + _GAP
    right = size[1] + _QUERY_SPACING
    width, height = right + max(map(len, rows)) * across, LABEL + len(rows) * down
    figure, axes = new_sheet("Nearest neighbours", clean(title, 200), width - _GAP, height - _GAP)
    place_text(axes, "query", 0, 0, colour=ACCENT, fontweight="bold")
    axes.vlines(right - _QUERY_SPACING / 2, 0, height - _GAP, color=RULE, linewidth=1)
    for index, (query, row) in enumerate(zip(asked, rows, strict=True)):
        top = LABEL + index * down
        place_image(axes, query, 0, top, size, frame=ACCENT)
        _place_caption(axes, Caption(query_captions[index]), 0, top, size)
        for place, image in enumerate(row):
            place_image(axes, image, right + place * across, top, size)
            _place_caption(axes, captions[index][place], right + place * across, top, size)
    return figure


def _place_caption(
    axes: Axes, caption: Caption, left: float, top: float, size: tuple[int, int]
) -> None:
    """Writes a caption below an image of this height and width."""
    height, width = size
    letters = max(6, round((width + _GAP) / _LETTER))
    colour = INK if caption.right is None or caption.right else ALARM
    for number, text, shade in ((1, caption.text, colour), (2, caption.note, MUTED)):
        centre, base = left + width / 2, top + height + 12 * number
        style = {"ha": "center", "va": "baseline"}
        place_text(axes, clean(text, letters), centre, base, 9, shade, **style)
