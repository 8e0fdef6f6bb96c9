"""Scores of few examples: repeated cross-validation over both splits, with an interval.

Networks, and baselines such as PCA, are fitted on the training split and stay as they are; only
labels are divided, again and again. So four fifths or more of the examples that are scored were
seen in training, without their labels. `test_split` in the details has what the test split alone
says, whose examples no network has seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...data.dataset import Dataset
from ..classifiers.label_subsets import class_sizes
from ..result import FEW_HELD_OUT, Metric, wilson_interval

if TYPE_CHECKING:
    from .registry import Measurement, Protocol, Task

FOLDS, REPEATS, SEED = 5, 2, 0
"""Parts of which each is held out once, divisions into parts, and the seed of the divisions."""

FEW_IN_ALL = 2000
"""Examples of both splits up to which they are divided again."""


def groups_of(dataset: Dataset) -> Tensor | None:
    """Returns the groups of both splits; None where another split may not take the place of theirs.

    Args:
        dataset: The data.
    """
    parts = [dataset.train.groups, dataset.test.groups]
    known = [part for part in parts if part is not None]
    return torch.cat(known) if len(known) == len(parts) else None


def has_few(task: Task) -> bool:
    """Whether so few examples are held out that one split says little, and others may be made."""
    num_test = len(task.test_labels)
    is_few = num_test < FEW_HELD_OUT and num_test + len(task.labels) <= FEW_IN_ALL
    return is_few and task.views == 1 and task.groups is not None


def cross_validate_labels(protocol: Protocol, task: Task) -> Measurement:
    """Measures a protocol of labels by repeated stratified cross-validation over both splits.

    Each metric is the mean over all parts. The interval of an accuracy is Wilson's of as many
    examples as there are; that of another metric is the corrected one of repeated cross-validation,
    which allows for training parts that overlap. What else the protocol reports is of the split
    that there is, except accuracies by class, which are means, and warnings, which are all of them.

    Source: Bouckaert and Frank, PAKDD 2004; Nadeau and Bengio, Machine Learning 52 (2003).

    Args:
        protocol: The protocol.
        task: Features and labels of both splits.
    """
    once = protocol.measure(task)
    x = torch.cat([task.train, task.test])
    y = torch.cat([task.labels, task.test_labels])
    found: list[Measurement] = []
    try:
        for kept, held in _folds(y, task.groups):
            protocol.check_labels(y[kept])
            part = replace(
                task, train=x[kept], labels=y[kept], test=x[held], test_labels=y[held], groups=None
            )
            found.append(protocol.measure(part))
    except ConfigError:  # too few of a class for other splits
        return once
    if not found:
        return once
    about = {
        "folds": round(len(found) / REPEATS),
        "repeats": REPEATS,
        "examples": len(y),
        "seed": SEED,
        "test_split": {metric.name: metric.value for metric in once.metrics},
    }
    details = {**once.details, "cross_validation": about}
    if per_class := once.details.get("accuracy_per_class"):
        parts = [part.details["accuracy_per_class"] for part in found]
        details["accuracy_per_class"] = _means(parts, len(per_class))
    signs = [sign for part in (once, *found) for sign in part.details.get("warnings", ())]
    if signs:
        details["warnings"] = list(dict.fromkeys(signs))
    metrics = tuple(_mean(metric, found, len(y)) for metric in once.metrics)
    return replace(once, metrics=metrics, details=details)


def _folds(labels: Tensor, groups: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
    """The places of kept and of held-out examples, part by part and division by division.

    There are none where no class has two examples, or all are of one group.
    """
    assert groups is not None, "other splits may be made"
    selection: Any = import_module("sklearn.model_selection")
    num = min(FOLDS, max(class_sizes(labels).values()), len(class_sizes(groups)))
    if num < 2:
        return
    is_grouped = len(class_sizes(groups)) < len(groups)
    split = selection.StratifiedGroupKFold if is_grouped else selection.StratifiedKFold
    places = np.arange(len(labels))
    for repeat in range(REPEATS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a class of fewer examples than parts
            parts = split(num, shuffle=True, random_state=SEED + repeat)
            for kept, held in parts.split(places, labels.numpy(), groups.numpy()):
                if len(held):
                    yield torch.as_tensor(kept), torch.as_tensor(held)


def _mean(metric: Metric, found: Sequence[Measurement], num: int) -> Metric:
    """The mean of a metric over all parts, with its interval."""
    known = [m.value for part in found for m in part.metrics if m.name == metric.name]
    values = np.array([value for value in known if value is not None])
    if not len(values):
        return metric
    mean = float(values.mean())
    if metric.interval is not None and metric.name == "accuracy":
        return replace(metric, value=mean, interval=wilson_interval(mean, num))
    return replace(metric, value=mean, interval=_corrected_interval(values, metric.unit))


def _corrected_interval(values: Any, unit: str) -> tuple[float, float] | None:
    """The 95 % interval of a mean over the parts of repeated cross-validation."""
    if len(values) < 2:
        return None
    folds = max(round(len(values) / REPEATS), 2)
    variance = (1 / len(values) + 1 / (folds - 1)) * values.var(ddof=1)
    student: Any = import_module("scipy.stats").t
    half = float(student.ppf(0.975, len(values) - 1) * variance**0.5)
    low, high = float(values.mean()) - half, float(values.mean()) + half
    return (max(low, 0.0), min(high, 100.0)) if unit == "%" else (low, high)


def _means(parts: Sequence[Sequence[float | None]], length: int) -> list[float | None]:
    """The mean of each class over the parts in which it is defined."""
    columns = ([part[n] for part in parts if n < len(part)] for n in range(length))
    known = ([value for value in column if value is not None] for column in columns)
    return [float(np.mean(values)) if values else None for values in known]
