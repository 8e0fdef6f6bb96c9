"""What a measurement found: typed, self-describing, and written and read in one place.

A `Result` is one subject (a layer, samples, a baseline) under one protocol. Terminal tables,
pages, comparisons, experiments and `--json` are views of lists of Results: a metric carries its
own title, unit and direction, so a new one appears in all of them without a change there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["model", "untrained", "baseline"]
Direction = Literal["higher", "lower", "none"]

FEW_HELD_OUT = 200
"""Test examples below which one split says little: tables then show intervals."""

SCHEMA = 2
"""Version of the files. Version 1, of ambigan before the first release, has no such number."""


@dataclass(frozen=True)
class Metric:
    """One number that a protocol reports.

    Attributes:
        name: The key by which programs ask for it, such as `accuracy`.
        title: The words a table shows, such as `mAP`.
        value: The number in `unit`; None where it is not defined, such as for an empty class.
        unit: `%` or a word such as `s`; empty for a plain number.
        direction: Whether `higher` or `lower` values are better; `none` where neither is.
        interval: The ends of a 95 % interval in the same unit, or None where none was computed.
        digits: Decimals that a table shows.
        of: What the number describes where a protocol measures several things, such as `samples`
            beside `data`; tables then have a row for each.
    """

    name: str
    title: str
    value: float | None = None
    unit: str = ""
    direction: Direction = "none"
    interval: tuple[float, float] | None = None
    digits: int = 2
    of: str = ""

    @property
    def heading(self) -> str:
        """The title of a table's column, with the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def text(self) -> str:
        """The value as a table shows it; empty where it is not defined."""
        return "" if self.value is None else f"{self.value:,.{self.digits}f}"


@dataclass(frozen=True)
class Subject:
    """What was measured.

    Attributes:
        name: A layer such as `encoder.hidden2`, `samples`, or a baseline such as `pca50`.
        kind: Whether it belongs to the trained model, to the same networks untrained, or to a
            baseline that needs no network.
        weights: `ema` or `raw` for a model; None for a baseline.
        dim: The number of features, where it has any.
        reference_features: The features in which samples were compared, where they were.
        num: The number of samples, where samples were compared.
    """

    name: str
    kind: Kind
    weights: str | None = None
    dim: int | None = None
    reference_features: str | None = None
    num: int | None = None


@dataclass(frozen=True)
class ProtocolRecord:
    """The protocol as it was followed.

    Attributes:
        name: Its registered name.
        summary: One line on what it measures.
        constants: Every constant it pins, by name.
        source: The paper or code that it follows.
        views: The crops it was measured on, by setting; empty for whole images.
    """

    name: str
    summary: str = ""
    constants: Mapping[str, Any] = field(default_factory=dict[str, Any])
    source: str = ""
    views: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def title(self) -> str:
        """The name, with the crops if there are any."""
        return f"{self.name}, {self.views['name']}" if self.views else self.name


@dataclass(frozen=True)
class DataRecord:
    """A data set as it was read: its name, hash and sizes of the two splits."""

    name: str
    sha256: str
    num_train: int
    num_test: int


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes:
        method: The method's registered name; None for data that needed no method.
        preset: The preset that the run began from, or None.
        seed: The training seed, or None.
        images_seen: The number of examples shown in training.
        data: The data that were measured.
        trained_on: The data that the run was trained on; equal to `data` unless other data were
            given.
        versions: Versions of ambigan, torch and the libraries that scores depend on, by name.
        hardware: Processor, cores and GPU.
        asked: The layers, reference features, weights, data and framing that were asked for, by
            flag.
    """

    method: str | None
    preset: str | None
    seed: int | None
    images_seen: int | None
    data: DataRecord
    trained_on: DataRecord
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_of_other_data(self) -> bool:
        """Whether the measured data are not those of the training."""
        return self.data.sha256 != self.trained_on.sha256


@dataclass(frozen=True)
class Result:
    """One subject under one protocol.

    Attributes:
        protocol: The protocol as it was followed.
        subject: What was measured.
        metrics: The numbers, most important first: the first is the headline.
        provenance: Where it comes from.
        seconds: Time taken for features and protocol together.
        details: What else the protocol reports, ready for JSON, such as accuracy by class. Tables
            show two entries: `chosen`, the constants chosen on held-out examples, by name; and
            `warnings`, a list of signs of trouble, in words.
    """

    protocol: ProtocolRecord
    subject: Subject
    metrics: Sequence[Metric]
    provenance: Provenance
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def headline(self) -> Metric:
        """The first metric."""
        return self.metrics[0]

    @property
    def is_baseline(self) -> bool:
        """Whether the subject is not the trained model."""
        return self.subject.kind != "model"

    def metric(self, name: str) -> Metric | None:
        """The metric of that name, or None."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def value(self, name: str) -> float | None:
        """The value of the metric of that name, or None."""
        found = self.metric(name)
        return None if found is None else found.value


def wilson_interval(percent: float, num: int) -> tuple[float, float]:
    """The 95 % interval of a share of `num` examples, in percent.

    Source: Wilson (1927), the score interval.
    """
    share, squared = min(max(percent / 100, 0.0), 1.0), _NORMAL_95**2
    centre = (share + squared / (2 * num)) / (1 + squared / num)
    variance = share * (1 - share) / num + squared / (4 * num**2)
    half = _NORMAL_95 / (1 + squared / num) * variance**0.5
    return 100 * (centre - half), 100 * (centre + half)


_NORMAL_95 = 1.96
