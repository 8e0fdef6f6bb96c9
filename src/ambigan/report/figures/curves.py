"""Losses and watched values over training, each with one line on what is healthy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...engine.diagnostics import HIGHEST, LOWEST
from ..panels import ChartPanel, Section, chart
from ..report_data import Lines, ReportData
from .charts import Curve, line_chart


@dataclass(frozen=True)
class DiagnosticCurve:
    """How a watched value is shown.

    Attributes:
        title: in words.
        caption: what it is, and what is healthy.
        options: of `line_chart`; zones are those in which `engine.watch` raises an alarm.
    """

    title: str
    caption: str
    options: dict[str, Any]


_SCORES = {"x": "image", "z": "latent", "xz": "pair"}
WATCHED = {
    "feature_spread": DiagnosticCurve(
        "Feature spread",
        "How far a feature varies over data. Healthy: it settles well above zero.",
        {"include": (0,), "alarm_below": LOWEST["feature_spread"]},
    ),
    "feature_rank": DiagnosticCurve(
        "Effective rank of features",
        "How many directions the features use. Healthy: it rises and holds; near 1 they are one.",
        {"include": (0,), "alarm_below": LOWEST["feature_rank"]},
    ),
    "sample_spread": DiagnosticCurve(
        "Sample spread",
        "How far samples vary, as a share of the data. Healthy: near 1; near 0 all are alike.",
        {"include": (0,), "reference": 1, "alarm_below": LOWEST["sample_spread"]},
    ),
    "saturation": DiagnosticCurve(
        "Discriminator saturation",
        "Share of examples it is too sure of to teach from. Healthy: well below 1.",
        {"include": (0, 1), "alarm_above": HIGHEST["saturation"]},
    ),
    **{
        f"saturation_{name}": DiagnosticCurve(
            f"Saturation of the {kind} score",
            f"Share of {kind}s beyond the hinge's margin. At 0 the score may be unused.",
            {"include": (0, 1)},
        )
        for name, kind in _SCORES.items()
    },
    "encoder_noise": DiagnosticCurve(
        "Noise of the encoder",
        "What E draws over how far its means vary. Healthy: it falls; above 1 latents say little.",
        {"include": (0, 1)},
    ),
}
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


def _losses(stats: Lines, across: str) -> Iterable[ChartPanel]:
    """One chart a player, one line a term."""
    terms = _names(stats, "losses")
    players = list(dict.fromkeys(name.partition("/")[0] for name in terms))
    caption = _LOSS if len(players) > 1 else _LOSS_ALONE
    for player in players:
        own = {
            name.partition("/")[2] or name: _curve(stats, "losses", name)
            for name in terms
            if name.partition("/")[0] == player
        }
        title = f"Loss of the {player.replace('_', ' and ')}"
        if len(own) == 1:
            title += f": {next(iter(own))}"
        yield chart(title, caption, line_chart(own, across=across))


def _watched(stats: Lines, across: str) -> Iterable[ChartPanel]:
    names = _names(stats, "diagnostics")
    known = [name for name in WATCHED if name in names]
    for name in known + [name for name in names if name not in WATCHED]:
        plain = DiagnosticCurve(name.replace("_", " ").capitalize(), "Watched by the method.", {})
        shown = WATCHED.get(name, plain)
        figure = line_chart(
            {name: _curve(stats, "diagnostics", name)}, across=across, **shown.options
        )
        yield chart(shown.title, shown.caption, figure)


def _rates(stats: Lines, across: str) -> Iterable[ChartPanel]:
    """Learning rates; players that share one share a line."""
    same: dict[tuple[float, ...], list[str]] = {}
    for name in _names(stats, "learning_rate"):
        same.setdefault(tuple(_curve(stats, "learning_rate", name)[1]), []).append(name)
    if not same:
        return
    shown = {
        "all players" if len(same) == 1 else ", ".join(names): _curve(
            stats, "learning_rate", names[0]
        )
        for names in same.values()
    }
    positive = all(rate > 0 for rates in same for rate in rates)
    figure = line_chart(shown, log=positive, across=across)
    yield chart("Learning rate", _course(list(same)), figure)


def _course(rates: list[tuple[float, ...]]) -> str:
    """What a learning rate does, where there is only one."""
    if len(rates) > 1:
        return "What each player's optimiser was told. Healthy: as planned."
    ends = dict.fromkeys((rates[0][0], rates[0][-1]))
    return f"What the optimisers were told: {' to '.join(f'{rate:g}' for rate in ends)}."


def _names(stats: Lines, group: str) -> list[str]:
    return list(dict.fromkeys(name for line in stats for name in line.get(group) or ()))


def _curve(stats: Lines, group: str, name: str) -> Curve:
    lines = [line for line in stats if (line.get(group) or {}).get(name) is not None]
    return [line["images_seen"] for line in lines], [float(line[group][name]) for line in lines]
