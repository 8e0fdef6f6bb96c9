"""What a protocol is, and how one is added. A name pins every constant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.registry import Registry
from ...data.dataset import Dataset
from ..classifiers.label_subsets import class_sizes
from ..result import Metric, ProtocolRecord, Provenance, Result, Subject, wilson_interval
from .few_examples import cross_validate_labels, has_few

Need = Literal["labels", "targets", "reconstruct", "sample"]
OF_FEATURES = ("labels", "targets")
"""What protocols of features need of the data."""

Values = Mapping[str, float | None] | list[Metric]
"""What a protocol measured: values by the names of its declared metrics, or whole metrics."""
Scores = Values | tuple[Values, Mapping[str, Any]]
"""What a protocol returns: its values, alone or with details that are ready for JSON."""

ACCURACY = Metric("accuracy", "accuracy", unit="%", direction="higher")


@dataclass(frozen=True)
class Task:
    """Features of two splits, with labels or targets.

    Attributes:
        train: float32 `(V M, D)`.
        labels: Labels of the training split, int64 `(M,)`; for a protocol of targets these,
            float64 `(M, K)`.
        test: float32 `(N, D)`.
        test_labels: Those of the test split, `(N,)` or `(N, K)`.
        device: The device on which it is best computed.
        views: V, the number of views of each training example: row v M + i of `train` is the v-th
            view of example i, of M that are labelled.
        groups: Group of each training and then each test example, int64 `(M + N,)`, which stay on
            one side of any other split of all of them; None where no other may be made, since the
            test split is published.
        common_scale: The number that all columns are divided by where a protocol standardises
            them, so that principal components are not whitened; None to divide each by its own
            deviation.
    """

    train: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    device: torch.device | str = "cpu"
    views: int = 1
    groups: Tensor | None = None
    common_scale: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What a protocol found on one subject; `measurement["accuracy"]` is a value or a detail."""

    metrics: tuple[Metric, ...]
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __getitem__(self, name: str) -> Any:
        values = {metric.name: metric.value for metric in self.metrics}
        return values[name] if name in values else self.details[name]


@dataclass(frozen=True)
class Protocol:
    """A way to measure, with every constant pinned; its fields are as `register_protocol` says."""

    name: str
    summary: str
    needs: Need
    constants: Mapping[str, Any]
    source: str
    function: Callable[..., Scores]
    metrics: tuple[Metric, ...]
    quick: bool
    demands: Callable[[Tensor], None] | None
    takes_views: bool
    reference: Literal["run", "inception"]

    @property
    def record(self) -> ProtocolRecord:
        """The protocol as results name it."""
        return ProtocolRecord(self.name, self.summary, dict(self.constants), self.source)

    def measure(self, *subject: Any) -> Measurement:
        """Measures one subject, whose form is that of `register_protocol`.

        Values get the titles, units and directions that the protocol declares.
        """
        scores = self.function(*subject, **self.constants)
        values, details = scores if isinstance(scores, tuple) else (scores, dict[str, Any]())
        if isinstance(values, list):
            return Measurement(tuple(values), details)
        known = {metric.name: metric for metric in self.metrics}
        metrics = tuple(
            replace(known.get(name, Metric(name, name.replace("_", " "))), value=value)
            for name, value in values.items()
        )
        return Measurement(metrics, details)

    def result(
        self, subject: Subject, found: Measurement, provenance: Provenance, seconds: float
    ) -> Result:
        """What was found of a subject, as files hold it."""
        seconds = round(seconds, 2)
        return Result(self.record, subject, found.metrics, provenance, seconds, found.details)

    def check(self, capabilities: Collection[str], dataset: Dataset) -> None:
        """Refuses data, and a method by its capabilities (none for features alone).

        Raises:
            ConfigError: Something that the protocol needs is missing, such as labels, or enough of
                them.
        """
        if self.needs == "labels" and not dataset.has_labels:
            quick = [p.name for p in PROTOCOLS.values() if p.quick and p.needs in capabilities]
            remedy = f"use {' or '.join(quick)}" if quick else "give them some"
            raise ConfigError(f"{self.name} needs labels, and {dataset.name} has none; {remedy}.")
        if self.needs == "targets" and not dataset.has_targets:
            raise ConfigError(
                f"{self.name} needs real-valued targets, and {dataset.name} has none; name their"
                " column with --data.target-column."
            )
        if self.needs not in (*OF_FEATURES, *capabilities):
            known = ", ".join(sorted(capabilities)) or "nothing but features"
            raise ConfigError(
                f"{self.name} needs a method that can {self.needs}; this one can do: {known}."
            )
        if self.needs == "labels" and dataset.train.labels is not None:
            self.check_labels(dataset.train.labels)

    def check_labels(self, labels: Tensor) -> None:
        """Refuses training labels that are too few.

        Raises:
            ConfigError: There are fewer than two classes, or than the protocol demands.
        """
        if len(class_sizes(labels)) < 2:
            raise ConfigError(
                f"{self.name} needs two classes or more; all {len(labels)} training examples have"
                f" label {int(labels[0])}."
            )
        try:
            if self.demands is not None:
                self.demands(labels)
        except ConfigError as error:
            raise ConfigError(f"{self.name}: {error}") from error

    def check_views(self, views: int) -> None:
        """Refuses several views of an example where the protocol takes one.

        Raises:
            ConfigError: It takes one; the message names those that take more.
        """
        if views > 1 and not self.takes_views:
            able = ", ".join(other.name for other in PROTOCOLS.values() if other.takes_views)
            raise ConfigError(
                f"{self.name} takes one view of each training example; leave out --views, or"
                f" measure by one of: {able}."
            )


PROTOCOLS: Registry[Protocol] = Registry("protocol")
"""All protocols, in the order in which they are measured and shown."""


def register_protocol(
    needs: Need,
    summary: str,
    source: str,
    *,
    metrics: Sequence[Metric] = (),
    constants: Mapping[str, Any] | None = None,
    name: str | None = None,
    quick: bool = False,
    demands: Callable[[Tensor], None] | None = None,
    takes_views: bool = False,
    reference: Literal["run", "inception"] = "run",
) -> Callable[[Callable[..., Scores]], Protocol]:
    """Makes a function a protocol; that is all there is to adding one, from any package.

    The function is called with the constants as keywords, after what it needs: `labels` and
    `targets` give a `Task`; `reconstruct` gives `(maps, dataset, device)`; `sample` gives
    `(generated, real, device)`, features `(N, D)` of the samples drawn and of the test split. It
    returns `{name: value}` or a list of `Metric`, alone or in a pair with a dictionary of details.

    Args:
        needs: What of the data or the method it measures.
        summary: One line on what it measures.
        source: The paper or code that it follows.
        metrics: The metrics by whose names it returns values; the first is the headline. A value
            without a declaration is shown under its name.
        constants: Every constant, by name; those of samples have `num_generated` and `seed`.
        name: The protocol's name; the function's own by default.
        quick: Whether it is measured where no protocol is named.
        demands: Refuses training labels `(M,)` that are too few.
        takes_views: Whether it can learn from several views of an example.
        reference: The features in which samples are compared.

    Raises:
        ConfigError: Another protocol has this name.
    """

    def register(function: Callable[..., Scores]) -> Protocol:
        made = Protocol(
            name or function.__name__,
            summary,
            needs,
            dict(constants or {}),
            source,
            function,
            tuple(metrics),
            quick,
            demands,
            takes_views,
            reference,
        )
        return PROTOCOLS.add(made.name, made, definition=function)

    return register


find_protocol = PROTOCOLS.find
"""Returns the protocol of a name; if there is none, the error suggests the nearest name."""


def classify(
    protocol: Protocol,
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    *,
    device: torch.device | str = "cpu",
    views: int = 1,
    groups: Tensor | None = None,
    common_scale: float | None = None,
) -> Measurement:
    """Fits on one split and scores on the other; the arguments are those of a `Task`.

    Where few examples are held out, labels are scored by `cross_validated` instead. Products are on
    the device; logistic regression and k-means are on the CPU.

    Raises:
        ConfigError: The protocol measures no features, or there are too few labels.
    """
    if protocol.needs not in OF_FEATURES:
        raise ConfigError(f"{protocol.name} classifies nothing; it needs a method, not features.")
    if protocol.needs == "labels":
        protocol.check_labels(train_labels)
    protocol.check_views(views)
    if views < 1 or len(train_features) != views * len(train_labels):
        raise ConfigError(
            f"{len(train_features)} rows of features are not {views} for each of"
            f" {len(train_labels)} labels."
        )
    task = Task(
        train_features,
        train_labels,
        test_features,
        test_labels,
        device,
        views,
        groups,
        common_scale,
    )
    if protocol.needs == "labels" and has_few(task):
        return cross_validate_labels(protocol, task)
    return protocol.measure(task)


def accuracy_of(
    predictions: Tensor, task: Task, metrics: Sequence[Metric] = (), **details: Any
) -> tuple[list[Metric], dict[str, Any]]:
    """The accuracy of the labels that the test split was given, whole and by class.

    Args:
        predictions: The labels given, `(N,)`.
        task: The features and labels.
        metrics: Further metrics, which follow the accuracy.
        **details: Further details.
    """
    correct = predictions == task.test_labels
    num_classes = int(max(task.labels.max(), task.test_labels.max())) + 1
    per_class = [percent(correct[task.test_labels == label]) for label in range(num_classes)]
    value = percent(correct)
    interval = None if value is None else wilson_interval(value, len(correct))
    accuracy = replace(ACCURACY, value=value, interval=interval)
    return [accuracy, *metrics], {"accuracy_per_class": per_class, **details}


def warnings_of(*, converged: bool, at_grid_end: bool = False) -> list[str]:
    """Signs of trouble in a fit, in the words that tables show."""
    signs = {"not converged": not converged, "best constant at the grid's end": at_grid_end}
    return [words for words, is_so in signs.items() if is_so]


def percent(correct: Tensor) -> float | None:
    """The percentage of a bool tensor that is true; None of an empty one."""
    return 100 * int(correct.sum()) / len(correct) if len(correct) else None
