"""Results of runs as a table: means over seeds, with baselines and published values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from statistics import mean, stdev

from ..evaluation.result import Metric, Result
from .experiment import Experiment
from .run_records import GENERATION, RECONSTRUCTION, RunResult, layer_of

TITLES = {
    "linear_lbfgs": "linear probe",
    "knn_sweep": "k-NN",
    "knn1_euclidean": "1-NN",
    "svm_l2": "L2-SVM",
    "kmeans": "k-means",
}
COST_COLUMNS = ("run", "images shown", "precision", "training, s", "images/s", "measuring, s")
DRAWN = {
    f"{GENERATION}/frechet": ("Fréchet", ".3g"),
    f"{GENERATION}/kid": ("KID", ".3g"),
    f"{GENERATION}/precision": ("precision", ".1f"),
    f"{GENERATION}/recall": ("recall", ".1f"),
    f"{RECONSTRUCTION}/ratio_real": ("reconstruction", ".2f"),
}
"""Columns of what runs draw, by `protocol/metric`: titles and formats."""

_WEIGHTS = {"raw": ", last weights", "ema": ", averaged weights"}


@dataclass(frozen=True)
class Value:
    """A number over seeds.

    Attributes:
        mean: Their mean; NaN if one of them is no number.
        deviation: The sample deviation; None for one seed.
        low: The smallest.
        high: The largest.
        num: The number of seeds.
    """

    mean: float
    deviation: float | None
    low: float
    high: float
    num: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Value:
        """One value or more."""
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
    """A row of a table.

    Attributes:
        name: What was measured.
        dim: The number of features, where it has any.
        values: By protocol the headline, by `protocol/metric` its other metrics.
        is_baseline: Whether it is something that was not trained.
        published: The paper's value, where there is one.
    """

    name: str
    dim: int | None
    values: Mapping[str, Value]
    is_baseline: bool
    published: float | None = None


@dataclass(frozen=True)
class Summary:
    """An experiment, as far as it is made.

    Attributes:
        experiment: Which one.
        runs: The runs that are done.
        baselines: Results of features that need no training.
        changed: What the user changed of the experiment's own settings, one text each.
        num_runs: The number of planned runs.
        command: The command that makes it again, or goes on with it.
    """

    experiment: Experiment
    runs: tuple[RunResult, ...]
    baselines: tuple[Result, ...]
    changed: tuple[str, ...]
    num_runs: int
    command: str

    @property
    def results(self) -> list[Result]:
        """All results of runs, then of baselines."""
        return [*(result for run in self.runs for result in run.results), *self.baselines]

    @property
    def title(self) -> str:
        """The experiment's title with the name of its data."""
        return f"{self.experiment.title}, on {self.results[0].provenance.data.name}"

    @property
    def caption(self) -> str:
        """What was trained for how long, and every setting that is not the experiment's own."""
        texts = [f"{self._trained}."] if self.runs else []
        if self.changed:
            texts.append(f"Changed from the experiment's own settings: {'; '.join(self.changed)}.")
        precisions = sorted({run.precision for run in self.runs})
        if len(precisions) > 1:
            texts.append(
                f"Runs were trained in {' and in '.join(precisions)}, by what the machine is faster"
                " at."
            )
        return " ".join(texts)

    @cached_property
    def lines(self) -> list[Line]:
        """Runs layer by layer; then the same networks untrained; then baselines."""
        trained, untrained = _Grouped(), _Grouped()
        for run in self._by_spec:
            label, published = self.label(run), self.experiment.published.get(run.name)
            for result in run.results:
                subject = result.subject
                if result.protocol.name not in self.experiment.protocols:
                    continue
                if subject.kind == "model":
                    of = "" if self.experiment.weights else _WEIGHTS[str(subject.weights)]
                    trained.add(f"{label}: {subject.name}{of}", result, published)
                elif subject.kind == "untrained":
                    untrained.add(f"{label} untrained: {layer_of(result)}", result)
        baselines = _Grouped()
        for result in self.baselines:
            baselines.add(result.subject.name, result)
        return [*trained.lines(), *untrained.lines(), *baselines.lines()]

    @cached_property
    def drawn(self) -> list[Line]:
        """Samples and reconstructions of runs; then what was not drawn, of the first run."""
        drawn, others = _Grouped(), _Grouped()
        first: RunResult | None = None
        for run in self._by_spec:
            for result in run.results:
                if result.protocol.name not in (GENERATION, RECONSTRUCTION):
                    continue
                if result.subject.kind == "model":
                    of = "" if self.experiment.weights else _WEIGHTS[str(result.subject.weights)]
                    drawn.add(f"{self.label(run)}{of}", result)
                elif result.protocol.name == GENERATION and first in (None, run):
                    first = run
                    others.add(f"{result.subject.name} (not drawn)", result)
        return [*drawn.lines(), *others.lines()]

    @property
    def columns(self) -> list[str]:
        """The heads of `texts`."""
        names = [TITLES.get(protocol, protocol) for protocol in self.experiment.protocols]
        return ["features", "dimensions", *names, *([self.published_title] * self._is_published)]

    def texts(self, line: Line) -> list[str]:
        """A row of the table, with a dash where there is nothing."""
        shown = [line.name, "–" if line.dim is None else f"{line.dim:,}"]
        form = f".{self.digits}f"
        for protocol in self.experiment.protocols:
            value = line.values.get(protocol)
            nmi = line.values.get(f"{protocol}/nmi")
            text = "–" if value is None else value.text(form)
            shown.append(text if nmi is None else f"{text} ({nmi.text(form)})")
        if self._is_published:
            shown.append("–" if line.published is None else f"{line.published:{form}}")
        return shown

    @property
    def drawn_columns(self) -> list[str]:
        """The keys in `DRAWN` of the metrics that some run has."""
        return [key for key in DRAWN if any(key in line.values for line in self.drawn)]

    def drawn_texts(self, line: Line) -> list[str]:
        """A row of the table of what runs draw, below the titles of `drawn_columns`."""
        values = [(DRAWN[key][1], line.values.get(key)) for key in self.drawn_columns]
        return [line.name, *("–" if value is None else value.text(form) for form, value in values)]

    @property
    def drawn_caption(self) -> str:
        """What the table of samples and reconstructions says."""
        texts: list[str] = []
        named = [run for run in self.experiment.runs if run.name == self.experiment.reference_model]
        if named and any(_is(result, GENERATION) for result in self.results):
            texts.append(
                "Samples are compared with the held-out data in features of"
                f" {named[0].name} ({named[0].layers[0]}): Fréchet and kernel distance (KID), where"
                " less is better, precision and recall in %."
            )
        if any(_is(result, RECONSTRUCTION) for result in self.results):
            texts.append(
                "Reconstruction: its error over that of shuffled pairs; 1 knows nothing of its"
                " input, 0 is perfect."
            )
        return " ".join(texts)

    def cost_texts(self) -> list[list[str]]:
        """Below `COST_COLUMNS`, a row for each run and seed."""
        return [
            [
                self.label(run) if run.seed == 0 else f"{self.label(run)}, seed {run.seed}",
                f"{run.images:,}",
                run.precision,
                f"{run.cost.training_seconds:,.0f}",
                f"{run.cost.images_per_second:,.0f}" if run.cost.images_per_second else "–",
                f"{run.cost.measuring_seconds:,.0f}",
            ]
            for run in self.runs
        ]

    @property
    def digits(self) -> int:
        """Decimals of accuracies: the paper's, or as many as 10,000 test examples tell apart."""
        return 2 if self._is_published else 1

    @property
    def published_title(self) -> str:
        """The head of the paper's column, with its data where these are others."""
        ours, theirs = self.results[0].provenance.data.name, self.experiment.settings["data.source"]
        where = "" if ours == theirs else f" on {theirs}"
        return f"paper{where}, {self.experiment.published_budget}"

    def best(self, protocol: str) -> float | None:
        """The highest mean, rounded as it is shown."""
        there = [line.values[protocol].mean for line in self.lines if protocol in line.values]
        return max((round(value, self.digits) for value in there), default=None)

    @property
    def machines(self) -> list[str]:
        """What was measured on, each once."""
        shown = [result for run in self.runs for result in run.results]
        return list(dict.fromkeys(_machine(result) for result in shown))

    def label(self, run: RunResult) -> str:
        """The name of a run, with its preset where there are several of that name."""
        presets = {other.preset for other in self.runs if other.name == run.name}
        return f"{run.name}, {run.preset}" if len(presets) > 1 else run.name

    @property
    def _by_spec(self) -> list[RunResult]:
        """Runs in the order of the experiment, seeds of one next to each other."""
        names = [spec.name for spec in self.experiment.runs]
        return sorted(self.runs, key=lambda run: names.index(run.name))

    @property
    def _is_published(self) -> bool:
        return bool(self.experiment.published)

    @property
    def _trained(self) -> str:
        """Such as `25 epochs, preset official, bf16, 3 seeds`."""
        counts = [
            _counted([str(run.epochs) for run in self.runs], "epoch", "epochs"),
            "preset " + " or ".join(dict.fromkeys(run.preset for run in self.runs)),
            " or ".join(sorted({run.precision for run in self.runs})),
        ]
        num_seeds = len({run.seed for run in self.runs})
        return ", ".join([*counts, f"{num_seeds} seed{'s' if num_seeds > 1 else ''}"])


class _Grouped:
    """Results by the name of their row, in order, one for each seed."""

    def __init__(self) -> None:
        self._found: dict[str, list[Result]] = {}
        self._published: dict[str, float | None] = {}

    def add(self, name: str, result: Result, published: float | None = None) -> None:
        """Puts a result into its row."""
        self._found.setdefault(name, []).append(result)
        self._published[name] = published

    def lines(self) -> list[Line]:
        """The rows with means over seeds."""
        lines: list[Line] = []
        for name, results in self._found.items():
            scores: dict[str, list[float]] = {}
            for result in results:
                for key, metric in _by_key(result).items():
                    if metric.value is not None:
                        scores.setdefault(key, []).append(metric.value)
            values = {key: Value.of(found) for key, found in scores.items()}
            first = results[0].subject
            is_baseline = first.kind != "model"
            lines.append(Line(name, first.dim, values, is_baseline, self._published[name]))
        return lines


def _by_key(result: Result) -> dict[str, Metric]:
    """Metrics that tables show, by `protocol/name`; the headline of features by `protocol`."""
    name = result.protocol.name
    found = {f"{name}/{metric.name}": metric for metric in result.metrics}
    if name in (GENERATION, RECONSTRUCTION):
        return {key: metric for key, metric in found.items() if key in DRAWN}
    others = {key: x for key, x in found.items() if x.direction != "none"}
    others.pop(f"{name}/{result.headline.name}", None)
    return {name: result.headline, **others}


def _is(result: Result, protocol: str) -> bool:
    return result.protocol.name == protocol and result.subject.kind == "model"


def _counted(numbers: Sequence[str], one: str, several: str) -> str:
    text = " or ".join(dict.fromkeys(numbers))
    return f"{text} {one if text == '1' else several}"


def _machine(result: Result) -> str:
    hardware = result.provenance.hardware
    cores = "1 core" if hardware["cores"] == 1 else f"{hardware['cores']} cores"
    where = hardware["gpu"] or f"{cores} of {hardware['processor']}"
    return f"{where}, torch {result.provenance.versions['torch']}"
