"""What was measured of a run's checkpoints, and whether better samples mean better features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from matplotlib.figure import Figure

from ...evaluation.protocols import PROTOCOLS
from ...evaluation.result import Metric, Result
from ..panels import ChartPanel, Section, chart
from . import theme
from .charts import Curve, legend_above, line_chart, line_colours

Curves = dict[str, Curve]


def checkpoint_curves(found: Sequence[Sequence[Result]], across: str) -> Section | None:
    """Each protocol over training, then samples against features; None if there are no curves.

    Args:
        found: The results of each file of curves.
        across: What the horizontal axis counts.
    """
    if not found:
        return None
    panels = [_over_training(results, across) for results in found]
    drawn = [results for results in found if _needs(results) == "sample"]
    judged = [results for results in found if _needs(results) in ("labels", "targets")]
    panels += [_trade(samples, features) for samples, features in product(drawn, judged)]
    lead = (
        "Measured at kept checkpoints, by ambigan evaluate --curve. The dashed line is the best"
        " baseline."
    )
    return Section("checkpoints", "Measured over training", lead, tuple(panels))


def _over_training(results: Sequence[Result], across: str) -> ChartPanel:
    """The headline of a protocol, with a line for each layer and kind of weights."""
    metric, protocol = results[0].headline, results[0].protocol
    values = [result.headline.value for result in results if result.is_baseline]
    baselines = [value for value in values if value is not None]
    best = min if metric.direction == "lower" else max
    figure = line_chart(
        _curves(results), across=across, reference=best(baselines) if baselines else None
    )
    return chart(f"{protocol.name}: {_axis(metric)}", protocol.summary, figure)


def _trade(samples: Sequence[Result], features: Sequence[Result]) -> ChartPanel:
    """A path through the checkpoints: how good samples are, and how good features."""
    paths: Curves = {}
    for (name, drawn), (layer, judged) in product(
        _curves(samples).items(), _curves(features).items()
    ):
        if name.rpartition(", ")[2] == layer.rpartition(", ")[2]:  # of the same weights
            scores = dict(zip(*judged, strict=True))
            pairs = [(x, scores[at]) for at, x in zip(*drawn, strict=True) if at in scores]
            if pairs:
                paths[layer] = _curve(pairs)
    across, up = _axis(samples[0].headline), _axis(features[0].headline)
    return chart(
        f"Samples and features: {features[0].protocol.name}",
        f"A point is a checkpoint, the first one hollow. Samples are better to the left, by"
        f" {samples[0].protocol.name}; features are better further up.",
        _paths(paths, across, up),
    )


def _paths(paths: Curves, across: str, up: str) -> Figure:
    figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 260)
    drawn: Any = axes  # matplotlib's types are partial
    for (name, (x, y)), colour in zip(paths.items(), line_colours(len(paths)), strict=True):
        style = {"color": theme.CLASSES[colour], "linewidth": 1.4, "markersize": 5}
        drawn.plot(x, y, "-o", label=name, **style)
        drawn.plot(x[:1], y[:1], "o", markerfacecolor=theme.PAPER, **style)
    theme.rule_across(axes)
    theme.label_axes(axes, across, up)
    if len(paths) > 1:
        legend_above(axes)
    return figure


def _curves(results: Sequence[Result]) -> Curves:
    """Headlines over images seen, by layer and weights, in order."""
    points: dict[str, dict[int, float]] = {}
    for result in results:
        seen, value = result.provenance.images_seen, result.headline.value
        if not result.is_baseline and seen is not None and value is not None:
            name = f"{result.subject.name}, {result.subject.weights}"
            points.setdefault(name, {})[seen] = value
    return {name: _curve(sorted(each.items())) for name, each in points.items()}


def _curve(pairs: Sequence[tuple[float, float]]) -> Curve:
    return [x for x, _ in pairs], [y for _, y in pairs]


def _axis(metric: Metric) -> str:
    return f"{metric.title}, {metric.unit}" if metric.unit else metric.title


def _needs(results: Sequence[Result]) -> str:
    protocol = PROTOCOLS.get(results[0].protocol.name)
    return protocol.needs if protocol else ""
