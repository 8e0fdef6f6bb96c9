"""Support vector machines on few labels, averaged over several random draws of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.randomness import Randomness
from ..float32_matmul import full_precision
from .convex import CHUNK_ROWS, LinearModel, linear_svm
from .label_subsets import balanced_draw
from .preconditioned_lbfgs import LbfgsProblem


@dataclass(frozen=True)
class FewLabels:
    """Accuracies over draws of the labels.

    Attributes:
        predictions: Predicted classes of the test examples, int64 `(draws, N)`.
        accuracies: Test accuracies in percent, one for each draw.
        c: Selected value of C.
        at_grid_end: Whether C is the first or the last value of the grid.
        validation: Mean held-out accuracy in percent, by C.
        converged: Whether every fit converged.
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
    """Selects C over some draws of the labels and measures accuracy over other draws.

    Args:
        train: Features `(M, D)` on the device where products are computed, and classes `(M,)` from
            0.
        test: Features `(N, D)` and classes `(N,)`.
        grid: Values of C, in rising order.
        num_labels: Number of labelled examples in a draw, balanced over the classes.
        num_validation: Number of training examples that no draw may use, on which C is selected.
        num_choosing: Number of draws over which C is selected.
        num_draws: Number of further draws over which accuracy is measured.
        seed: Seed of the held-out examples and of all draws.
        tolerance: Tolerance of each fit, see `LbfgsProblem.fit`.
        max_iterations: Largest number of iterations of each fit.

    Raises:
        ConfigError: There are too few training examples, or too few of a class.
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
    best = max(grid, key=lambda c: validation[c])  # the smallest C among equals
    # C is measured on other draws than those it was selected on, or the accuracy would be
    # optimistic.
    draws = range(num_choosing, num_choosing + num_draws)
    models = [found.fit(draw, [best])[0] for draw in draws]
    everything = torch.arange(len(test[1]))
    predictions, accuracies = _accuracies(models, test, everything)
    at_end = best in (grid[0], grid[-1])
    return FewLabels(predictions, accuracies, best, at_end, validation, found.converged)


def check_enough(labels: Tensor, num_labels: int, num_validation: int) -> None:
    """Checks that a training split has enough examples.

    Args:
        labels: Labels of the training examples, `(N,)`.
        num_labels: Number of labelled examples in a draw.
        num_validation: Number of held-out examples.

    Raises:
        ConfigError: There are too few; the message says how many are needed.
    """
    least = num_labels + num_validation
    if len(labels) < least:
        raise ConfigError(
            f"{num_labels:,} labels and {num_validation:,} held-out examples need {least:,}"
            f" training examples; there are {len(labels):,}."
        )


class _Draws:
    """Fits to draws of labels from a pool of training examples."""

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
        """Returns a model for each C, in order, each fit starting where the last one ended."""
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
            # A warm start: neighbouring values of C have close solutions.
            start, self.converged = fit.parameters, self.converged and fit.converged
        return models


def _accuracies(
    models: Sequence[LinearModel], examples: tuple[Tensor, Tensor], chosen: Tensor
) -> tuple[Tensor, tuple[float, ...]]:
    """Returns predictions `(models, n)` and accuracies in percent, all models in one product."""
    features, classes = examples
    device, dtype = features.device, features.dtype
    weights = torch.cat([model.weights for model in models]).to(device, dtype)
    bias = torch.cat([model.bias for model in models]).to(device, dtype)[:, None]
    parts = [
        torch.addmm(bias, weights, features[part.to(device)].T)
        .view(len(models), -1, len(part))
        .argmax(1)
        .cpu()
        for part in torch.split(chosen, CHUNK_ROWS)
    ]
    predictions = torch.cat(parts, dim=1)
    correct = (predictions == classes[chosen]).sum(1)
    return predictions, tuple(100 * int(c) / len(chosen) for c in correct)
