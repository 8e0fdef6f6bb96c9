"""Results as tables and charts: what was measured, always with its baselines.

A metric says itself how it is called, in which unit it stands and which of two values is better,
so nothing here knows any metric or protocol by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..evaluation.result import FEW_HELD_OUT, Metric, Result
from .figures.charts import Score, score_chart
from .figures.theme import inline_svg
from .report_data import ReportData


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
class ResultTable:
    """Columns, of which the first `num_texts` hold words, and rows."""

    columns: tuple[str, ...]
    num_texts: int
    rows: tuple[TableRow, ...]


@dataclass(frozen=True)
class Measured:
    """One protocol: what it is, its table, and a chart of its headline metric."""

    title: str
    summary: str
    source: str
    constants: str
    table: ResultTable
    chart: str = ""


@dataclass(frozen=True)
class Headline:
    """The headline metric of the first protocol, what it measures, and the baselines' values."""

    value: str
    unit: str
    what: str
    verdict: str
    chance: str = ""
    task: str = ""
    baselines: str = ""
    title: str = ""


def table_of(results: Sequence[Result]) -> ResultTable:
    """The results of one protocol: those of the model first, the best headline in bold.

    A result has a row for each thing that its metrics are `of`. Columns that say nothing are left
    out.
    """
    rows = [
        (result, of)
        for result in sorted(results, key=lambda result: result.is_baseline)
        for of in dict.fromkeys(metric.of for metric in result.metrics)
    ]
    bests = {of: best_of([result for result, its in rows if its == of], of) for _, of in rows}
    texts: dict[str, dict[int, TableCell]] = {}
    notes: dict[int, TableCell] = {}
    numbers: dict[str, tuple[str, dict[int, TableCell]]] = {}
    for place, (result, of) in enumerate(rows):
        subject, chosen = result.subject, result.details.get("chosen", {})
        words = {
            "features": subject.name,
            "weights": _weights(subject.weights),
            "in": subject.reference_features or "",
            "of": of,
            **{name: value for name, value in chosen.items() if isinstance(value, str)},
        }
        for name, word in words.items():
            texts.setdefault(name, {})[place] = TableCell(word)
        notes[place] = TableCell(", ".join(result.details.get("warnings", ())))
        for name, count in (("dim", subject.dim), ("number", subject.num)):
            if count is not None:
                numbers.setdefault(name, (name, {}))[1][place] = TableCell(f"{count:,}")
        mine = [metric for metric in result.metrics if metric.of == of]
        for metric in mine:
            is_best = metric is mine[0] and metric.value == bests[of]
            key = metric.heading if metric.of else metric.name
            cell = TableCell(metric.text, is_best and metric.value is not None)
            numbers.setdefault(key, (metric.heading, {}))[1][place] = cell
            if metric is mine[0] and (text := _interval_text(result, metric)):
                numbers.setdefault(_INTERVAL, (_INTERVAL, {}))[1][place] = TableCell(text)
        for name, value in chosen.items():
            if not isinstance(value, str):
                numbers.setdefault(name, (name, {}))[1][place] = TableCell(f"{value:g}")
        if result.seconds:
            digits = 2 if result.seconds < 1 else 1
            cell = TableCell(f"{result.seconds:,.{digits}f}")
            numbers.setdefault("seconds", ("seconds", {}))[1][place] = cell
    if "seconds" in numbers:  # the last column, though a later row may add others
        numbers["seconds"] = numbers.pop("seconds")
    texts["note"] = notes
    shown = [(n, cells) for n, cells in texts.items() if any(cell.text for cell in cells.values())]
    num_texts = len(shown)
    shown += list(numbers.values())
    lines = tuple(
        TableRow(tuple(cells.get(i, TableCell("")) for _, cells in shown), result.is_baseline)
        for i, (result, _) in enumerate(rows)
    )
    return ResultTable(tuple(heading for heading, _ in shown), num_texts, lines)


_INTERVAL = "95 % interval"


def _interval_text(result: Result, metric: Metric) -> str:
    """The interval of a first metric, over seeds or where so few are held out that it matters."""
    few = result.provenance.data.num_test < FEW_HELD_OUT
    if metric.interval is None or not (few or "seeds" in result.details):
        return ""
    return " to ".join(f"{end:,.{metric.digits}f}" for end in metric.interval)


def best_of(results: Iterable[Result], of: str = "") -> float | None:
    """The best headline value among results; None where no value is better than another."""
    headlines = [next(m for m in result.metrics if m.of == of) for result in results]
    values = [metric.value for metric in headlines if metric.value is not None]
    direction = headlines[0].direction if headlines else "none"
    if not values or direction == "none":
        return None
    return max(values) if direction == "higher" else min(values)


def measured(material: ReportData) -> list[Measured]:
    """Every protocol but those that have sections of their own.

    Titles also say what was measured where there are several tables of a protocol.
    """
    shown = [x for x in material.results if not is_reconstruction(x) and not is_transfer(x)]
    count = Counter(results[0].protocol.name for results in shown)
    return [measured_by(results, count[results[0].protocol.name] > 1) for results in shown]


def is_reconstruction(results: Sequence[Result]) -> bool:
    """Whether results belong to the section of reconstructions."""
    return results[0].protocol.name.startswith("reconstruction")


def is_transfer(results: Sequence[Result]) -> bool:
    """Whether results are of frozen layers, which are drawn over their number."""
    return results[0].protocol.name == "transfer"


def is_task(results: Sequence[Result]) -> bool:
    """Whether results are of a task of `ambigan transfer --task`."""
    return results[0].protocol.name.startswith("transfer_")


def is_of_features(results: Sequence[Result]) -> bool:
    """Whether results judge features, and not what a generator draws."""
    first = results[0]
    return first.subject.reference_features is None and not first.headline.of


def headline(material: ReportData) -> Headline | None:
    """The first protocol's headline in one large number; None where no features were measured.

    It is that of the method's own feature layer, or of the first one where that was not measured,
    and not of the best layer: that would be chosen on the test split. It is of the run's own data,
    and where there are results of several crops too, of those without.
    """
    return headline_of(material.results, material.run.method.default_layer)


def headline_of(results: Sequence[Sequence[Result]], layer: str) -> Headline | None:
    """The headline of the first of several protocols' results that is of features.

    Args:
        results: The results of each protocol, the first one that counts first.
        layer: The method's own feature layer.
    """
    for found in sorted(results, key=lambda found: bool(found[0].protocol.views)):
        if own := _own_result(found, layer):
            return _headline(found, own)
    return None


def not_ahead(results: Iterable[Sequence[Result]], layer: str = "") -> list[str]:
    """The protocols by which a layer is not better than the best baseline, with the values.

    Args:
        results: The results of each protocol.
        layer: The layer; the first one that was measured if it is empty or was not measured.
    """
    lines: list[str] = []
    for found in results:
        own = _own_result(found, layer)
        if own is None or own.headline.value is None:
            continue
        baselines = [result for result in found if result.is_baseline]
        best = best_of(baselines)
        if best is not None and best_of([own, *baselines]) == best:
            first = next(x for x in baselines if x.headline.value == best)
            values = f"{own.headline.text}, {name_of(first)} {first.headline.text}"
            lines.append(f"{title_of(found)} ({values})")
    return lines


def _own_result(results: Sequence[Result], layer: str) -> Result | None:
    """The result of the method's own layer on its own data, or of the first layer measured."""
    ours = [result for result in results if not result.is_baseline]
    other = results[0].provenance.is_of_other_data
    if not ours or not is_of_features(results) or other or is_transfer(results):
        return None
    return next((result for result in ours if result.subject.name == layer), ours[0])


def errors_in(material: ReportData) -> tuple[float, float] | None:
    """The reconstruction errors of the page's own weights, own and shuffled, if measured."""
    records = [results for results in material.results if is_reconstruction(results)]
    for result in (result for results in records for result in results):
        if result.provenance.is_of_other_data:
            continue
        found = result.value("error_real"), result.value("error_real_shuffled")
        if result.subject.weights == material.run.weights and None not in found:
            return found  # pyright: ignore[reportReturnType]
    return None


def name_of(result: Result) -> str:
    """What a result measured, with its kind of weights."""
    return f"{result.subject.name}{_suffix(result)}"


def title_of(results: Sequence[Result]) -> str:
    """The protocol, its crops and the data if they are not the run's own."""
    protocol, about = results[0].protocol, results[0].provenance
    return f"{protocol.title} on {about.data.name}" if about.is_of_other_data else protocol.title


def measured_by(results: Sequence[Result], is_one_of_many: bool = False) -> Measured:
    """One protocol's results as a page shows them; titles of several say what was measured."""
    protocol, title = results[0].protocol, title_of(results)
    constants = dict(protocol.constants)
    constants |= {f"views.{name}": value for name, value in protocol.views.items()}
    return Measured(
        title=f"{title}, {_subjects(results)}" if is_one_of_many else title,
        summary=protocol.summary,
        source=protocol.source,
        constants=", ".join(f"{name} {value}" for name, value in constants.items()),
        table=table_of(results),
        chart=_chart(results) if is_of_features(results) else "",
    )


def _subjects(results: Sequence[Result]) -> str:
    """The layers measured, and whose weights; of samples, the features in which they are."""
    ours = [result for result in results if not result.is_baseline] or results
    names = [r.subject.reference_features or r.subject.name for r in ours]
    first, *others = dict.fromkeys(names)
    kinds = {_suffix(result) for result in ours}
    more = f" and {len(others)} more" if others else ""
    return first + more + (kinds.pop() if len(kinds) == 1 else "")


def _chart(results: Sequence[Result]) -> str:
    ordered = sorted(results, key=lambda result: result.is_baseline)
    scores = [
        Score(name_of(result), metric.value, result.is_baseline, metric.interval)
        for result in ordered
        if (metric := result.headline).value is not None
    ]
    if not scores:
        return ""
    first, best = results[0].headline, best_of(ordered)
    baselines = best_of(result for result in ordered if result.is_baseline)
    words = "; ".join(f"{score.name} {score.value:.2f} {first.unit}".strip() for score in scores)
    figure = score_chart(scores, first.unit, best, baselines)
    return inline_svg(figure, f"{first.title} by {results[0].protocol.name}: {words}")


def _headline(results: Sequence[Result], ours: Result) -> Headline:
    metric, what = ours.headline, f"{title_of(results)} on {name_of(ours)}"
    baselines = [result for result in results if result.is_baseline]
    best_value = best_of(baselines)
    if best_value is None or metric.value is None:
        verdict = "No baseline was measured with it."
        task = results[0].protocol.summary
        return Headline(metric.text, metric.unit, what, verdict, task=task, title=metric.title)
    best = next(result for result in baselines if result.headline.value == best_value)
    difference, unit = metric.value - best_value, f"\u00a0{metric.unit}".rstrip("\u00a0")
    side, name = "above" if difference > 0 else "below", name_of(best)
    points = " points" if metric.unit == "%" else ""
    verdict = (
        f"{abs(difference):.2f}{points} {side} the best baseline, {name}"
        f" ({best.headline.text}{unit})."
    )
    if abs(difference) < 0.005:
        verdict = f"Level with the best baseline, {name}."
    chance = _chance(metric, best.headline, ours)
    values = ", ".join(f"{name_of(x)} {x.headline.text}" for x in baselines)
    task = results[0].protocol.summary
    about = (task, f"Baselines: {values}.", metric.title)
    return Headline(metric.text, metric.unit, what, verdict, chance, *about)


def _chance(ours: Metric, theirs: Metric, result: Result) -> str:
    """By how much two scores on so few examples may differ by chance."""
    if ours.interval is None or theirs.interval is None:
        return ""
    widths = (ours.interval, theirs.interval)
    margin = sum(((high - low) / 2) ** 2 for low, high in widths) ** 0.5
    about, where = result.details.get("cross_validation"), ""
    if about:
        where = f"By cross-validation of {about['examples']:,} examples"
    elif ours.unit == "%":
        where = f"On {result.provenance.data.num_test:,} test examples"
    size = f"{margin:.1f} points" if ours.unit == "%" else f"{margin:.{ours.digits - 1}f}"
    start = f"{where}, differences" if where else "Differences"
    return f"{start} below about {size} may be chance."


def _weights(kind: str | None) -> str:
    return {"ema": "EMA", "raw": "raw"}.get(str(kind), "")


def _suffix(result: Result) -> str:
    weights = _weights(result.subject.weights)
    return f" · {weights}" if weights else ""
