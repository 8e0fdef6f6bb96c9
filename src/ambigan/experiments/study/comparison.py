"""What a study found: a row for each layer of each arm, beside what needs no training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..values import Value, value_of
from .design import Study

TITLES = {
    "linear_lbfgs": "linear probe",
    "knn_sweep": "k-NN",
    "svm_l2": "L2-SVM",
    "kmeans": "k-means",
}
DIGITS = 1
"""After the point, in the table."""

NMI = "nmi"
"""Mutual information, which k-means gives beside its accuracy."""


@dataclass(frozen=True)
class Finding:
    """One run, measured.

    Attributes:
        arm: by name.
        seed: of the run.
        records: of the study's protocols, by name, without times.
        images: real images that the measured network was shown.
        cost: seconds, and images a second.
        points: accuracy of the first layer, by images shown.
        drawn: the record of samples in the judge's features, where there is one.
        reconstructed: the record of reconstructions.
    """

    arm: str
    seed: int
    records: Mapping[str, Mapping[str, Any]]
    images: int
    cost: Mapping[str, Any]
    points: Sequence[tuple[int, float]]
    drawn: Mapping[str, Any] | None = None
    reconstructed: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Line:
    """A row of the table.

    Attributes:
        name: what was measured.
        dim: its dimensions.
        values: by protocol, and `kmeans/nmi`.
        is_baseline: and not something trained.
    """

    name: str
    dim: int
    values: Mapping[str, Value]
    is_baseline: bool


@dataclass(frozen=True)
class Comparison:
    """A study, as far as it is made.

    Attributes:
        study: which.
        findings: of the runs that are done.
        baselines: records of raw values and PCA, by protocol.
        num_runs: planned.
        command: that makes it again, or goes on with it.
    """

    study: Study
    findings: tuple[Finding, ...]
    baselines: Mapping[str, Mapping[str, Any]]
    num_runs: int
    command: str

    @property
    def title(self) -> str:
        """Of the study, with its data."""
        return f"{self.study.title}, on {self.data['name']}"

    @property
    def data(self) -> Mapping[str, Any]:
        """Name, size and hash."""
        return next(iter(self.baselines.values()))["data"]

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """Of all runs and protocols."""
        return [record for finding in self.findings for record in finding.records.values()]

    @property
    def lines(self) -> list[Line]:
        """Arms from top to bottom, layer by layer; then what needs no training."""
        trained: list[Line] = []
        untrained: list[Line] = []
        for arm in self.study.arms:
            seeds = [finding.records for finding in self.findings if finding.arm == arm.name]
            if not seeds:
                continue
            trained += [_line(arm.name, layer, seeds) for layer in arm.layers]
            if arm.untrained:
                name = f"{arm.name} untrained"
                untrained += [_line(name, f"random {layer}", seeds) for layer in arm.layers]
        names = [row["features"] for row in next(iter(self.baselines.values()))["rows"]]
        return [*trained, *untrained, *(_line("", name, [self.baselines]) for name in names)]

    def texts(self, line: Line) -> list[str]:
        """A row as texts, a dash where nothing was measured."""
        shown = [line.name, f"{line.dim:,}"]
        for protocol in self.study.protocols:
            value = line.values.get(protocol)
            text = "–" if value is None else value.text(DIGITS)
            nmi = line.values.get(f"{protocol}/{NMI}")
            shown.append(text if nmi is None else f"{text} ({nmi.text(DIGITS)})")
        return shown

    @property
    def columns(self) -> list[str]:
        """Above the texts."""
        names = [TITLES.get(protocol, protocol) for protocol in self.study.protocols]
        return ["features", "dimensions", *names]

    def best(self, protocol: str) -> float:
        """The highest mean, rounded as it is shown."""
        return max(
            round(line.values[protocol].mean, DIGITS)
            for line in self.lines
            if protocol in line.values
        )

    def cost_rows(self) -> list[list[str]]:
        """Arm, images shown, precision, seconds of training, images a second; a run a row."""
        return [
            [
                of_seed(finding),
                f"{finding.images:,}",
                str(finding.cost["precision"]),
                f"{finding.cost['training_seconds']:,.0f}",
                f"{finding.images / max(finding.cost['training_seconds'], 1e-9):,.0f}",
            ]
            for finding in self.findings
        ]

    @property
    def mixture(self) -> str:
        """A warning where runs differ in precision; nothing where they do not."""
        found = sorted({str(finding.cost["precision"]) for finding in self.findings})
        if len(found) < 2:
            return ""
        return f"Runs were trained in {' and in '.join(found)}, by what the machine is faster at."

    @property
    def drawn_words(self) -> str:
        """What the table of samples says, in which features, and that of reconstructions."""
        words: list[str] = []
        if (judge := self.study.judge) and self.has_samples:
            words.append(
                f"10,000 samples against the held-out data in features of {judge.name}"
                f" ({judge.layers[0]}): Fréchet and kernel distance (KID), where less is better,"
                " precision and recall in %."
            )
        if self._reconstructs:
            words.append("Reconstruction: its error over that of shuffled pairs.")
        return " ".join(words)

    def drawn_rows(self) -> tuple[list[list[str]], list[list[str]]]:
        """What is drawn, a run a row, and stand-ins; a dash where nothing was measured.

        Columns are `drawn_columns`.
        """
        drawn = [finding for finding in self.findings if finding.drawn or finding.reconstructed]
        samples = [finding.drawn["rows"] if finding.drawn else None for finding in drawn]
        stand_ins = next((rows[1:] for rows in samples if rows), [])
        return [
            [of_seed(finding), *self._scores(rows and rows[0]), *self._ratio(finding)]
            for finding, rows in zip(drawn, samples, strict=True)
        ], [
            [f"{row['features']} (not drawn)", *self._scores(row), *self._ratio(None)]
            for row in stand_ins
        ]

    @property
    def drawn_columns(self) -> list[str]:
        """Above them; without those in which nothing stands."""
        scores = ["samples of", *SAMPLE_COLUMNS] if self.has_samples else ["drawn by"]
        return scores + ["reconstruction"] * self._reconstructs

    @property
    def has_samples(self) -> bool:
        """Whether any were compared with data."""
        return any(finding.drawn for finding in self.findings)

    @property
    def _reconstructs(self) -> bool:
        return any(finding.reconstructed for finding in self.findings)

    def _scores(self, row: Mapping[str, Any] | None) -> list[str]:
        """Distances, precision and recall, if there are columns for them."""
        if not self.has_samples:
            return []
        if row is None:
            return ["–"] * len(SAMPLE_COLUMNS)
        far = [f"{row['frechet']:.3g}", f"{row['kid']:.3g}"]
        return [*far, f"{row['precision']:.1f}", f"{row['recall']:.1f}"]

    def _ratio(self, finding: Finding | None) -> list[str]:
        """The error of its reconstructions over that of shuffled pairs, if there is a column."""
        if not self._reconstructs:
            return []
        record = finding and finding.reconstructed
        return [f"{record['rows'][0]['ratio_real']:.2f}" if record else "–"]


SAMPLE_SCORES = ("frechet", "kid", "precision", "recall")
SAMPLE_COLUMNS = ["Fréchet", "KID", "precision", "recall"]
COST_COLUMNS = ["run", "images shown", "precision", "training, s", "images/s"]


def of_seed(finding: Finding) -> str:
    """A run by its arm, and by its seed if that is not the first."""
    return finding.arm if finding.seed == 0 else f"{finding.arm}, seed {finding.seed}"


def _line(arm: str, features: str, records: Sequence[Mapping[str, Mapping[str, Any]]]) -> Line:
    """One layer of an arm over its seeds."""
    scores: dict[str, list[float]] = {}
    dim, is_baseline = 0, True
    for record in records:
        for protocol, measured in record.items():
            for row in measured["rows"]:
                if row["features"] == features:
                    dim, is_baseline = row["dim"], row["kind"] == "baseline"
                    scores.setdefault(protocol, []).append(row["accuracy"])
                    if NMI in row:
                        scores.setdefault(f"{protocol}/{NMI}", []).append(row[NMI])
    layer = features.removeprefix("random ")
    name = f"{arm}: {layer}" if arm else layer
    values = {key: value_of(found) for key, found in scores.items()}
    return Line(name, dim, values, is_baseline)
