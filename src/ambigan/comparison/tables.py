"""What runs differ in, what was measured of each, and what each took, as tables and results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite, sqrt
from statistics import mean, stdev
from typing import Any

from ..core.settings import dotted, typed_value
from ..engine.durations import duration
from ..engine.train_state import count_parameters
from ..evaluation.result import Metric, Provenance, Result
from ..report.result_tables import ResultTable, TableCell, TableRow, best_of, is_transfer
from ..report.summary import training_seconds
from ..run import Run
from .runs import ComparedRun, RunGroup

MISSING = "–"
_Key = tuple[str, str, str]
"""The title of a protocol, its constants as JSON, and the hash of the data that were measured."""


def settings_that_differ(groups: Sequence[RunGroup]) -> dict[str, list[Any]]:
    """The value in each group of every setting that is not the same in all, by dotted name.

    A setting that a method does not have is None there.
    """
    names = dict.fromkeys(name for group in groups for name in group.settings)
    values = {name: [group.settings.get(name) for group in groups] for name in names}
    return {name: own for name, own in values.items() if any(value != own[0] for value in own)}


def settings_table(groups: Sequence[RunGroup]) -> ResultTable:
    """Settings that differ, a column for each group."""
    names = [dotted(group.config) for group in groups]
    rows = [
        [
            name,
            *(
                typed_value(v) if name in own else MISSING
                for v, own in zip(values, names, strict=True)
            ),
        ]
        for name, values in settings_that_differ(groups).items()
    ]
    return _table(["setting", *(group.name for group in groups)], rows)


def results_by_protocol(
    groups: Sequence[RunGroup], baselines: Sequence[Result], layers: Mapping[str, str]
) -> list[list[Result]]:
    """What was measured by each protocol on the same data: groups first, then baselines, once.

    The results of a group are means over its seeds, with a 95 % interval for the mean. Their
    subject is named by the group and the layer. Weights are the averaged ones where there are any.

    Args:
        groups: The groups.
        baselines: Results that need no training and lie outside runs.
        layers: The method's own feature layer by the name of a group, whose results come first.
    """
    found: dict[_Key, dict[str, list[Result]]] = {}
    others: dict[_Key, dict[str, Result]] = {}
    for group in groups:
        own = layers.get(group.name)
        results = [x for run in group.runs for x in _preferred(run) if not is_transfer([x])]
        for result in sorted(results, key=lambda x: (x.is_baseline, x.subject.name != own)):
            key, subject = _key(result), result.subject
            if subject.kind == "baseline":
                others.setdefault(key, {}).setdefault(subject.name, result)
            else:
                where = f" in {subject.reference_features}" if subject.reference_features else ""
                name = f"{group.name}: {subject.name}{where}"
                found.setdefault(key, {}).setdefault(name, []).append(result)
    for result in baselines:
        if (key := _key(result)) in found:
            others.setdefault(key, {}).setdefault(result.subject.name, result)
    return [
        [
            *sorted((_joined(name, x) for name, x in own.items()), key=lambda x: x.is_baseline),
            *(replace(x, seconds=0.0) for x in others.get(key, {}).values()),
        ]
        for key, own in found.items()
    ]


def summary_table(groups: Sequence[RunGroup], measured: Sequence[Sequence[Result]]) -> ResultTable:
    """The headline of every protocol for each group, by its own layer, next to the best baseline.

    Args:
        groups: The groups.
        measured: As `results_by_protocol` returns them.
    """
    rows: list[list[TableCell]] = []
    for results in measured:
        first = results[0]
        ours = [own_result(results, group.name) for group in groups]
        best = best_of([result for result in ours if result], first.headline.of)
        title = first.protocol.title
        if len({each[0].provenance.data.sha256 for each in measured}) > 1:
            title += f" on {first.provenance.data.name}"
        cells = [TableCell(title), TableCell(first.headline.heading)]
        cells += [
            TableCell(with_interval(own), best is not None and own.headline.value == best)
            if own
            else TableCell(MISSING)
            for own in ours
        ]
        rows.append([*cells, TableCell(_best_baseline(results))])
    heads = ("protocol", "metric", *(group.name for group in groups), "best baseline")
    return ResultTable(heads, 2, tuple(TableRow(tuple(row), False) for row in rows))


def own_result(results: Sequence[Result], name: str) -> Result | None:
    """The first result of a group among those of a protocol: of its own layer where measured."""
    own = [x for x in results if not x.is_baseline and x.subject.name.startswith(f"{name}: ")]
    return own[0] if own else None


def with_interval(result: Result) -> str:
    """The headline, with its interval over seeds where there is one."""
    metric = result.headline
    if metric.interval is None or "seeds" not in result.details:
        return metric.text or MISSING
    low, high = (f"{end:,.{metric.digits}f}" for end in metric.interval)
    return f"{metric.text} ({low} to {high})"


def cost_table(
    groups: Sequence[RunGroup], costs: Mapping[str, Sequence[float | None]]
) -> ResultTable:
    """What a run of each group took, a column for each group, of costs as `costs_of` has them."""
    rows = [
        [name, *(_cost_text(name, value) for value in values)] for name, values in costs.items()
    ]
    return _table(["a run", *(group.name for group in groups)], rows)


def joint_table(
    groups: Sequence[RunGroup], parts: Sequence[tuple[str, ResultTable]]
) -> ResultTable:
    """Tables with a column for each group in one, each below a line with its title.

    Args:
        groups: The groups.
        parts: Titles and tables, whose last columns are those of the groups or, in one with more,
            stand between words and the rest.
    """
    num = len(groups)
    rows: list[TableRow] = []
    last = ""
    for title, table in parts:
        rows.append(_row([title.upper(), *[""] * (num + 1)]))
        for row in table.rows:
            cells = row.cells
            name = ", ".join(cell.text for cell in cells[: table.num_texts])
            own = cells[table.num_texts : table.num_texts + num]
            rest = cells[table.num_texts + num :] or (TableCell(""),)
            rows.append(TableRow((TableCell(name), *own, *rest), False))
            last = last or "".join(table.columns[table.num_texts + num :])
    return ResultTable(("", *(group.name for group in groups), last), 1, tuple(rows))


STEPS, EXAMPLES, SECONDS, RATE = "steps", "examples seen", "training", "examples per second"
MEMORY, PARAMETERS = "peak memory", "parameters"


def costs_of(
    groups: Sequence[RunGroup], models: Mapping[str, Run]
) -> dict[str, list[float | None]]:
    """What a run of each group took: the mean over its seeds, in examples, seconds and bytes.

    Args:
        groups: The groups.
        models: A loaded run by the name of its group, without which steps are not known.
    """
    columns = [_costs_of(group, models.get(group.name)) for group in groups]
    rows = {name: [column[name] for column in columns] for name in columns[0]}
    return {name: row for name, row in rows.items() if any(value is not None for value in row)}


def _costs_of(group: RunGroup, model: Run | None) -> dict[str, float | None]:
    seen = mean(run.images_seen for run in group.runs)
    seconds = mean(training_seconds(run.timing) for run in group.runs)
    peaks = [line.get("peak_memory", 0) for run in group.runs for line in run.timing]
    turns = len(model.method.turns) if model else 0
    return {
        PARAMETERS: count_parameters(model.method) if model else None,
        EXAMPLES: seen,
        STEPS: seen / (group.config.train.batch_size * turns) if turns else None,
        SECONDS: seconds or None,
        RATE: seen / seconds if seconds else None,
        MEMORY: max(peaks, default=0) or None,
    }


def _cost_text(name: str, value: float | None) -> str:
    if value is None:
        return MISSING
    if name == SECONDS:
        return duration(value)
    return f"{value / 2**20:,.0f} MiB" if name == MEMORY else f"{value:,.0f}"


def _preferred(run: ComparedRun) -> list[Result]:
    """A run's results by the weights that are used: the averaged ones where they are measured."""
    averaged = {_key(x) for x in run.results if x.subject.weights == "ema"}
    return [x for x in run.results if x.subject.weights != "raw" or _key(x) not in averaged]


def _key(result: Result) -> _Key:
    protocol = result.protocol
    constants = json.dumps([dict(protocol.constants), dict(protocol.views)], sort_keys=True)
    return protocol.title, constants, result.provenance.data.sha256


def _joined(name: str, results: Sequence[Result]) -> Result:
    """Results of several seeds as one, whose metrics are means with their 95 % interval."""
    first = results[0]
    subject = replace(first.subject, name=name, weights=None, reference_features=None)
    if first.is_baseline:  # the same networks untrained
        group, _, layer = name.partition(": ")
        subject = replace(subject, name=f"{group} untrained: {layer.removeprefix('random ')}")
    about: Provenance = first.provenance
    if len(results) == 1:
        return replace(first, subject=subject, seconds=0.0, details={})
    metrics = [_mean(metric, _values(metric, results)) for metric in first.metrics]
    details = {"seeds": [x.provenance.seed for x in results]}
    about = replace(about, seed=None)
    return replace(
        first, subject=subject, metrics=metrics, provenance=about, seconds=0.0, details=details
    )


def _values(metric: Metric, results: Iterable[Result]) -> list[float]:
    """The values of a metric in all results that have one."""
    same = [m for x in results for m in x.metrics if (m.name, m.of) == (metric.name, metric.of)]
    return [m.value for m in same if m.value is not None]


def _mean(metric: Metric, values: Sequence[float]) -> Metric:
    """The mean of values with the 95 % interval of Student's t for it."""
    if not values:
        return replace(metric, value=None, interval=None)
    centre, interval = mean(values), None
    if len(values) > 1 and all(map(isfinite, values)):
        from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

        quantile: Any = stats.t.ppf(0.975, len(values) - 1)  # pyright: ignore
        half = float(quantile) * stdev(values) / sqrt(len(values))
        interval = centre - half, centre + half
        if metric.unit == "%":  # of which none is below 0 or above 100
            interval = max(interval[0], min(0.0, centre)), min(interval[1], max(100.0, centre))
    return replace(metric, value=centre, interval=interval)


def _best_baseline(results: Sequence[Result]) -> str:
    baselines = [result for result in results if result.is_baseline]
    best = best_of(baselines, results[0].headline.of)
    if best is None:
        return MISSING
    first = next(x for x in baselines if x.headline.value == best)
    return f"{first.headline.text}, {first.subject.name}"


def _row(texts: Iterable[str]) -> TableRow:
    return TableRow(tuple(map(TableCell, texts)), False)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> ResultTable:
    return ResultTable(tuple(columns), 1, tuple(map(_row, rows)))
