"""What a protocol is, and how one is made of a function. A name pins every constant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ...core.errors import ConfigError, unknown_name
from ...data.dataset import Dataset
from ..classifiers.label_subsets import class_sizes

Need = Literal["labels", "reconstruct", "sample", "encode"]
Device = torch.device | str
Scores = dict[str, Any]
"""What was measured, by name, ready for JSON; `accuracy` and the like in percent."""


@dataclass(frozen=True)
class Task:
    """Features of two labelled splits.

    Attributes:
        train: float32 `(V M, D)`.
        labels: of the training split, int64 `(M,)`.
        test: float32 `(N, D)`.
        test_labels: int64 `(N,)`.
        device: where it is best computed.
        views: V, of each training example: row v M + i of `train` is the v-th view of example i,
            of M that are labelled.
    """

    train: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    device: Device = "cpu"
    views: int = 1


@dataclass(frozen=True)
class Protocol:
    """A way to measure, with every constant pinned.

    Attributes:
        name: by which it is asked for.
        summary: one line.
        needs: labels of the data, or capabilities of the method.
        constants: all of them, by name.
        source: of the protocol.
        measure: what is called, with the constants.
        quick: whether it is measured where no protocol is named.
        demands: refuses training labels `(M,)` that are too few.
        takes_views: it can learn from several views of an example.
    """

    name: str
    summary: str
    needs: frozenset[Need]
    constants: Mapping[str, Any]
    source: str
    measure: Callable[..., Any]
    quick: bool = False
    demands: Callable[[Tensor], None] = field(default=lambda _labels: None)
    takes_views: bool = False

    def check(self, capabilities: Collection[str], dataset: Dataset) -> None:
        """Refuses what the protocol cannot measure.

        Args:
            capabilities: of the method; none for features alone.
            dataset: that it is to be measured on.

        Raises:
            ConfigError: something that the protocol needs is missing, such as labels, or enough of
                them.
        """
        if "labels" in self.needs and not dataset.has_labels:
            quick = [p.name for p in PROTOCOLS.values() if p.quick and p.needs <= set(capabilities)]
            remedy = f"use {' or '.join(quick)}" if quick else "give them some"
            raise ConfigError(f"{self.name} needs labels, and {dataset.name} has none; {remedy}.")
        if missing := sorted(self.needs - {"labels", *capabilities}):
            known = ", ".join(sorted(capabilities)) or "nothing but features"
            raise ConfigError(
                f"{self.name} needs a method that can {' and '.join(missing)}; this one can do:"
                f" {known}."
            )
        if "labels" in self.needs and dataset.train.labels is not None:
            self.check_labels(dataset.train.labels)

    def check_labels(self, labels: Tensor) -> None:
        """Refuses training labels that are too few.

        Raises:
            ConfigError: there are fewer than two classes, or than the protocol demands.
        """
        if len(class_sizes(labels)) < 2:
            raise ConfigError(
                f"{self.name} needs two classes or more; all {len(labels)} training examples have"
                f" label {int(labels[0])}."
            )
        try:
            self.demands(labels)
        except ConfigError as error:
            raise ConfigError(f"{self.name}: {error}") from error


PROTOCOLS: dict[str, Protocol] = {}
"""All of them, in the order in which they are measured and shown."""


def find_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.
    """
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def protocol(
    needs: Need,
    summary: str,
    source: str,
    *,
    quick: bool = False,
    demands: Callable[[Tensor], None] = lambda _labels: None,
    name: str | None = None,
    takes_views: bool = False,
    **constants: Any,
) -> Callable[[Callable[..., Any]], Protocol]:
    """Makes a protocol of a function, under its own name or another."""

    def make(function: Callable[..., Any]) -> Protocol:
        return Protocol(
            name or function.__name__,
            summary,
            frozenset({needs}),
            constants,
            source,
            function,
            quick,
            demands,
            takes_views,
        )

    return make


def scores_of(predictions: Tensor, task: Task, **notes: Any) -> Scores:
    """The accuracy of labels given to the test split, whole and by class, and what is noted."""
    correct = predictions == task.test_labels
    num_classes = int(max(task.labels.max(), task.test_labels.max())) + 1
    per_class = [percent(correct[task.test_labels == label]) for label in range(num_classes)]
    return {"accuracy": percent(correct), "accuracy_per_class": per_class, **notes}


def percent(correct: Tensor) -> float | None:
    """How many of a bool tensor are true; None of an empty one."""
    return 100 * int(correct.sum()) / len(correct) if len(correct) else None
