"""Linear classifiers whose regularisation strength is selected on held-out training examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..float32_matmul import full_precision
from .convex import ConvexObjective, LinearModel
from .label_subsets import hold_out
from .preconditioned_lbfgs import Fit, LbfgsProblem

Regularization = Callable[[float, int], tuple[float, float]]
"""A function of a grid strength and a number of examples that returns `l2` and `scale` of the
problem."""


@dataclass(frozen=True)
class Choice:
    """Settings of the selection of a regularisation strength.

    Attributes:
        grid: Strengths to try, from the strongest regularisation to the weakest.
        validation_fraction: Fraction of each class that is held out, in (0, 1).
        seed: Seed of the held-out selection.
        stop_errors: Number of standard errors: the rest of the grid is skipped once the held-out
            accuracy is this many standard errors below the best one.
        selection_tolerance: Tolerance of the fits that are compared, see `LbfgsProblem.fit`.
        tolerance: Tolerance of the final fit to all examples.
        max_iterations: Largest number of iterations of each fit.
    """

    grid: Sequence[float]
    validation_fraction: float
    seed: int
    stop_errors: float
    selection_tolerance: float
    tolerance: float
    max_iterations: int


@dataclass(frozen=True)
class Chosen:
    """A fitted classifier, and how its regularisation was selected.

    Attributes:
        fit: Fit at the selected strength to all training examples.
        strength: Selected strength.
        at_grid_end: Whether the strength is the first or last of the grid, beyond which a better
            one may lie.
        validation: Held-out accuracy in percent by strength, as far as the grid was tried.
    """

    fit: Fit
    strength: float
    at_grid_end: bool
    validation: dict[float, float]


def hold_out_last(labels: Tensor, choice: Choice) -> tuple[Tensor, int]:
    """Returns an order of examples with the held-out ones last, and the number of the others.

    Args:
        labels: Labels, int64 `(N,)`.
        choice: Fraction and seed of the held-out selection.

    Raises:
        ConfigError: No class has two examples.
    """
    kept, held = hold_out(labels, choice.validation_fraction, choice.seed)
    return torch.cat([kept, held]), len(kept)


@full_precision()
def choose_and_fit(
    features: Tensor,
    classes: Tensor,
    num_kept: int,
    objective: ConvexObjective,
    weigh: Regularization,
    choice: Choice,
    views: int = 1,
) -> Chosen:
    """Tries the grid in order, each fit starting from the last, and fits the best to all examples.

    Among strengths with equal held-out accuracy the middle one is selected: with few examples,
    whole stretches of the grid are equal.

    Args:
        features: Features `(N, D)` on the device where products are computed, held-out examples
            last.
        classes: Classes int64 `(N,)`, from 0, on the CPU.
        num_kept: Number of examples that are not held out.
        objective: Objective to minimise.
        weigh: Function that maps a strength to `l2` and `scale`.
        choice: Grid and constants of the selection.
        views: Number of rows per example. Views of one example are not independent, so the standard
            error of an accuracy counts examples and not rows.
    """
    problem = LbfgsProblem(features, classes, int(classes.max()) + 1, objective)
    held, truth = features[num_kept:], classes[num_kept:]
    validation: dict[float, float] = {}
    best: dict[float, Tensor] = {}
    found: Fit | None = None
    for strength in choice.grid:
        l2, scale = weigh(strength, num_kept)
        found = problem.fit(
            l2=l2,
            scale=scale,
            tolerance=choice.selection_tolerance,
            max_iterations=choice.max_iterations,
            num=num_kept,
            start=found and found.parameters,
        )
        accuracy = validation[strength] = validation_accuracy(found.model, held, truth)
        highest = max(validation.values())
        # Keep the parameters of the best strengths alone: the final fit starts from one of them.
        best = {s: kept for s, kept in best.items() if validation[s] == highest}
        if accuracy == highest:
            best[strength] = found.parameters
        if accuracy < highest - choice.stop_errors * _error(highest, len(held) // views):
            break
    strength, start = list(best.items())[(len(best) - 1) // 2]
    l2, scale = weigh(strength, len(features))
    last = problem.fit(
        l2=l2,
        scale=scale,
        tolerance=choice.tolerance,
        max_iterations=choice.max_iterations,
        start=start,
    )
    at_end = strength in (choice.grid[0], choice.grid[-1])
    return Chosen(last, strength, at_end, validation)


def validation_accuracy(model: LinearModel, features: Tensor, classes: Tensor) -> float:
    """Returns the accuracy in percent of a model on features `(N, D)`."""
    return 100 * int((model.predict(features) == classes).sum()) / len(classes)


def _error(accuracy: float, num: int) -> float:
    """Returns the standard error of an accuracy over `num` examples, both in percent; never 0."""
    # Laplace's rule of succession, so that an accuracy of 100 % has an error too.
    share = (accuracy / 100 * num + 1) / (num + 2)
    return 100 * math.sqrt(share * (1 - share) / num)
