"""Support vector machines on few labels, averaged over several random draws of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.randomness import Randomness
from ..float32_matmul import full_precision
from .convex import CHUNK_ROWS, linear_svm
from .label_subsets import balanced_draw
from .preconditioned_lbfgs import Fit, LbfgsProblem


@dataclass(frozen=True)
class FewLabels:
    """Predictions after several draws of the labels, int64 `(draws, N)`, by the C selected.

    Mean held-out accuracies are in percent, by C; `converged` says whether every fit has.
    """

    predictions: Tensor
    c: float
    validation: dict[float, float]
    converged: bool


@full_precision()
def svm_over_draws(
    train: tuple[Tensor, Tensor],
    test: Tensor,
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
    """Selects C over some draws of the labels and classifies test examples after other draws.

    A draw labels `num_labels` training examples, balanced over the classes. C is the best of a
    rising grid over `num_choosing` draws, on `num_validation` training examples that no draw may
    use; `num_draws` further ones are measured. `train` are features `(M, D)` and classes `(M,)`
    from 0, `test` features `(N, D)` on the same device.

    Raises:
        ConfigError: There are too few training examples of a class.
    """
    features, classes = train
    num_classes = int(classes.max()) + 1
    order = Randomness(seed, "validation").permutation(len(classes))
    held, pool = order[:num_validation], order[num_validation:].sort().values

    def fit(draw: int, values: Sequence[float]) -> list[Fit]:
        chosen = pool[balanced_draw(classes[pool], num_labels, seed, draw)]
        rows = features[chosen.to(features.device)]
        problem = LbfgsProblem(rows, classes[chosen], num_classes, linear_svm())
        fits: list[Fit] = []
        for c in values:
            # A warm start: neighbouring values of C have close solutions.
            start = fits[-1].parameters if fits else None
            fits.append(
                problem.fit(
                    l2=1.0, scale=c, start=start, tolerance=tolerance, max_iterations=max_iterations
                )
            )
        return fits

    choosing = [fit(draw, grid) for draw in range(num_choosing)]
    validation: dict[float, float] = {}
    for c, fits in zip(grid, zip(*choosing, strict=True), strict=True):
        correct = (_predictions(fits, features, held) == classes[held]).sum(1)
        validation[c] = float(np.mean([100 * int(num) / len(held) for num in correct]))
    best = max(grid, key=lambda c: validation[c])  # the smallest C among equals
    # C is measured on other draws than those it was selected on, or the accuracy would be
    # optimistic.
    measured = [fit(num_choosing + draw, [best])[0] for draw in range(num_draws)]
    converged = all(found.converged for fits in [*choosing, measured] for found in fits)
    predictions = _predictions(measured, test, torch.arange(len(test)))
    return FewLabels(predictions, best, validation, converged)


def _predictions(fits: Sequence[Fit], features: Tensor, chosen: Tensor) -> Tensor:
    """Returns the classes of chosen rows, `(fits, n)`, all classifiers in one product."""
    device, dtype = features.device, features.dtype
    weights = torch.cat([fit.model.weights for fit in fits]).to(device, dtype)
    bias = torch.cat([fit.model.bias for fit in fits]).to(device, dtype)[:, None]
    parts = [
        torch.addmm(bias, weights, features[part.to(device)].T)
        .view(len(fits), -1, len(part))
        .argmax(1)
        .cpu()
        for part in torch.split(chosen, CHUNK_ROWS)
    ]
    return torch.cat(parts, dim=1)
