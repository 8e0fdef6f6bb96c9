"""Results of runs as tables: means over seeds, with baselines and published values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from statistics import mean, stdev

from ..engine.durations import duration
from ..evaluation.result import Result
from ..report.result_tables import ResultTable, TableCell, TableRow
from .experiment import Experiment
from .run_records import GENERATION, RECONSTRUCTION, RECONSTRUCTION_MSE, RunResult, layer_of

TITLES = {
    "linear_lbfgs": "linear probe",
    "knn_sweep": "k-NN",
    "knn1_euclidean": "1-NN",
    "svm_l2": "L2-SVM",
    "kmeans": "k-means",
    "kmeans_test_split": "k-means of the test split",
}
PUBLISHED = "published"
COSTS = ("run", "images shown", "precision", "training", "images/s", "measuring")
_DRAWN = (
    (f"{GENERATION}/frechet", "Fréchet", ".3g"),
    (f"{GENERATION}/kid", "KID", ".3g"),
    (f"{GENERATION}/precision", "precision, %", ".1f"),
    (f"{GENERATION}/recall", "recall, %", ".1f"),
    (f"{RECONSTRUCTION}/ratio_real", "reconstruction", ".2f"),
    (f"{RECONSTRUCTION_MSE}/ratio_mean", "squared error over the mean's", ".3f"),
)
_WEIGHTS = {"raw": ", last weights", "ema": ", averaged weights"}

_Rows = defaultdict[str, list[Result]]
Column = tuple[str, str, str]
"""The key of its values, its title, and the format of its numbers."""


@dataclass(frozen=True)
class Value:
    """A number over `num` seeds; its sample deviation is None for one seed.

    All are NaN if it is no number for one of the seeds.
    """

    mean: float
    deviation: float | None
    low: float
    high: float
    num: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Value:
        """One number or more."""
        num = len(values)
        if not all(map(isfinite, values)):
            return cls(nan, nan if num > 1 else None, nan, nan, num)
        spread = stdev(values) if num > 1 else None
        return cls(mean(values), spread, min(values), max(values), num)

    def text(self, form: str) -> str:
        """Such as `97.39` or `97.39 ± 0.08`, by a format such as `.2f`."""
        spread = "" if self.deviation is None else f" ± {self.deviation:{form}}"
        return f"{self.mean:{form}}{spread}"


@dataclass(frozen=True)
class Line:
    """A row of a table: what was measured, and its values by `protocol/metric`."""

    name: str
    dim: int | None
    is_baseline: bool
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Summary:
    """An experiment, as far as it is made: finished runs, and results that need no training.

    `changed` has a text for each of the experiment's own settings that the user changed, `num_runs`
    counts planned runs, and `command` makes it again, or goes on with it.
    """

    experiment: Experiment
    runs: tuple[RunResult, ...]
    baselines: tuple[Result, ...]
    changed: tuple[str, ...]
    num_runs: int
    command: str

    @cached_property
    def results(self) -> list[Result]:
        """All results of runs, then of baselines."""
        return [*(result for run in self.runs for result in run.results), *self.baselines]

    @property
    def title(self) -> str:
        """The experiment's title with the name of its data."""
        return f"{self.experiment.title}, on {self.results[0].provenance.data.name}"

    @property
    def caption(self) -> str:
        """What was trained, and every setting that is not the experiment's own."""
        texts: list[str] = []
        if self.runs:
            epochs = " or ".join(dict.fromkeys(str(run.epochs) for run in self.runs))
            seeds = len({run.seed for run in self.runs})
            presets = " or ".join(dict.fromkeys(run.preset for run in self.runs))
            precisions = " or ".join(sorted({run.precision for run in self.runs}))
            texts = [
                f"{epochs} epoch{'s' * (epochs != '1')}, preset {presets}, {precisions},"
                f" {seeds} seed{'s' * (seeds > 1)}."
            ]
            if " or " in precisions:
                texts.append("The precision of a run is what its machine is faster at.")
        if self.changed:
            texts.append(f"Changed from the experiment's own settings: {'; '.join(self.changed)}.")
        return " ".join(texts)

    @cached_property
    def lines(self) -> list[Line]:
        """Runs layer by layer; then the same networks untrained; then baselines."""
        trained, untrained, baselines = _Rows(list), _Rows(list), _Rows(list)
        published: dict[str, float] = {}
        for run, result in self._results_by(self.experiment.protocols):
            if result.is_baseline:
                untrained[f"{self.label(run)} untrained: {layer_of(result)}"].append(result)
                continue
            name = f"{self.label(run)}: {result.subject.name}{self._weights(result)}"
            trained[name].append(result)
            if run.name in self.experiment.published:
                published[name] = self.experiment.published[run.name]
        for result in self.baselines:
            baselines[result.subject.name].append(result)
        return _lines(trained | untrained | baselines, published)

    @cached_property
    def drawn(self) -> list[Line]:
        """Samples and reconstructions of runs; then what was not drawn, of the first run."""
        drawn, others = _Rows(list), _Rows(list)
        protocols = (GENERATION, *self.experiment.reconstructions)
        for run, result in self._results_by(protocols):
            if not result.is_baseline:
                drawn[f"{self.label(run)}{self._weights(result)}"].append(result)
            elif result.protocol.name == GENERATION:
                others.setdefault(f"{result.subject.name} (not drawn)", [result])
        return _lines(drawn | others, {})

    @property
    def tables(self) -> list[tuple[str, ResultTable]]:
        """What is shown, each below its caption: features, what runs draw, and costs."""
        columns: list[Column] = []
        shown = {f"{x.protocol.name}/{m.name}": m for x in self.results for m in x.metrics}
        for name in self.experiment.protocols:
            for key, metric in shown.items():
                if key.startswith(f"{name}/"):
                    more = "" if metric.name == "accuracy" else f" {metric.title}"
                    form = self._form if metric.unit == "%" else f".{metric.digits}f"
                    columns.append((key, f"{TITLES.get(name, name)}{more}", form))
        if self.experiment.published:
            columns.append((PUBLISHED, self.published_title, self._form))
        caption = f"{self.caption} Accuracy on held-out data in %.".lstrip()
        bold = {key for key, metric in shown.items() if metric.direction == "higher"}
        found = [(caption, _table(("features", "dimensions"), self.lines, columns, bold))]
        if self.drawn:
            found.append((self._drawn_caption, _table(("drawn by",), self.drawn, _DRAWN)))
        if self.runs:
            found.append(("", ResultTable(COSTS, 1, tuple(self._costs(run) for run in self.runs))))
        return found

    @property
    def published_title(self) -> str:
        """The head of the paper's column, with its data where these are others."""
        ours, theirs = self.results[0].provenance.data.name, self.experiment.settings["data.source"]
        where = "" if ours == theirs else f" on {theirs}"
        return f"paper{where}, {self.experiment.published_budget}"

    @property
    def machines(self) -> list[str]:
        """What was measured on, each once."""
        return list(dict.fromkeys(_machine(x) for run in self.runs for x in run.results))

    def label(self, run: RunResult, *, with_seed: bool = False) -> str:
        """The name of a run, with its preset where there are several of that name."""
        presets = {other.preset for other in self.runs if other.name == run.name}
        preset = f", {run.preset}" if len(presets) > 1 else ""
        return f"{run.name}{preset}{f', seed {run.seed}' if with_seed and run.seed else ''}"

    def _results_by(self, protocols: Collection[str]) -> list[tuple[RunResult, Result]]:
        """Results in the order of the experiment's runs, seeds of one next to each other."""
        names = [spec.name for spec in self.experiment.runs]
        runs = sorted(self.runs, key=lambda run: names.index(run.name))
        return [(run, x) for run in runs for x in run.results if x.protocol.name in protocols]

    @property
    def _form(self) -> str:
        """The format of accuracies: the paper's, or the digits that 10,000 examples tell apart."""
        return ".2f" if self.experiment.published else ".1f"

    def _weights(self, result: Result) -> str:
        """Whose weights, where both are measured."""
        return "" if self.experiment.weights else _WEIGHTS[str(result.subject.weights)]

    @property
    def _drawn_caption(self) -> str:
        """How the table of samples and reconstructions is read."""
        texts: list[str] = []
        measured = {x.protocol.name for run in self.runs for x in run.results if not x.is_baseline}
        names = [x for x in self.experiment.runs if x.name == self.experiment.reference_model]
        if GENERATION in measured and names:
            texts.append(
                f"Samples are compared with the held-out data in features of {names[0].name}"
                f" ({names[0].layers[0]}): Fréchet and kernel distance (KID), where less is better,"
                " precision and recall. Data that were not drawn show what these numbers mean."
            )
        if RECONSTRUCTION in measured:
            texts.append(
                "Reconstruction: its error over that of shuffled pairs; 1 knows nothing of its"
                " input, 0 is perfect."
            )
        if RECONSTRUCTION_MSE in measured:
            texts.append(
                "Squared error of reconstructions over that of the training mean; 1 or more is no"
                " better than the mean."
            )
        return " ".join(texts)

    def _costs(self, run: RunResult) -> TableRow:
        rate = run.cost.images_per_second
        texts = [
            self.label(run, with_seed=True),
            f"{run.images:,}",
            run.precision,
            duration(run.cost.training_seconds),
            f"{rate:,.0f}" if rate else "–",
            duration(run.cost.measuring_seconds),
        ]
        return TableRow(tuple(map(TableCell, texts)), is_baseline=False)


def _lines(rows: Mapping[str, list[Result]], published: Mapping[str, float]) -> list[Line]:
    """A line for each name, with means over its results, and the paper's value of some."""
    lines: list[Line] = []
    for name, results in rows.items():
        scores: dict[str, list[float]] = {}
        for result in results:
            for metric in result.metrics:
                is_shown = metric is result.headline or metric.direction != "none"
                if metric.value is not None and is_shown:
                    key = f"{result.protocol.name}/{metric.name}"
                    scores.setdefault(key, []).append(metric.value)
        if name in published:
            scores[PUBLISHED] = [published[name]]
        values = {key: Value.of(values) for key, values in scores.items()}
        lines.append(Line(name, results[0].subject.dim, results[0].is_baseline, values))
    return lines


def _table(
    heads: tuple[str, ...],
    lines: Sequence[Line],
    columns: Iterable[Column],
    bold: Collection[str] = (),
) -> ResultTable:
    """Lines below those columns that hold something; the highest means of some are bold."""
    shown = [column for column in columns if any(column[0] in line.values for line in lines)]
    best: dict[str, float] = {}
    for key, _, form in shown:
        means = [float(f"{x.values[key].mean:{form}}") for x in lines if key in x.values]
        if key in bold:
            best[key] = max(filter(isfinite, means), default=nan)
    rows: list[TableRow] = []
    for line in lines:
        dim = "–" if line.dim is None else f"{line.dim:,}"
        cells = [TableCell(text) for text in (line.name, dim)[: len(heads)]]
        for key, _, form in shown:
            value = line.values.get(key)
            text = "–" if value is None else value.text(form)
            is_best = value is not None and float(f"{value.mean:{form}}") == best.get(key)
            cells.append(TableCell(text, is_best))
        rows.append(TableRow(tuple(cells), line.is_baseline))
    return ResultTable((*heads, *(title for _, title, _ in shown)), 1, tuple(rows))


def _machine(result: Result) -> str:
    hardware, versions = result.provenance.hardware, result.provenance.versions
    cores = "1 core" if hardware.get("cores") == 1 else f"{hardware.get('cores')} cores"
    where = hardware.get("gpu") or f"{cores} of {hardware.get('processor')}"
    return f"{where}, torch {versions.get('torch')}"
