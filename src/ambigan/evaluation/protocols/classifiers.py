"""Protocols by linear classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ConfigError
from ..classifiers.convex import linear_svm, softmax_regression
from ..classifiers.label_subsets import balanced_draw, fraction_of_each, hold_out, number_classes
from ..classifiers.logistic import fit_logistic
from ..classifiers.model_selection import choose_and_fit
from ..classifiers.semi_supervised_svm import svm_over_draws
from ..float32_matmul import full_precision
from ..result import Metric
from .registry import ACCURACY, Protocol, Scores, Task, accuracy_of, register_protocol, warnings_of

C_GRID = [float(f"{digit}e{power}") for power in range(-6, 2) for digit in (1, 3)] + [100.0]
L2_GRID = C_GRID[::-1]
ROWS_AT_ONCE = 8192
CHOICE: dict[str, Any] = {
    "validation_fraction": 0.2,
    "seed": 0,
    "stop_errors": 2.0,
    "selection_tolerance": 1e-3,
    "tolerance": 2e-4,
    "max_iterations": 300,
}


@register_protocol(
    "labels",
    "accuracy of multinomial logistic regression on standardised features, L-BFGS",
    "ours",
    metrics=(ACCURACY,),
    constants={"l2": 1e-3, "tolerance": 1e-4, "max_iterations": 1000},
    quick=True,
)
def logistic_lbfgs(task: Task, **constants: Any) -> Scores:
    """A linear classifier, fitted on the CPU in float32; no augmentation, no validation."""
    model = fit_logistic(task.train, task.labels, common_scale=task.common_scale, **constants)
    warnings = warnings_of(converged=model.converged)
    return accuracy_of(
        model.predict(task.test), task, iterations=model.iterations, warnings=warnings
    )


def _demand_two_of_a_class(labels: Tensor) -> None:
    hold_out(labels, CHOICE["validation_fraction"], CHOICE["seed"])


@register_protocol(
    "labels",
    "accuracy of a linear L2-SVM, its C chosen on training examples held out",
    "DCGAN, arXiv 1511.06434, section 5.1; the grid, the part held out and the solver are ours",
    metrics=(ACCURACY,),
    constants={"c": C_GRID, **CHOICE},
    demands=_demand_two_of_a_class,
    takes_views=True,
)
def svm_l2(task: Task, *, c: Sequence[float], **constants: Any) -> Scores:
    """One-against-rest linear SVMs with squared hinge on features as they are.

    Exactly scikit-learn's LinearSVC, intercept included, to a relative distance of about the
    square of `tolerance` from its minimum; DCGAN's code uses that class. A fifth of each class is
    held out (DCGAN's SVHN script: 10,000 examples); C rises from the smallest until the accuracy
    there is two standard errors under the best; the last fit is to all training examples.
    `at_grid_end` says that the best C may lie beyond the grid.
    """
    places = torch.arange(len(task.labels))
    predictions, details = _classify(task, places, "C", c, **constants)
    return accuracy_of(predictions, task, **details)


def _demand_a_thousand(labels: Tensor) -> None:
    if len(labels) < 11_000:
        raise ConfigError(
            "1,000 labels and 10,000 held-out examples need 11,000 training examples; there are"
            f" {len(labels):,}."
        )
    balanced_draw(labels, 1000, 0, 0)


@register_protocol(
    "labels",
    "accuracy of a linear L2-SVM on 1,000 labels, mean over 100 draws, C chosen on 10,000 others",
    "DCGAN, arXiv 1511.06434, section 5.2 (SVHN), and the authors' svhn_semisup_analysis.py",
    metrics=(ACCURACY, Metric("deviation", "±", unit="%")),
    constants={
        "c": [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2],
        "num_labels": 1000,
        "num_validation": 10_000,
        "num_choosing": 10,
        "num_draws": 100,
        "seed": 0,
        "tolerance": 2e-4,
        "max_iterations": 300,
    },
    demands=_demand_a_thousand,
)
def svm_l2_1000(task: Task, *, c: Sequence[float], **constants: Any) -> Scores:
    """The SVM of `svm_l2` with 1,000 training labels, every class as often.

    10,000 training examples are held out. C has the best mean accuracy there over 10 draws of
    1,000 labels from the others; `accuracy` is the mean on the test split over 100 more draws,
    `deviation` their standard deviation (the paper's script prints 1.96 of it).
    """
    names, classes = number_classes(task.labels)
    place = torch.searchsorted(names, task.test_labels).clamp_max(len(names) - 1)
    truth = torch.where(names[place] == task.test_labels, place, -1)
    train, test = task.train.to(task.device), task.test.to(task.device)
    found = svm_over_draws((train, classes), test, grid=c, **constants)
    correct = found.predictions == truth
    accuracies = [100 * int(num) / len(truth) for num in correct.sum(1)]
    hits = correct.double().mean(0)
    num_classes = int(max(task.labels.max(), task.test_labels.max())) + 1
    by_class = [task.test_labels == label for label in range(num_classes)]
    at_end = found.c in (c[0], c[-1])
    values = {"accuracy": float(np.mean(accuracies)), "deviation": float(np.std(accuracies))}
    return values, {
        "accuracy_per_class": [
            100 * float(hits[at].mean()) if at.any() else None for at in by_class
        ],
        "chosen": {"C": found.c},
        "warnings": warnings_of(converged=found.converged, at_grid_end=at_end),
        "validation_accuracy_by_c": found.validation,
    }


def _probe(task: Task, *, fraction: float, l2: Sequence[float], **constants: Any) -> Scores:
    """Multinomial logistic regression on features brought to mean 0 and deviation 1.

    The strength of the L2 penalty (on weights, not biases, per example) is chosen on a fifth of
    each class of the labelled training examples, held out; it falls from the largest until the
    accuracy there is two standard errors under the best; the last fit is to all labelled ones.
    Mean and deviation are theirs too. With fewer labels than all, they are a fraction of each
    class, one example at least.
    """
    places = torch.arange(len(task.labels))
    if fraction < 1:
        places = fraction_of_each(task.labels, fraction, constants["seed"])
    predictions, details = _classify(task, places, "L2", l2, **constants)
    details["chosen"]["labels"] = len(places)
    return accuracy_of(predictions, task, **details)


def _make_probe(name: str, share: str, fraction: float) -> Protocol:
    def demand(labels: Tensor) -> None:
        _demand_two_of_a_class(labels[fraction_of_each(labels, fraction, CHOICE["seed"])])

    return register_protocol(
        "labels",
        f"accuracy of a linear probe{share}: logistic regression, its L2 chosen on examples held"
        " out",
        "ours",
        metrics=(ACCURACY,),
        constants={"fraction": fraction, "l2": L2_GRID, **CHOICE},
        name=name,
        demands=demand,
        takes_views=True,
    )(_probe)


linear_lbfgs = _make_probe("linear_lbfgs", "", 1.0)
linear_lbfgs_10 = _make_probe("linear_lbfgs_10", " on 10 % of the labels", 0.1)
linear_lbfgs_1 = _make_probe("linear_lbfgs_1", " on 1 % of the labels", 0.01)


@full_precision()
def _classify(
    task: Task,
    places: Tensor,
    constant: Literal["C", "L2"],
    grid: Sequence[float],
    *,
    validation_fraction: float,
    seed: int,
    **constants: Any,
) -> tuple[Tensor, dict[str, Any]]:
    """The labels that a classifier of some training examples gives the test split, and details.

    `C` is that of an SVM on features as they are, `L2` that of logistic regression on standardised
    ones. It learns from all views of an example, or is judged by all of them: none is held out
    alone.
    """
    kept, held = hold_out(task.labels[places], validation_fraction, seed)
    rows = torch.cat(
        [
            places[part] + view * len(task.labels)
            for part in (kept, held)
            for view in range(task.views)
        ]
    )
    features = task.train[rows].to(task.device)  # the one copy that is made
    names, classes = number_classes(task.labels[rows % len(task.labels)])
    shift, scale = 0.0, 1.0
    if constant == "L2":
        shift, scale = _standardise(features, task.common_scale)
    chosen = choose_and_fit(
        features,
        classes,
        len(kept) * task.views,
        softmax_regression(len(names)) if constant == "L2" else linear_svm(),
        (lambda l2, num: (l2, 1 / num)) if constant == "L2" else (lambda c, _: (1, c / task.views)),
        grid,
        views=task.views,
        **constants,
    )
    parts = [
        chosen.fit.model.predict((part.to(task.device) - shift) / scale)
        for part in torch.split(task.test, ROWS_AT_ONCE)
    ]
    return names[torch.cat(parts)], {
        "chosen": {constant: chosen.strength},
        "warnings": warnings_of(converged=chosen.fit.converged, at_grid_end=chosen.at_grid_end),
        "iterations": chosen.fit.iterations,
        f"validation_accuracy_by_{constant.lower()}": chosen.validation,
    }


def _standardise(features: Tensor, common_scale: float | None) -> tuple[Tensor, Tensor]:
    """Brings columns to mean 0 and deviation 1, in place; returns both. Constant ones become 0.

    If there is a common scale, all are divided by it.
    """
    parts = torch.split(features, ROWS_AT_ONCE)
    mean = torch.stack([part.sum(0, dtype=torch.float64) for part in parts]).sum(0) / len(features)
    features.sub_(mean.to(features.dtype))
    squares = torch.stack([part.double().square().sum(0) for part in parts]).sum(0)
    deviation = squares.div_(len(features)).sqrt_()
    deviation[deviation <= 1e-7 * mean.abs()] = 1
    if common_scale is not None:
        deviation[:] = common_scale
    deviation = deviation.clamp_min(torch.finfo(torch.float32).tiny).to(features.dtype)
    features.div_(deviation)
    return mean.to(features.dtype), deviation
