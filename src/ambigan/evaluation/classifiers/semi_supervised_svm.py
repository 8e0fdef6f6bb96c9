"""Support vector machines on a few labels, over many draws of which these are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.randomness import Randomness
from ..float32_matmul import full_precision
from .convex import ROWS, LinearModel, linear_svm
from .label_subsets import balanced_draw
from .preconditioned_lbfgs import LbfgsProblem


@dataclass(frozen=True)
class FewLabels:
    """Accuracies over draws of the labels.

    Attributes:
        predictions: of the test examples, a row for each draw, int64 `(draws, N)`.
        accuracies: on the test examples, in percent, one for each draw.
        c: chosen.
        at_grid_end: whether C is the first or the last of the grid.
        validation: mean accuracy in percent on the examples held out, by C.
        converged: whether every fit did.
    """

    predictions: Tensor
    accuracies: tuple[float, ...]
    c: float
    at_grid_end: bool
    validation: dict[float, float]
    converged: bool


@full_precision()
def svm_over_draws(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    grid: Sequence[float],
    num_labels: int,
    num_validation: int,
    num_choosing: int,
    num_draws: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
) -> FewLabels:
    """Chooses C over some draws, and measures it over others.

    Args:
        train: features `(M, D)`, on the device where it is computed, and classes `(M,)` from 0.
        test: features `(N, D)` and classes `(N,)`.
        grid: values of C.
        num_labels: how many examples a draw has, balanced over the classes.
        num_validation: how many training examples are held out of all draws, to choose C on.
        num_choosing: over how many draws C is chosen.
        num_draws: over how many, others than those, it is measured.
        seed: of the examples held out and of all draws.
        tolerance: see `Problem.fit`.
        max_iterations: of each fit.

    Raises:
        ConfigError: there are too few training examples, or too few of a class.
    """
    check_enough(train[1], num_labels, num_validation)
    order = Randomness(seed, "validation").permutation(len(train[1]))
    held, pool = order[:num_validation], order[num_validation:].sort().values
    found = _Draws(train, pool, num_labels, seed, tolerance, max_iterations)
    chosen = [found.fit(draw, grid) for draw in range(num_choosing)]
    validation = {
        c: float(np.mean(_accuracies([models[i] for models in chosen], train, held)[1]))
        for i, c in enumerate(grid)
    }
    best = max(grid, key=lambda c: validation[c])  # the first, which is the smallest, of equals
    draws = range(num_choosing, num_choosing + num_draws)
    models = [found.fit(draw, [best])[0] for draw in draws]
    everything = torch.arange(len(test[1]))
    predictions, accuracies = _accuracies(models, test, everything)
    at_end = best in (grid[0], grid[-1])
    return FewLabels(predictions, accuracies, best, at_end, validation, found.converged)


def check_enough(labels: Tensor, num_labels: int, num_validation: int) -> None:
    """Refuses training splits that are too small.

    Raises:
        ConfigError: saying how many examples are needed.
    """
    least = num_labels + num_validation
    if len(labels) < least:
        raise ConfigError(
            f"{num_labels:,} labels with {num_validation:,} examples held out to choose by need"
            f" {least:,} training examples; there are {len(labels):,}."
        )


class _Draws:
    """Fits to draws of labels from a pool."""

    def __init__(
        self,
        train: tuple[Tensor, Tensor],
        pool: Tensor,
        num_labels: int,
        seed: int,
        tolerance: float,
        max_iterations: int,
    ) -> None:
        self.features, self.classes = train
        self.pool, self.num_labels, self.seed = pool, num_labels, seed
        self.tolerance, self.max_iterations = tolerance, max_iterations
        self.num_classes = int(self.classes.max()) + 1
        self.converged = True

    def fit(self, draw: int, grid: Sequence[float]) -> list[LinearModel]:
        """A model for each C, from the smallest up, each starting where the one before ended."""
        chosen = self.pool[balanced_draw(self.classes[self.pool], self.num_labels, self.seed, draw)]
        rows = self.features[chosen.to(self.features.device)]
        problem = LbfgsProblem(rows, self.classes[chosen], self.num_classes, linear_svm())
        models: list[LinearModel] = []
        start: Tensor | None = None
        for c in grid:
            fit = problem.fit(
                l2=1.0,
                scale=c,
                start=start,
                tolerance=self.tolerance,
                max_iterations=self.max_iterations,
            )
            models.append(fit.model)
            start, self.converged = fit.parameters, self.converged and fit.converged
        return models


def _accuracies(
    models: Sequence[LinearModel], examples: tuple[Tensor, Tensor], chosen: Tensor
) -> tuple[Tensor, tuple[float, ...]]:
    """Predictions `(models, n)` and accuracies in percent, all models in one product."""
    features, classes = examples
    device, dtype = features.device, features.dtype
    weights = torch.cat([model.weights for model in models]).to(device, dtype)
    bias = torch.cat([model.bias for model in models]).to(device, dtype)[:, None]
    parts = [
        torch.addmm(bias, weights, features[part.to(device)].T)
        .view(len(models), -1, len(part))
        .argmax(1)
        .cpu()
        for part in torch.split(chosen, ROWS)
    ]
    predictions = torch.cat(parts, dim=1)
    correct = (predictions == classes[chosen]).sum(1)
    return predictions, tuple(100 * int(c) / len(chosen) for c in correct)
