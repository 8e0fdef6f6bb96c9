"""Losses and watched values over training, each with one line on what is healthy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...engine.diagnostics import HIGHEST, LOWEST
from ..panels import ChartPanel, Section, chart
from ..report_data import Lines, ReportData
from .charts import Curve, line_chart

_SCORES = {"x": "image", "z": "latent", "xz": "pair"}
WATCHED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "feature_spread": (
        "Feature spread",
        "How far a feature varies over data. Healthy: it settles well above zero.",
        {"include": (0,), "alarm_below": LOWEST["feature_spread"]},
    ),
    "feature_rank": (
        "Effective rank of features",
        "How many directions the features use. Healthy: it rises and holds; near 1 they are one.",
        {"include": (0,), "alarm_below": LOWEST["feature_rank"]},
    ),
    "sample_spread": (
        "Sample spread",
        "How far samples vary, as a share of the data. Healthy: near 1; near 0 all are alike.",
        {"include": (0,), "reference": 1, "alarm_below": LOWEST["sample_spread"]},
    ),
    "saturation": (
        "Discriminator saturation",
        "Share of examples it is too sure of to teach from. Healthy: well below 1.",
        {"include": (0, 1), "alarm_above": HIGHEST["saturation"]},
    ),
    **{
        f"saturation_{name}": (
            f"Saturation of the {kind} score",
            f"Share of {kind}s beyond the hinge's margin. At 0 the score may be unused.",
            {"include": (0, 1)},
        )
        for name, kind in _SCORES.items()
    },
    "encoder_noise": (
        "Noise of the encoder",
        "What E draws over how far its means vary. Healthy: it falls; above 1 latents say little.",
        {"include": (0, 1)},
    ),
}
"""Title, caption and options of `line_chart` of each watched value; zones are those in which
`engine.diagnostics` raises an alarm."""
_LOSS = (
    "Healthy: no side stays at zero. In a game, losses that hold steady can still mean progress."
)
_LOSS_ALONE = "Healthy: it falls, then levels off."


def curves(material: ReportData) -> Section | None:
    """All curves of a run; None if nothing was logged."""
    if not material.stats:
        return None
    stats, across = material.stats, f"{material.noun} seen"
    panels = [*_losses(stats, across), *_watched(stats, across), *_rates(stats, across)]
    lead = "Shaded zones are those in which training raises an alarm."
    return Section("curves", "Training", lead, tuple(panels))


def compared_curves(runs: Mapping[str, Sequence[Lines]], across: str) -> list[ChartPanel]:
    """A chart for each loss and each watched value, with a line for each name.

    Args:
        runs: The logs of each name, whose mean is drawn with their range where there are several.
        across: What the horizontal axis counts.
    """
    charts: list[ChartPanel] = []
    for group in ("losses", "diagnostics"):
        found = {name: [_curves(stats, group) for stats in logs] for name, logs in runs.items()}
        there = {value: None for logs in found.values() for log in logs for value in log}
        for value in dict.fromkeys([*(name for name in WATCHED if name in there), *there]):
            title, caption, options = _described(group, value)
            curves: dict[str, Curve] = {}
            ranges: dict[str, Curve] = {}
            for name, logs in found.items():
                own = [log[value] for log in logs if value in log]
                curves[name], ends = _mean_of(own) if own else (((), ()), None)
                if ends is not None:
                    ranges[name] = ends
            figure = line_chart(curves, across=across, ranges=ranges, legend=False, **options)
            charts.append(chart(title, caption, figure))
    return charts


def _described(group: str, name: str) -> tuple[str, str, dict[str, Any]]:
    """Title, caption and options of the chart of a value of the log."""
    if group == "losses":
        player, _, term = name.partition("/")
        return f"Loss of the {player.replace('_', ' and ')}: {term or name}", "", {}
    plain = name.replace("_", " ").capitalize(), "Watched by the method.", dict[str, Any]()
    return WATCHED.get(name, plain)


def _mean_of(curves: Sequence[Curve]) -> tuple[Curve, Curve | None]:
    """The mean of curves where all have a point, and their lower and upper ends; None of one."""
    if len(curves) == 1:
        return curves[0], None
    points = [dict(zip(*curve, strict=True)) for curve in curves]
    places = sorted(set(points[0]).intersection(*points[1:]))
    values = [[own[place] for own in points] for place in places]
    means = [sum(each) / len(each) for each in values]
    return (places, means), ([min(each) for each in values], [max(each) for each in values])


def _losses(stats: Lines, across: str) -> Iterable[ChartPanel]:
    """One chart a player, one line a term."""
    terms: dict[str, dict[str, Curve]] = {}
    for name, curve in _curves(stats, "losses").items():
        player, _, term = name.partition("/")
        terms.setdefault(player, {})[term or name] = curve
    caption = _LOSS if len(terms) > 1 else _LOSS_ALONE
    for player, own in terms.items():
        title = f"Loss of the {player.replace('_', ' and ')}"
        if len(own) == 1:
            title += f": {next(iter(own))}"
        yield chart(title, caption, line_chart(own, across=across))


def _watched(stats: Lines, across: str) -> Iterable[ChartPanel]:
    found = _curves(stats, "diagnostics")
    for name in dict.fromkeys([*(name for name in WATCHED if name in found), *found]):
        title, caption, options = _described("diagnostics", name)
        yield chart(title, caption, line_chart({name: found[name]}, across=across, **options))


def _rates(stats: Lines, across: str) -> Iterable[ChartPanel]:
    """Learning rates; players that share one share a line."""
    found = _curves(stats, "learning_rate")
    players: dict[tuple[float, ...], list[str]] = {}
    for name, (_, rates) in found.items():
        players.setdefault(tuple(rates), []).append(name)
    if not players:
        return
    caption = "What each player's optimiser was told. Healthy: as planned."
    if len(players) == 1:
        (rates,) = players
        ends = dict.fromkeys((rates[0], rates[-1]))
        caption = f"What the optimisers were told: {' to '.join(f'{rate:g}' for rate in ends)}."
    shown = {", ".join(names): found[names[0]] for names in players.values()}
    positive = all(rate > 0 for rates in players for rate in rates)
    yield chart("Learning rate", caption, line_chart(shown, log=positive, across=across))


def _curves(stats: Lines, group: str) -> dict[str, Curve]:
    """The curve of each name of a group of the log, in the order in which names appear."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for line in stats:
        logged: dict[str, float | None] = line.get(group) or {}
        for name, value in logged.items():
            seen, values = found.setdefault(name, ([], []))
            if value is not None:
                seen.append(line["images_seen"])
                values.append(float(value))
    return dict(found)
