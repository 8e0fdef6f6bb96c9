"""Linear classifiers whose regularisation strength is selected on held-out training examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from .convex import ConvexObjective
from .preconditioned_lbfgs import Fit, LbfgsProblem

Regularization = Callable[[float, int], tuple[float, float]]
"""A function of a grid strength and a number of examples that returns `l2` and `scale` of the
problem."""


@dataclass(frozen=True)
class Chosen:
    """A fit to all training examples at the selected strength, and how that was selected.

    A better strength may lie beyond the end of the grid. Held-out accuracies are in percent, by
    strength, as far as the grid was tried.
    """

    fit: Fit
    strength: float
    at_grid_end: bool
    validation: dict[float, float]


def choose_and_fit(
    features: Tensor,
    classes: Tensor,
    num_kept: int,
    objective: ConvexObjective,
    weigh: Regularization,
    grid: Sequence[float],
    *,
    stop_errors: float,
    selection_tolerance: float,
    tolerance: float,
    max_iterations: int,
    views: int = 1,
) -> Chosen:
    """Tries the grid in order, each fit starting from the last, and fits the best to all examples.

    The first `num_kept` rows are learned from and the others held out. The grid goes from the
    strongest regularisation to the weakest, and its rest is skipped once the held-out accuracy is
    `stop_errors` standard errors below the best one. Among strengths with equal accuracy the middle
    one is selected: with few examples, whole stretches of the grid are equal. The fits that are
    compared end at `selection_tolerance`, the last one at `tolerance` (see `LbfgsProblem.fit`).

    Each example has `views` rows. They are not independent, so the standard error of an accuracy
    counts examples and not rows.
    """
    problem = LbfgsProblem(features, classes, int(classes.max()) + 1, objective)
    fit = partial(problem.fit, max_iterations=max_iterations)
    held, truth = features[num_kept:], classes[num_kept:]
    validation: dict[float, float] = {}
    best: dict[float, Tensor] = {}
    start: Tensor | None = None
    for strength in grid:
        l2, scale = weigh(strength, num_kept)
        found = fit(l2=l2, scale=scale, tolerance=selection_tolerance, num=num_kept, start=start)
        start = found.parameters
        accuracy = 100 * int((found.model.predict(held) == truth).sum()) / len(truth)
        validation[strength] = accuracy
        highest = max(validation.values())
        # Keep the parameters of the best strengths alone: the final fit starts from one of them.
        best = {s: kept for s, kept in best.items() if validation[s] == highest}
        if accuracy == highest:
            best[strength] = found.parameters
        if accuracy < highest - stop_errors * _standard_error(highest, len(held) // views):
            break
    strength, start = list(best.items())[(len(best) - 1) // 2]
    l2, scale = weigh(strength, len(features))
    last = fit(l2=l2, scale=scale, tolerance=tolerance, start=start)
    return Chosen(last, strength, strength in (grid[0], grid[-1]), validation)


def _standard_error(accuracy: float, num: int) -> float:
    """Returns the standard error of an accuracy over `num` examples, both in percent; never 0."""
    # Laplace's rule of succession, so that an accuracy of 100 % has an error too.
    share = (accuracy / 100 * num + 1) / (num + 2)
    return 100 * math.sqrt(share * (1 - share) / num)
