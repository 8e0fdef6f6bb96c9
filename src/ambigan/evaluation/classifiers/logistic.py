"""Logistic regression on frozen features."""

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
    """What a fitted classifier says of the test split.

    Attributes:
        predictions: labels, int64 `(N,)`.
        converged: whether it stopped by itself and not at the last iteration allowed.
        iterations: of L-BFGS.
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
    """Fits multinomial logistic regression by L-BFGS and applies it.

    Minimises the mean cross-entropy plus l2 / 2 times the square of the weights (not of the
    biases), from zero, over features brought to mean 0 and deviation 1 by the references. The
    strength is per example, so that it means the same for data sets of any size: scikit-learn's
    `C` is 1 / (l2 * M). One thread: the matrices are too narrow to gain much by more, lose a lot
    where other processes want the cores, and so the sums are the same on every number of cores.

    Args:
        queries: float32 `(N, D)`.
        references: float32 `(M, D)`.
        labels: of the references, int64 `(M,)`, of two classes or more.
        l2: strength of the penalty.
        tolerance: it has converged when no derivative is larger.
        max_iterations: allowed.
    """
    scaler = cast(Any, StandardScaler)()
    inputs = scaler.fit_transform(references.numpy())
    model = cast(Any, LogisticRegression)(
        C=1 / (l2 * len(references)), tol=tolerance, max_iter=max_iterations, solver="lbfgs"
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the result tells it
        model.fit(inputs, labels.numpy())
    predictions = torch.as_tensor(model.predict(scaler.transform(queries.numpy())))
    iterations = int(model.n_iter_.max())
    return LogisticResult(predictions.long(), iterations < max_iterations, iterations)
