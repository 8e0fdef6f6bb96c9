"""Linear classifiers whose regularisation is chosen on examples held out of training."""

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
"""A strength of the grid and a number of examples to `l2` and `scale` of the problem."""


@dataclass(frozen=True)
class Choice:
    """How a regularisation is chosen.

    Attributes:
        grid: strengths to try, from the strongest regularisation to the weakest.
        validation_fraction: of each class, held out.
        seed: of what is held out.
        stop_errors: the rest of the grid is left out once the accuracy on the examples held out
            is so many of its standard errors below the best.
        selection_tolerance: of the fits that are compared; see `Problem.fit`.
        tolerance: of the last fit, to all examples.
        max_iterations: allowed in each fit.
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
    """A classifier, and how its regularisation was found.

    Attributes:
        fit: at the strength chosen, to all training examples.
        strength: chosen.
        at_grid_end: whether it is the first or the last of the grid; the best may lie beyond.
        validation: accuracy in percent on the examples held out, by strength, as far as tried.
    """

    fit: Fit
    strength: float
    at_grid_end: bool
    validation: dict[float, float]


def hold_out_last(labels: Tensor, choice: Choice) -> tuple[Tensor, int]:
    """An order of examples in which those held out come last, and how many come before them.

    Raises:
        ConfigError: no class has two examples.
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
    """Tries the grid in order, each fit from the one before, and fits the best to all examples.

    Of equals on the examples held out, the one in the middle is the best: among few examples,
    whole stretches of the grid are equal.

    Args:
        features: `(N, D)` on the device where it is computed, those held out last.
        classes: int64 `(N,)`, from 0, on the CPU.
        num_kept: how many are not held out.
        objective: what is minimised.
        weigh: what a strength means.
        choice: the grid and its constants.
        views: rows that each example has; they tell no more than one of how sure an accuracy is.
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
    """In percent, of features `(N, D)`."""
    return 100 * int((model.predict(features) == classes).sum()) / len(classes)


def _error(accuracy: float, num: int) -> float:
    """The standard error of an accuracy over so many examples, both in percent; never 0."""
    share = (accuracy / 100 * num + 1) / (num + 2)
    return 100 * math.sqrt(share * (1 - share) / num)
