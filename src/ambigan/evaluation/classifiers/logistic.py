"""Logistic regression on frozen features, by scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast

import torch
from sklearn.exceptions import ConvergenceWarning  # pyright: ignore[reportMissingTypeStubs]
from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingTypeStubs]
from sklearn.preprocessing import StandardScaler  # pyright: ignore[reportMissingTypeStubs]
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from torch import Tensor


@dataclass(frozen=True)
class LogisticResult:
    """Predictions of a fitted classifier on the test split.

    Attributes:
        predictions: Predicted labels, int64 `(N,)`.
        converged: Whether the solver stopped before the largest allowed number of iterations.
        iterations: Number of iterations of L-BFGS.
    """

    predictions: Tensor
    converged: bool
    iterations: int


def logistic_predict(
    queries: Tensor,
    references: Tensor,
    labels: Tensor,
    *,
    l2: float,
    tolerance: float,
    max_iterations: int,
) -> LogisticResult:
    """Fits multinomial logistic regression by L-BFGS and predicts labels.

    The objective is the mean cross-entropy plus l2 / 2 times the squared weights (not the biases).
    Features are standardised by the references, and the weights start at zero. The strength is per
    example, so that it means the same for data sets of any size: scikit-learn's `C` is 1 / (l2 *
    M). The fit runs on one thread: the matrices are too narrow to gain much from more, which would
    also change the order of sums with the number of cores.

    Args:
        queries: Features to classify, float32 `(N, D)`.
        references: Labelled features, float32 `(M, D)`.
        labels: Labels of the references, int64 `(M,)`, with two or more classes.
        l2: Strength of the penalty, positive.
        tolerance: Threshold of convergence: no entry of the gradient may be larger.
        max_iterations: Largest number of iterations.
    """
    scaler = cast(Any, StandardScaler)()
    inputs = scaler.fit_transform(references.numpy())
    model = cast(Any, LogisticRegression)(
        C=1 / (l2 * len(references)), tol=tolerance, max_iter=max_iterations, solver="lbfgs"
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported as `converged`
        model.fit(inputs, labels.numpy())
    predictions = torch.as_tensor(model.predict(scaler.transform(queries.numpy())))
    iterations = int(model.n_iter_.max())
    return LogisticResult(predictions.long(), iterations < max_iterations, iterations)
