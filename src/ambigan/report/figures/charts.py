"""Curves over training, and scores with their baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from . import theme

MAX_POINTS = 300  # on a curve: more are joined into means with their range behind them
FEW_POINTS = 20  # are marked: between them nothing was seen
_ROW = 40
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Curve = tuple[Sequence[float], Sequence[float]]
"""Images seen, and values there."""


@dataclass(frozen=True)
class Score:
    """One score of a chart.

    Attributes:
        name: What was measured.
        value: The score, in the unit of the chart.
        is_baseline: Whether it is not one of our own.
        interval: Its 95 % interval in the same unit, if known.
    """

    name: str
    value: float
    is_baseline: bool
    interval: tuple[float, float] | None = None


def line_chart(
    curves: Mapping[str, Curve],
    *,
    log: bool = False,
    include: Sequence[float] = (),
    alarm_below: float | None = None,
    alarm_above: float | None = None,
    reference: float | None = None,
    across: str = "images seen",
    width: int = theme.FIGURE_WIDTH,
    height: int = 230,
    ranges: Mapping[str, Curve] | None = None,
    legend: bool = True,
) -> Figure:
    """Curves over training; values that are no numbers are left out.

    Args:
        curves: by name; a legend names them if there is more than one.
        log: a logarithmic scale, for positive values.
        include: levels that the vertical axis must reach.
        alarm_below: values below lie in a shaded zone.
        alarm_above: values above lie in a shaded zone.
        reference: a level to compare with.
        across: what the horizontal axis counts.
        width: in CSS pixels.
        height: in CSS pixels.
        ranges: lower and upper ends by the name of a curve, drawn behind it at the same places.
        legend: whether several curves are named above the axes, and not by the page.
    """
    figure, axes = theme.new_figure(width, height)
    colours = line_colours(len(curves))
    for index, (name, curve) in enumerate(curves.items()):
        _draw_curve(axes, name, curve, theme.CLASSES[colours[index]], (ranges or {}).get(name))
    _style_across(axes, across)
    _style_up(axes, log, [*include, *([] if reference is None else [reference])])
    _shade(axes, alarm_below, alarm_above)
    if reference is not None:
        axes.axhline(reference, **theme.REFERENCE)
    if len(curves) > 1 and legend:
        legend_above(axes)
    return figure


def line_colours(num: int) -> list[int]:
    """The numbers in `theme.CLASSES` of the colours of so many curves; they repeat after ten."""
    colours = theme.LINES if num <= len(theme.LINES) else theme.CLASSES
    return [theme.CLASSES.index(colours[index % len(colours)]) for index in range(num)]


def score_chart(
    scores: Sequence[Score],
    unit: str = "%",
    best: float | None = None,
    best_baseline: float | None = None,
    *,
    width: int = theme.FIGURE_WIDTH,
) -> Figure:
    """Scores as dots on one scale, ours filled; a line marks the best baseline.

    The scale is cut to where the dots are: what they show is how far apart they lie.

    Args:
        scores: The scores from top to bottom.
        unit: Their unit.
        best: The best of their values, set in bold; None for none.
        best_baseline: The best value among baselines; None for none.
        width: The width in CSS pixels.
    """
    figure, axes = theme.new_figure(width, _ROW * len(scores) + 34)
    axes.set(xlim=_range(scores), ylim=(len(scores) - 0.4, -0.72), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(7, prune="both"))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} {unit}".rstrip())
    if best_baseline is not None:
        axes.axvline(best_baseline, **theme.REFERENCE)
    for row, score in enumerate(scores):
        _draw_score(axes, row, score, score.value == best)
    return figure


def short_number(value: float) -> str:
    """1200000 as 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def legend_above(axes: Axes) -> None:
    """Names what is drawn in a line above the axes."""
    legend = axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        fontsize=12,
        labelcolor=theme.INK,
        handlelength=1.0,
        handletextpad=0.5,
        columnspacing=1.4,
        borderaxespad=0.2,
        borderpad=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _draw_curve(
    axes: Axes, name: str, curve: Curve, colour: str, ends: Curve | None = None
) -> None:
    """A line; of a long one the means of its parts, with their range behind."""
    low, high = ends or (curve[1], curve[1])
    x, y, low, high = (np.asarray(part, dtype=np.float64) for part in (*curve, low, high))
    x, y, low, high = (part[np.isfinite(y)] for part in (x, y, low, high))
    if len(x) > MAX_POINTS:
        x, y = (_pooled(part, np.mean) for part in (x, y))
        low, high = _pooled(low, np.min), _pooled(high, np.max)
    if bool((low < high).any()):
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    marker = "o" if len(x) <= FEW_POINTS else ""
    label = theme.clean(name)
    axes.plot(x, y, color=colour, linewidth=1.8, label=label, marker=marker, markersize=4)


def _pooled(values: NDArray[Any], pool: Callable[[NDArray[Any]], Any]) -> NDArray[Any]:
    return np.array([pool(part) for part in np.array_split(values, MAX_POINTS)])


def _style_across(axes: Axes, name: str) -> None:
    theme.rule_across(axes)
    theme.label_axes(axes, name)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: short_number(value))
    end = axes.dataLim.xmax
    axes.set_xlim(0, end * 1.015 if np.isfinite(end) and end > 0 else 1)


def _style_up(axes: Axes, log: bool, include: Sequence[float]) -> None:
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(_power)
        return
    low, high = axes.get_ylim()
    if include:
        floor, ceiling = min(include), max(include)
        low = floor if axes.dataLim.ymin >= floor else min(low, floor)
        high = max(high, ceiling)
        axes.set_ylim(low, high + 0.05 * (high - low))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _power(value: float, _position: float) -> str:
    """0.001 as 10⁻³, 0.002 as 2·10⁻³."""
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if mantissa == "1" else f"{mantissa}·{power}"


def _shade(axes: Axes, below: float | None, above: float | None) -> None:
    """Shades the zones below one level and above another, as far as they are in sight."""
    low, high = axes.get_ylim()
    for start, end in ((low, below), (above, high)):
        if start is not None and end is not None and start < end:
            axes.axhspan(start, end, color=theme.ALARM, alpha=0.12, linewidth=0)
    axes.set_ylim(low, high)


def _range(scores: Sequence[Score]) -> tuple[float, float]:
    ends = [end for score in scores for end in (score.value, *(score.interval or ()))]
    margin = max(0.08 * (max(ends) - min(ends)), 0.2)
    return min(ends) - margin, max(ends) + margin


def _draw_score(axes: Axes, row: int, score: Score, is_best: bool) -> None:
    """A dot with its interval, its name above the line and its value behind it."""
    colour = theme.MUTED if score.is_baseline else theme.ACCENT
    face = theme.PAPER if score.is_baseline else colour
    axes.axhline(row, color=theme.RULE, linewidth=1, zorder=0)
    if score.interval:
        axes.plot(score.interval, (row, row), color=colour, linewidth=3, alpha=0.35, zorder=2)
    dot: dict[str, Any] = {"marker": "o", "markersize": 9, "clip_on": False, "zorder": 3}
    dot |= {"markerfacecolor": face, "markeredgecolor": colour, "markeredgewidth": 2}
    axes.plot([score.value], [row], **dot)
    style: dict[str, Any] = {"fontsize": 13, "color": theme.INK, "parse_math": False}
    style["transform"] = axes.get_yaxis_transform()
    style["fontweight"] = "bold" if is_best else "normal"
    axes.text(0, row - 0.2, theme.clean(score.name), verticalalignment="bottom", **style)
    axes.text(1.025, row, f"{score.value:.2f}", verticalalignment="center", **style)
