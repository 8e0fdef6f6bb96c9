"""Protocols of a few labels of every class: what features are worth where labels cost.

All examples of the training split are at hand, and few of them are labelled: so columns are
standardised by the whole split, and logistic regression is fitted to the labelled examples alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from torch import Tensor

from ...core.errors import ConfigError
from ..classifiers.label_subsets import balanced_draw, class_sizes
from ..classifiers.logistic import fit_logistic, fit_scaler
from ..result import Metric
from .registry import Protocol, Scores, Task, register_protocol, warnings_of

BALANCED_ACCURACY = Metric("balanced_accuracy", "balanced accuracy", unit="%", direction="higher")


def _few_labels(
    task: Task, *, per_class: int, num_draws: int, seed: int, c: float, **constants: Any
) -> Scores:
    """Logistic regression on standardised features, fitted to balanced draws of labels.

    Balanced accuracy is the mean over the classes of the test split of the share that is found, so
    that it is not that of the largest class. Its interval is Student's, 95 %, of the mean over
    draws: it says how much the labels matter that happen to be drawn, not the test split. The L2
    penalty is one constant, scikit-learn's default (`C` of 1), since too few labels are there to
    choose it.
    """
    num = per_class * len(class_sizes(task.labels))
    scaler = fit_scaler(task.train, task.common_scale)
    truth = [task.test_labels == label for label in class_sizes(task.test_labels)]
    scores: list[float] = []
    has_converged = True
    for draw in range(num_draws):
        rows = balanced_draw(task.labels, num, seed, draw)
        model = fit_logistic(
            task.train[rows], task.labels[rows], l2=1 / (c * num), scaler=scaler, **constants
        )
        is_right = (model.predict(task.test) == task.test_labels).double()
        scores.append(100 * float(np.mean([float(is_right[at].mean()) for at in truth])))
        has_converged &= model.converged
    mean, deviation = float(np.mean(scores)), float(np.std(scores, ddof=1))
    student: Any = import_module("scipy.stats").t
    half = float(student.ppf(0.975, num_draws - 1)) * deviation / num_draws**0.5
    interval = max(mean - half, 0.0), min(mean + half, 100.0)
    found = replace(BALANCED_ACCURACY, value=mean, interval=interval)
    return [found], {
        "labels": num,
        "deviation_over_draws": deviation,
        "warnings": warnings_of(converged=has_converged),
    }


def _demand(labels: Tensor, per_class: int) -> None:
    """One example more of each class than is drawn, or all draws of it are the same."""
    sizes = class_sizes(labels)
    scarce = min(sizes, key=lambda label: sizes[label])
    if sizes[scarce] <= per_class:
        can_use_1 = per_class > 1 and sizes[scarce] > 1
        remedy = "use few_labels_1 or give more" if can_use_1 else "give more"
        raise ConfigError(
            f"draws of {per_class} of each class need {per_class + 1} training examples of every"
            f" class; label {scarce} has {sizes[scarce]}. Instead, {remedy}."
        )


def _make_few_labels(per_class: int) -> Protocol:
    words = "1 label" if per_class == 1 else f"{per_class} labels"
    return register_protocol(
        "labels",
        f"balanced accuracy of logistic regression on {words} of each class, mean over 20 draws",
        "ours",
        metrics=(BALANCED_ACCURACY,),
        constants={
            "per_class": per_class,
            "num_draws": 20,
            "seed": 0,
            "c": 1.0,
            "tolerance": 1e-4,
            "max_iterations": 1000,
        },
        name=f"few_labels_{per_class}",
        demands=partial(_demand, per_class=per_class),
    )(_few_labels)


few_labels_1 = _make_few_labels(1)
few_labels_10 = _make_few_labels(10)
