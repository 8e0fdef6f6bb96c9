"""Results as tables and charts: what was measured, always beside its baselines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ..evaluation.results import title_of, views_of
from .figures.charts import Score, accuracy_chart, confidence
from .figures.theme import inline_svg
from .report_data import Lines, ReportData

RECONSTRUCTION_PROTOCOL = "reconstruction"
TRANSFER = "transfer"
_TEXTS = ("features", "weights", "space", "metric")
_HIDDEN = ("kind", "iterations")
_TITLES = {
    "accuracy": "accuracy, %",
    "deviation": "±",
    "nmi": "NMI, %",
    "map": "mAP, %",
    "recall_1": "recall@1, %",
    "recall_5": "recall@5, %",
    "recall_10": "recall@10, %",
    "precision_10": "precision@10, %",
    "precision": "precision, %",
    "recall": "recall, %",
    "c": "C",
    "l2": "L2",
    "num_labels": "labels",
    "at_grid_end": "at the grid's end",
    "space": "in",
    "num": "number",
    "fid": "FID",
    "frechet": "Fréchet",
    "kid": "KID",
    "kid_deviation": "±",
    "inception_score": "IS",
    "inception_score_deviation": "±",
}
_PERCENT = frozenset(key for key, title in _TITLES.items() if title.endswith("%"))
_CHOSEN = ("c", "l2")
_FINE = ("kid", "kid_deviation")
_RECONSTRUCTED = {"real": "data", "generated": "samples", "latent": "latents"}


@dataclass(frozen=True)
class TableCell:
    """A text of a table; `best` is set in bold."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class TableRow:
    """A line of a table."""

    cells: tuple[TableCell, ...]
    is_baseline: bool


@dataclass(frozen=True)
class Table:
    """Columns, of which the first `num_texts` hold words, and rows."""

    columns: tuple[str, ...]
    num_texts: int
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Measured:
    """One protocol: what it is, its table, and a chart where it gives accuracies.

    Its title also says what was measured where the page has several tables of the protocol.
    """

    protocol: str
    title: str
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
    chance: str = ""


def measured(material: ReportData) -> list[Measured]:
    """Every protocol but those that have sections of their own."""
    shown = [
        result
        for result in material.results
        if result.get("rows") and not _has_own_section(result) and _allowed(material, result)
    ]
    count = Counter(result["protocol"] for result in shown)
    return [_measured(result, count[result["protocol"]] > 1) for result in shown]


def is_reconstruction(result: dict[str, Any]) -> bool:
    """Whether a result belongs beside the reconstructions."""
    return str(result.get("protocol", "")).startswith(RECONSTRUCTION_PROTOCOL) and bool(
        result.get("rows")
    )


def is_transfer(result: dict[str, Any]) -> bool:
    """Whether a result is of frozen layers, which are drawn over their number."""
    return result.get("protocol") == TRANSFER and bool(result.get("rows"))


def headline(material: ReportData) -> Headline | None:
    """The first protocol's accuracy in one large number; None where nothing was measured.

    It is that of the method's own feature layer, or of the first one where that was not measured,
    and not of the best layer: that would be chosen on the test split. Where there are records of
    views too, it is of one without.
    """
    own = material.run.method.default_layer
    for result in sorted(material.results, key=lambda result: bool(views_of(result))):
        ours = [row for row in scored(result) if not _is_baseline(row)]
        if ours and not is_transfer(result) and _allowed(material, result):
            return _headline(result, next((r for r in ours if r["features"] == own), ours[0]))
    return None


def scored(result: dict[str, Any]) -> Lines:
    """The rows of a result that hold an accuracy."""
    return [row for row in result.get("rows", ()) if isinstance(row.get("accuracy"), (int, float))]


def table_of(result: dict[str, Any]) -> Table:
    """The rows of a result: those of the model first, the best accuracy or mAP in bold."""
    rows = sorted(result["rows"], key=_is_baseline)
    keys = dict.fromkeys(key for row in rows for key in row if key not in _HIDDEN)
    shown = [key for key in keys if _tells(key, [row.get(key) for row in rows])]
    columns = [key for key in _TEXTS if key in shown]
    num_texts = len(columns)
    columns += [key for key in shown if key not in _TEXTS]
    score = "map" if any("map" in row for row in rows) else "accuracy"
    best = max((row[score] for row in rows if _is_number(row.get(score))), default=None)
    lines = [
        TableRow(tuple(_cell(key, row.get(key), best) for key in columns), _is_baseline(row))
        for row in rows
    ]
    titles = tuple(_TITLES.get(key, key.replace("_", " ")) for key in columns)
    return Table(titles, num_texts, tuple(lines))


def reconstruction_table(result: dict[str, Any]) -> Table:
    """Errors of a reconstruction result, a line for each thing that was reconstructed."""
    rows = [
        TableRow(_reconstruction_cells(row, kind, what), _is_baseline(row))
        for row in result["rows"]
        for kind, what in _RECONSTRUCTED.items()
        if row.get(f"error_{kind}") is not None
    ]
    return Table(("by", "of", "L2 error", "shuffled", "ratio"), 2, tuple(rows))


def errors_in(material: ReportData) -> tuple[float, float] | None:
    """The reconstruction errors of the page's own weights, own and shuffled, if measured."""
    for row in (row for r in material.results if is_reconstruction(r) for row in r["rows"]):
        if row.get("weights") == material.run.weights and row.get("error_real") is not None:
            return row["error_real"], row["error_real_shuffled"]
    return None


def name_of(row: dict[str, Any]) -> str:
    """What a row measured, with its kind of weights."""
    return f"{row.get('features', '')}{_suffix(row)}"


def _allowed(material: ReportData, result: dict[str, Any]) -> bool:
    """An accuracy needs labels to be read; on unlabelled data there is none to show."""
    return material.labelled or not scored(result)


def _has_own_section(result: dict[str, Any]) -> bool:
    return is_reconstruction(result) or is_transfer(result)


def _measured(result: dict[str, Any], is_one_of_many: bool) -> Measured:
    protocol, title = str(result["protocol"]), title_of(result)
    return Measured(
        protocol=protocol,
        title=f"{title}, {_what_of(result)}" if is_one_of_many else title,
        summary=str(result.get("summary", "")),
        source=str(result.get("source") or ""),
        constants=_constants(result),
        table=table_of(result),
        chart=_chart(result),
    )


def _constants(result: dict[str, Any]) -> str:
    """All of a result, those of views among them."""
    settings = {**(result.get("settings") or {})}
    settings.pop("views", None)
    settings |= {f"views.{name}": value for name, value in views_of(result).items()}
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _what_of(result: dict[str, Any]) -> str:
    """The layers that a result is of, and whose weights; of samples, where they are compared."""
    ours = [row for row in result["rows"] if not _is_baseline(row)] or result["rows"]
    layers = dict.fromkeys(str(row.get("space") or row.get("features", "")) for row in ours)
    first, *others = layers
    kinds = {_suffix(row) for row in ours}
    more = f" and {len(others)} more" if others else ""
    return first + more + (kinds.pop() if len(kinds) == 1 else "")


def _chart(result: dict[str, Any]) -> str:
    rows = sorted(scored(result), key=_is_baseline)
    if not rows:
        return ""
    num = _num_test(result)
    scores = [
        Score(
            name_of(row),
            row["accuracy"],
            _is_baseline(row),
            confidence(row["accuracy"], num) if num else None,
        )
        for row in rows
    ]
    words = "; ".join(f"{score.name} {score.accuracy:.2f} %" for score in scores)
    return inline_svg(accuracy_chart(scores), f"Accuracies by {result['protocol']}: {words}")


def _headline(result: dict[str, Any], ours: dict[str, Any]) -> Headline:
    baselines = [row for row in scored(result) if _is_baseline(row)]
    value, what = f"{ours['accuracy']:.2f}", f"{title_of(result)} on {name_of(ours)}"
    if not baselines:
        return Headline(value, what, "No baseline was measured beside it.")
    best = max(baselines, key=lambda row: row["accuracy"])
    difference = ours["accuracy"] - best["accuracy"]
    side = "above" if difference > 0 else "below"
    verdict = (
        f"{abs(difference):.2f} points {side} the best baseline, "
        f"{name_of(best)} ({best['accuracy']:.2f}\u00a0%)."
    )
    if abs(difference) < 0.005:
        verdict = f"Level with the best baseline, {name_of(best)}."
    return Headline(value, what, verdict, _chance(result, ours, best))


def _chance(result: dict[str, Any], ours: dict[str, Any], best: dict[str, Any]) -> str:
    """By how much two accuracies on so few examples may differ for no reason."""
    num = _num_test(result)
    if not num:
        return ""
    widths = [confidence(row["accuracy"], num) for row in (ours, best)]
    margin = sum(((high - low) / 2) ** 2 for low, high in widths) ** 0.5
    return f"On {num:,} test examples, differences below about {margin:.1f} points may be chance."


def _num_test(result: dict[str, Any]) -> int:
    return int(result.get("data", {}).get("num_test") or 0)


def _reconstruction_cells(row: dict[str, Any], kind: str, what: str) -> tuple[TableCell, ...]:
    keys = (f"error_{kind}", f"error_{kind}_shuffled", f"ratio_{kind}")
    numbers = [_cell(key, row.get(key), None) for key in keys]
    name = str(row.get("features", "")) if _is_baseline(row) else "this model"
    return (TableCell(name + _suffix(row)), TableCell(what), *numbers)


def _suffix(row: dict[str, Any]) -> str:
    """The kind of weights of a row, where it has one."""
    return {"ema": " · EMA", "raw": " · raw"}.get(str(row.get("weights")), "")


def _is_baseline(row: dict[str, Any]) -> bool:
    return row.get("kind") == "baseline"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _tells(key: str, values: list[Any]) -> bool:
    """Whether a column is worth its place: no lists, and not what is as it should be throughout."""
    if key == "at_grid_end":
        return any(values)
    plain = all(isinstance(value, (str, int, float, type(None))) for value in values)
    return plain and any(value is not None and value is not True for value in values)


def _cell(key: str, value: Any, best: float | None) -> TableCell:
    if key in _PERCENT and _is_number(value):
        return TableCell(f"{value:.2f}", best=key in ("accuracy", "map") and value == best)
    if key in _CHOSEN and _is_number(value):
        return TableCell(f"{value:g}")
    if key in _FINE and _is_number(value):
        return TableCell(f"{value:.4f}")
    if key == "weights":
        return TableCell({"ema": "EMA", "raw": "raw"}.get(str(value), ""))
    if value is None:
        return TableCell("")
    if isinstance(value, bool):
        return TableCell("yes" if value else "no")
    if isinstance(value, float) and key == "seconds":
        return TableCell(f"{value:,.2f}" if value < 1 else f"{value:,.1f}")
    if isinstance(value, float):
        return TableCell("< 0.001" if 0 < value < 0.001 else f"{value:,.3f}")
    return TableCell(f"{value:,}" if isinstance(value, int) else str(value))
