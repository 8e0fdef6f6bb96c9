"""What stands in for pictures where the data are vectors: how values are spread, and profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ...analysis.projection import on_components
from . import theme
from .charts import legend_above
from .maps import dots

FEW_DIMENSIONS = 24  # up to here each has a row of its own; above they are an axis
MAX_DOTS = 2000
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ROW = 30
_COLOURS = {"data": theme.MUTED, "samples": theme.CLASSES[6]}

_Floats = NDArray[Any]


def quantile_bands(
    data: ArrayLike, samples: ArrayLike, names: Sequence[str] = (), *, unit: str = "value"
) -> Figure:
    """How the values of each dimension are spread, in data and in samples.

    Bands hold 90 % and 50 % of the values, a line is the median. Few dimensions have a row each;
    many lie along an axis.

    Args:
        data: `(N, D)`.
        samples: `(M, D)`.
        names: of the dimensions; their numbers if empty.
        unit: of the values.
    """
    bands: list[tuple[str, str, _Floats]] = [
        (name, colour, np.quantile(_finite(values), _QUANTILES, axis=0))
        for (name, colour), values in zip(_COLOURS.items(), (data, samples), strict=True)
    ]
    num = int(bands[0][2].shape[1])
    if num <= FEW_DIMENSIONS:
        figure, axes = theme.new_figure(theme.FIGURE_WIDTH, _ROW * num + 76)
        _draw_rows(axes, bands, names or [str(i) for i in range(num)], unit)
    else:
        figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 320)
        for name, colour, (q5, q25, median, q75, q95) in bands:
            across = np.arange(num)
            axes.fill_between(across, q5, q95, color=colour, alpha=0.16, linewidth=0)
            axes.fill_between(across, q25, q75, color=colour, alpha=0.28, linewidth=0)
            axes.plot(across, median, color=colour, linewidth=1.8, label=name)
        _dimensions_across(axes, unit)
    legend_above(axes)
    return figure


def profiles(
    values: ArrayLike,
    *,
    colour: str = theme.ACCENT,
    limits: tuple[float, float] | None = None,
    unit: str = "value",
) -> Figure:
    """Examples as lines over their dimensions.

    Args:
        values: `(N, D)`; one line for each.
        colour: of all lines.
        limits: of the vertical axis, so that two figures compare; see `common_limits`.
        unit: of the values.
    """
    figure, axes = _profile_axes(unit)
    for line in _finite(values):
        axes.plot(line, color=colour, linewidth=1.3, alpha=0.6)
    if limits is not None:
        axes.set_ylim(*limits)
    return figure


def path_profile(path: ArrayLike, *, unit: str = "value") -> Figure:
    """The steps of one path, `(steps, D)`, as lines that grow darker from start to end."""
    figure, axes = _profile_axes(unit)
    steps = _finite(path)
    for index, line in enumerate(steps):
        share = (index + 1) / len(steps)
        axes.plot(line, color=theme.ACCENT, linewidth=1.4, alpha=0.15 + 0.85 * share**2)
    return figure


def reconstruction_profile(
    x: ArrayLike, reconstructed: ArrayLike, *, unit: str = "value"
) -> Figure:
    """One example, `(D,)`, and its reconstruction over it."""
    figure, axes = _profile_axes(unit)
    axes.plot(_finite(x), color=theme.MUTED, linewidth=3, alpha=0.45, label="data")
    axes.plot(_finite(reconstructed), color=theme.ACCENT, linewidth=1.5, label="reconstruction")
    legend_above(axes)
    return figure


def agreement(x: ArrayLike, reconstructed: ArrayLike, *, unit: str = "value") -> Figure:
    """Every value against its reconstruction, both `(N, D)`; a perfect one lies on the diagonal."""
    figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 340)
    points = np.stack([_finite(x).ravel(), _finite(reconstructed).ravel()], 1)
    points = points[:: -(-len(points) // MAX_DOTS)]
    limits = common_limits(points)
    axes.plot(limits, limits, **theme.REFERENCE)
    dots(axes, points, theme.ACCENT, 3, alpha=0.5)
    axes.set(xlim=limits, ylim=limits, aspect="equal", anchor="W")
    theme.label_axes(axes, f"data, {unit}", f"reconstruction, {unit}")
    return figure


def plane(
    data: ArrayLike,
    samples: ArrayLike | None = None,
    paths: ArrayLike | None = None,
    *,
    names: Sequence[str] = (),
) -> Figure:
    """Data, and samples or paths among them, on the first two principal components of the data.

    Args:
        data: `(N, D)`, D above 1; of two dimensions as they are.
        samples: `(M, D)`.
        paths: `(P, steps, D)`, for instance interpolations.
        names: of the dimensions, where there are two.
    """
    base = _finite(data)
    figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 320)
    shown = [_on_plane(base, base)]
    dots(axes, shown[0], theme.MUTED, 4, alpha=0.45)
    if samples is not None:
        shown.append(_on_plane(base, _finite(samples)))
        dots(axes, shown[-1], _COLOURS["samples"], 4, alpha=0.55)
        for name, colour in _COLOURS.items():
            axes.plot([], [], "o", color=colour, markersize=6, label=name)
        legend_above(axes)
    for index, path in enumerate(() if paths is None else _finite(paths)):
        shown.append(_on_plane(base, path))
        axes.plot(*shown[-1].T, color=theme.colour_of(index), linewidth=2, marker="o", markersize=4)
    across, up = (common_limits(np.concatenate(shown)[:, axis]) for axis in (0, 1))
    axes.set(xlim=across, ylim=up)
    if base.shape[1] > 2:
        names = ("component 1", "component 2")
    theme.label_axes(axes, *(names if len(names) == 2 else ("dimension 0", "dimension 1")))
    return figure


def common_limits(*groups: ArrayLike) -> tuple[float, float]:
    """Limits of an axis that hold all but the farthest thousandth of the values."""
    values = np.concatenate([_finite(group).ravel() for group in groups])
    low, high = np.quantile(values, [0.0005, 0.9995])
    margin = max(0.05 * (high - low), 1e-6)
    return float(low - margin), float(high + margin)


def _draw_rows(
    axes: Axes, bands: Sequence[tuple[str, str, _Floats]], names: Sequence[str], unit: str
) -> None:
    """A row for each dimension, with a bar for each of the named and coloured bands."""
    rows = np.arange(len(names), dtype=float)
    for (name, colour, quantiles), shift in zip(bands, (-0.16, 0.16), strict=True):
        q5, q25, median, q75, q95 = quantiles
        axes.hlines(rows + shift, q5, q95, color=colour, linewidth=1.5)
        axes.hlines(rows + shift, q25, q75, color=colour, linewidth=6, alpha=0.55, label=name)
        axes.plot(median, rows + shift, linestyle="", marker="|", markersize=9, color=theme.INK)
    axes.set_yticks(rows, [theme.clean(name, 20) for name in names], parse_math=False)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=theme.INK)
    axes.grid(axis="x", color=theme.RULE, linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    theme.label_axes(axes, unit)


def _profile_axes(unit: str) -> tuple[Figure, Axes]:
    figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 230)
    _dimensions_across(axes, unit)
    return figure, axes


def _dimensions_across(axes: Axes, unit: str) -> None:
    theme.rule_across(axes)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    theme.label_axes(axes, "dimension", unit)


def _on_plane(base: _Floats, values: _Floats) -> _Floats:
    return values if base.shape[1] == 2 else on_components(base, values, 2)


def _finite(values: ArrayLike) -> _Floats:
    """Values as floats; what is no number becomes 0, so that a broken model can be looked at."""
    return np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
