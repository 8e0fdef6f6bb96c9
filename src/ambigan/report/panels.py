"""The parts of a page: charts, galleries of small pictures, and sections that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .figures.grids import at_most, data_uri, fitting_scale, to_pixels
from .figures.theme import inline_svg
from .result_tables import ResultTable

WIDEST_PANEL = {"single": 128, "pairs": 128, "paths": 64, "walks": 64}  # CSS pixels of a picture


@dataclass(frozen=True)
class ChartPanel:
    """One SVG figure with a title and a line on how to read it."""

    title: str
    caption: str
    svg: str
    kind: str = "chart"


@dataclass(frozen=True)
class GalleryPanel:
    """Pictures in groups that stay together; groups flow to the width of the page.

    Groups hold the `src` of each picture. The form is `single`, `pairs` (one above the other),
    `paths` (side by side), or `walks`: paths whose first and last pictures are data. Width and
    height of a picture are in CSS pixels; one that is `crisp` is scaled up and its pixels must stay
    squares. The label is for those who cannot see the pictures.
    """

    groups: tuple[tuple[str, ...], ...]
    form: str
    width: int
    height: int
    crisp: bool
    label: str
    kind: str = "gallery"


@dataclass(frozen=True)
class Section:
    """A part of a page: its anchor, its title, a lead of a sentence or two, pictures and numbers.

    The legend has the name and the colour variable of each class.
    """

    key: str
    title: str
    lead: str
    panels: tuple[ChartPanel | GalleryPanel, ...] = ()
    table: ResultTable | None = None
    legend: tuple[tuple[str, str], ...] = ()


def chart(title: str, caption: str, figure: Figure) -> ChartPanel:
    """A figure as a part of a page."""
    return ChartPanel(title, caption, inline_svg(figure, f"{title}. {caption}"))


def gallery(groups: Sequence[NDArray[np.float32]], form: str, label: str) -> GalleryPanel:
    """Groups of images, each `(N, C, H, W)` as in `image_grid`, as a part of a page."""
    pixels = [at_most(to_pixels(group), WIDEST_PANEL[form]) for group in groups]
    height, width = pixels[0].shape[1:3]
    scale = fitting_scale(height, width)
    return GalleryPanel(
        groups=tuple(tuple(data_uri(image) for image in group) for group in pixels),
        form=form,
        width=width * scale,
        height=height * scale,
        crisp=scale > 1,
        label=label,
    )
