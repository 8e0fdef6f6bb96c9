"""What a feature space looks like in two dimensions: which examples are neighbours in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import ArrayLike, NDArray

from ...analysis.projection import project
from ...core.errors import DataError
from . import theme
from .grids import at_most, to_pixels

MAX_MAP_POINTS = 2000
MAX_NAMED = 24  # classes: more names would cover the points
THUMBNAIL, MOST_THUMBNAILS = 24, 60  # side in CSS pixels, and how many a map shows

_Floats = NDArray[Any]


def embed_2d(features: ArrayLike, seed: int = 0) -> _Floats:
    """A point `(N, 2)` for each example: t-SNE, or the first principal components of a few.

    Args:
        features: Finite features `(N, D)`, of at most 2,000 examples.
        seed: Seed of t-SNE.

    Raises:
        DataError: there are too many, none, or some that are not numbers.
    """
    values = np.asarray(features)
    if values.ndim != 2 or not 0 < len(values) <= MAX_MAP_POINTS:
        raise DataError(
            f"features have shape {values.shape}; a map takes (N, D), N at most {MAX_MAP_POINTS:,}."
        )
    return project(values, "tsne", seed)


def latent_map(
    features: ArrayLike,
    labels: ArrayLike | None = None,
    label_names: Sequence[str] | None = None,
    *,
    seed: int = 0,
    images: ArrayLike | None = None,
) -> Figure:
    """A map of features, coloured by label where there are labels.

    Args:
        features: `(N, D)`, as in `embed_2d`.
        labels: `(N,)` whole numbers, or None for one colour.
        label_names: of the classes; their numbers if None.
        seed: as in `embed_2d`.
        images: the examples, `(N, C, H, W)` as in `image_grid`, of which some are shown where they
            lie; None for none.
    """
    return draw_map(embed_2d(features, seed), labels, label_names, images)


def draw_map(
    embedding: ArrayLike,
    labels: ArrayLike | None = None,
    label_names: Sequence[str] | None = None,
    images: ArrayLike | None = None,
) -> Figure:
    """Points `(N, 2)` at one scale for both axes, with each class named where it is densest."""
    points, width = np.asarray(embedding, dtype=np.float64), theme.FIGURE_WIDTH
    low, high = points.min(0), points.max(0)
    across, up = np.maximum(high - low, 1e-6)
    height = round(width * float(np.clip(up / across, 0.5, 1.25)))
    pixel = 1.05 * max(across / width, up / height)  # its length on the scale of the points
    figure, axes = theme.new_figure(width, height)
    left, bottom = (low + high) / 2 - pixel * np.array([width, height]) / 2
    right, top = (low + high) / 2 + pixel * np.array([width, height]) / 2
    axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top))
    diameter = float(np.clip(120 / np.sqrt(len(points)), 3.2, 9))
    codes = None if labels is None else np.asarray(labels)
    if images is not None:
        own = [] if codes is None else [theme.colour_of(int(code)) for code in codes]
        colours = own or [theme.ACCENT] * len(points)
        draw_thumbnails(axes, points, images, colours, pixel)
    if codes is None:
        dots(axes, points, theme.ACCENT, diameter, alpha=0.6)
        return figure
    groups = {int(label): points[codes == label] for label in np.unique(codes)}
    for label, group in groups.items():
        dots(axes, group, theme.colour_of(label), diameter, alpha=0.85)
    if len(groups) <= MAX_NAMED:
        _write_names(axes, groups, label_names, pixel)
    return figure


def class_name(label: int, names: Sequence[str] | None, limit: int = 40) -> str:
    """The name of a class, or its number, as one short line."""
    return theme.clean(names[label] if names and 0 <= label < len(names) else label, limit)


def dots(axes: Axes, points: _Floats, colour: str, diameter: float, *, alpha: float = 1.0) -> None:
    """Points `(N, 2)` as one path of round dots: a tenth of what as many markers would weigh."""
    path = Path(points.repeat(2, axis=0), [Path.MOVETO, Path.LINETO] * len(points))
    path.should_simplify = False  # it would drop the lines that lead nowhere
    style: Any = {"edgecolor": colour, "linewidth": diameter, "capstyle": "round", "alpha": alpha}
    axes.add_patch(PathPatch(path, fill=False, clip_on=False, **style))


def draw_thumbnails(
    axes: Axes, points: _Floats, images: ArrayLike, colours: Sequence[str], pixel: float
) -> None:
    """Shows some examples where they lie, apart enough for dots to be seen between them.

    Args:
        axes: Axes whose limits are set.
        points: `(N, 2)`.
        images: `(N, C, H, W)`, as in `image_grid`.
        colours: The colour of the frame of each.
        pixel: The length of a pixel on the scale of the points.
    """
    apart, chosen = THUMBNAIL * 1.7 * pixel, list[int]()
    for place in range(len(points)):
        distances = np.abs(points[chosen] - points[place]).max(1)
        if len(chosen) < MOST_THUMBNAILS and (distances >= apart).all():
            chosen.append(place)
    pixels = at_most(to_pixels(np.asarray(images)[chosen]), 2 * THUMBNAIL)
    height, width = pixels.shape[1:3]
    half = np.array([width, height]) / max(width, height) * THUMBNAIL / 2 * pixel
    axes.set_autoscale_on(False)
    for place, image in zip(chosen, pixels, strict=True):
        (left, bottom), (right, top) = points[place] - half, points[place] + half
        extent = (left, right, bottom, top)
        style: Any = {"interpolation": "none", "aspect": "auto", "zorder": 3, "clip_on": False}
        axes.imshow(image, extent=extent, **style)
        frame: Any = {"edgecolor": colours[place], "linewidth": 1.5, "clip_on": False}
        box = Rectangle((left, bottom), right - left, top - bottom, fill=False, zorder=3.1, **frame)
        axes.add_patch(box)


def _write_names(
    axes: Axes, groups: Mapping[int, _Floats], names: Sequence[str] | None, pixel: float
) -> None:
    """Names each class among its points `(N, 2)`; `pixel` is the length of one on their scale."""
    box = {
        "boxstyle": "round,pad=0.2",
        "facecolor": theme.PAPER,
        "edgecolor": "none",
        "alpha": 0.75,
    }
    style: dict[str, Any] = {"ha": "center", "va": "center", "parse_math": False, "bbox": box}
    style |= {"fontsize": 12, "fontweight": "bold", "color": theme.INK, "zorder": 4}
    taken: list[tuple[_Floats, _Floats]] = []
    for label, points in groups.items():
        name = class_name(label, names, 14)
        half = np.array([5 * len(name) + 6, 12]) * pixel
        middle = _free_place(points, half, taken)
        taken.append((middle, half))
        axes.text(middle[0], middle[1], name, **style)


def _free_place(
    points: _Floats, half: _Floats, taken: Sequence[tuple[_Floats, _Floats]]
) -> _Floats:
    """Where a name stands: where its class is densest and no other name does, if there is a place.

    The middle of the closest third of the points is tried first, since a class in two islands is
    named on one; then points, from where they are dense to where they are not. `half` is half the
    width and height of the name; `taken` has the middle and half of each name that stands already.
    """
    distances = ((points[:, None] - points[None]) ** 2).sum(-1)
    num = -(-len(points) // 3)
    order = np.sort(distances, axis=1)[:, num - 1].argsort(kind="stable")
    densest = points[distances[order[0]].argsort()[:num]].mean(0)
    for place in (densest, *points[order]):
        if all((np.abs(place - middle) >= half + other).any() for middle, other in taken):
            return place
    return densest
