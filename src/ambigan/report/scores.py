"""Results as tables and charts: what was measured, always beside its baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .charts import Score, accuracy_chart, confidence
from .material import Lines, Material
from .theme import inline_svg

RECONSTRUCTION = "reconstruction"
_TEXT_COLUMNS = ("features", "weights")
_HIDDEN = ("kind",)
_TITLES = {
    "features": "features",
    "dim": "dimensions",
    "accuracy": "accuracy, %",
    "seconds": "seconds",
    "error_real": "error, data",
    "error_real_shuffled": "shuffled",
    "ratio_real": "ratio",
    "error_generated": "error, samples",
    "error_generated_shuffled": "shuffled",
    "ratio_generated": "ratio",
}


@dataclass(frozen=True)
class Cell:
    """A text of a table; `best` is set in bold."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    cells: tuple[Cell, ...]
    is_baseline: bool


@dataclass(frozen=True)
class Table:
    """Columns, of which the first `num_texts` hold words, and rows."""

    columns: tuple[str, ...]
    num_texts: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Measured:
    """One protocol: what it is, its table, and a chart where it gives accuracies."""

    protocol: str
    summary: str
    source: str
    constants: str
    table: Table
    chart: str = ""


@dataclass(frozen=True)
class Headline:
    """The first accuracy of ours, and how it stands to the best baseline."""

    value: str
    what: str
    verdict: str
    above: bool


def measured(material: Material) -> list[Measured]:
    """Every protocol but reconstruction, which has a section of its own."""
    return [
        _measured(result)
        for result in material.results
        if result.get("rows") and not is_reconstruction(result) and _allowed(material, result)
    ]


def is_reconstruction(result: dict[str, Any]) -> bool:
    """Whether a result belongs beside the reconstructions."""
    return str(result.get("protocol", "")).startswith(RECONSTRUCTION)


def headline(material: Material) -> Headline | None:
    """The first protocol's accuracy in one large number; None where nothing was measured."""
    for result in material.results:
        ours = [row for row in scored(result) if row.get("kind") != "baseline"]
        if ours and _allowed(material, result):
            return _headline(result, max(ours, key=lambda row: row["accuracy"]))
    return None


def scored(result: dict[str, Any]) -> Lines:
    """The rows of a result that hold an accuracy."""
    return [row for row in result.get("rows", ()) if isinstance(row.get("accuracy"), (int, float))]


def table_of(result: dict[str, Any]) -> Table:
    """The rows of a result: those of the model first, the best accuracy in bold."""
    rows = sorted(result["rows"], key=lambda row: row.get("kind") == "baseline")
    plain = (str, int, float, type(None))
    keys = dict.fromkeys(k for row in rows for k, v in row.items() if isinstance(v, plain))
    shown = [key for key in keys if key not in _HIDDEN and any(row.get(key) for row in rows)]
    texts = [key for key in _TEXT_COLUMNS if key in shown]
    columns = texts + [key for key in shown if key not in texts]
    best = max((row["accuracy"] for row in scored(result)), default=None)
    return Table(
        tuple(_TITLES.get(key, key.replace("_", " ")) for key in columns),
        len(texts),
        tuple(
            Row(
                tuple(_cell(key, row.get(key), best) for key in columns),
                row.get("kind") == "baseline",
            )
            for row in rows
        ),
    )


def name_of(row: dict[str, Any]) -> str:
    """What a row measured, with its kind of weights."""
    weights = row.get("weights")
    suffix = {"ema": " · EMA", "raw": " · raw"}.get(str(weights), "") if weights else ""
    return f"{row.get('features', '')}{suffix}"


def _allowed(material: Material, result: dict[str, Any]) -> bool:
    """An accuracy needs labels to be read; on unlabelled data there is none to show."""
    return material.labelled or not scored(result)


def _measured(result: dict[str, Any]) -> Measured:
    settings = result.get("settings") or {}
    return Measured(
        protocol=str(result["protocol"]),
        summary=str(result.get("summary", "")),
        source=str(result.get("source") or ""),
        constants=", ".join(f"{name} {value}" for name, value in settings.items()),
        table=table_of(result),
        chart=_chart(result),
    )


def _chart(result: dict[str, Any]) -> str:
    rows = sorted(scored(result), key=lambda row: row.get("kind") == "baseline")
    if not rows:
        return ""
    num = _num_test(result)
    scores = [
        Score(
            name_of(row),
            row["accuracy"],
            row.get("kind") == "baseline",
            confidence(row["accuracy"], num) if num else None,
        )
        for row in rows
    ]
    words = "; ".join(f"{score.name} {score.accuracy:.2f} %" for score in scores)
    return inline_svg(accuracy_chart(scores), f"Accuracies by {result['protocol']}: {words}")


def _headline(result: dict[str, Any], ours: dict[str, Any]) -> Headline:
    baselines = [row for row in scored(result) if row.get("kind") == "baseline"]
    value, what = f"{ours['accuracy']:.2f}", f"{result['protocol']} on {name_of(ours)}"
    if not baselines:
        return Headline(value, what, "No baseline was measured beside it.", above=False)
    best = max(baselines, key=lambda row: row["accuracy"])
    difference = ours["accuracy"] - best["accuracy"]
    side = "above" if difference > 0 else "below"
    verdict = (
        f"{abs(difference):.2f} points {side} the best baseline, "
        f"{name_of(best)} ({best['accuracy']:.2f} %)."
    )
    if abs(difference) < 0.005:
        verdict = f"Level with the best baseline, {name_of(best)}."
    return Headline(value, what, verdict + _chance(result, ours, best), difference > 0)


def _chance(result: dict[str, Any], ours: dict[str, Any], best: dict[str, Any]) -> str:
    """By how much two accuracies on so few examples may differ for no reason."""
    num = _num_test(result)
    if not num:
        return ""
    widths = [confidence(row["accuracy"], num) for row in (ours, best)]
    margin = sum(((high - low) / 2) ** 2 for low, high in widths) ** 0.5
    return f" On {num:,} test examples, differences below about {margin:.1f} points may be chance."


def _num_test(result: dict[str, Any]) -> int:
    return int(result.get("data", {}).get("num_test") or 0)


def _cell(key: str, value: Any, best: float | None) -> Cell:
    if key == "accuracy" and isinstance(value, (int, float)):
        return Cell(f"{value:.2f}", best=value == best)
    if key == "weights":
        return Cell({"ema": "EMA", "raw": "raw"}.get(str(value), ""))
    if value is None:
        return Cell("")
    if isinstance(value, float):
        return Cell(f"{value:.1f}" if key == "seconds" else f"{value:,.4g}")
    return Cell(f"{value:,}" if isinstance(value, int) else str(value))
