"""Logistic regression on frozen features, by scikit-learn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning  # pyright: ignore[reportMissingTypeStubs]
from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingTypeStubs]
from sklearn.preprocessing import StandardScaler  # pyright: ignore[reportMissingTypeStubs]
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from torch import Tensor


@dataclass(frozen=True)
class LogisticModel:
    """A fitted classifier.

    Attributes:
        scaler: scikit-learn's scaler, fitted to the training features.
        classifier: scikit-learn's classifier of the scaled features.
        converged: whether it stopped before the largest number of iterations.
        iterations: the number of L-BFGS iterations.
    """

    scaler: Any
    classifier: Any
    converged: bool
    iterations: int

    @property
    def weights(self) -> Tensor:
        """Weights of the scaled features, float64 `(K, D)`; `(1, D)` for two classes."""
        return torch.as_tensor(self.classifier.coef_).double()

    def predict(self, features: Tensor) -> Tensor:
        """Labels, int64 `(N,)`, of features `(N, D)`."""
        scaled = self.scaler.transform(features.numpy())
        return torch.as_tensor(self.classifier.predict(scaled)).long()


def fit_scaler(features: Tensor, common_scale: float | None = None) -> Any:
    """Fits scikit-learn's scaler, to mean 0 and deviation 1.

    Args:
        features: float32 `(M, D)`.
        common_scale: the number that all features are divided by; each by its deviation if None.
    """
    scaler = cast(Any, StandardScaler)().fit(features.numpy())
    if common_scale is not None:
        scaler.scale_ = np.full_like(scaler.scale_, common_scale)
    return scaler


def fit_logistic(
    features: Tensor,
    labels: Tensor,
    *,
    l2: float,
    tolerance: float = 1e-4,
    max_iterations: int = 1000,
    common_scale: float | None = None,
    scaler: Any = None,
) -> LogisticModel:
    """Fits multinomial logistic regression by L-BFGS, on one thread.

    Minimises the mean cross-entropy plus l2 / 2 times the squared norm of the weights (not of the
    biases), from zero, over features scaled to mean 0 and deviation 1. The penalty is per example,
    so that it means the same for data sets of any size: scikit-learn's `C` is 1 / (l2 * M). One
    thread gives the same sums on any number of cores, and these matrices are too narrow to gain
    much from more.

    Args:
        features: float32 `(M, D)`.
        labels: int64 `(M,)`, two classes or more.
        l2: strength of the penalty.
        tolerance: the fit has converged when no derivative exceeds it.
        max_iterations: the largest number of iterations.
        common_scale: the number that all features are divided by; each by its deviation if None.
        scaler: the scaler by `fit_scaler` of more examples than are labelled; one of these if None.
    """
    scaler = scaler or fit_scaler(features, common_scale)
    classifier = cast(Any, LogisticRegression)(
        C=1 / (l2 * len(labels)), tol=tolerance, max_iter=max_iterations, solver="lbfgs"
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` says it
        classifier.fit(scaler.transform(features.numpy()), labels.numpy())
    iterations = int(classifier.n_iter_.max())
    return LogisticModel(scaler, classifier, iterations < max_iterations, iterations)
