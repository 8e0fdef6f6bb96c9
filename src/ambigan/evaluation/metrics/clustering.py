"""Clusters of features, and how well they are the classes."""

from __future__ import annotations

from typing import Any, cast

import torch
from scipy.optimize import (  # pyright: ignore[reportMissingTypeStubs]
    linear_sum_assignment,  # pyright: ignore[reportUnknownVariableType]
)
from sklearn.cluster import KMeans  # pyright: ignore[reportMissingTypeStubs]
from sklearn.metrics import (  # pyright: ignore[reportMissingTypeStubs]
    normalized_mutual_info_score,  # pyright: ignore[reportUnknownVariableType]
)
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from torch import Tensor


def kmeans_assign(
    train: Tensor,
    test: Tensor,
    num_clusters: int,
    *,
    restarts: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, bool, int]:
    """Clusters of test examples, found on training examples.

    scikit-learn's k-means (Lloyd's iterations from k-means++), of whose restarts the one with the
    least sum of squares is kept. On one thread, so that the sums are the same on every machine.

    Args:
        train: float32 `(M, D)`.
        test: float32 `(N, D)`.
        num_clusters: k.
        restarts: how many.
        seed: of them.
        tolerance: it has converged when the centres move less than this times the mean variance.
        max_iterations: of each restart.

    Returns:
        Clusters of the test examples, int64 `(N,)`; whether the best restart converged; its
        iterations.
    """
    model = cast(Any, KMeans)(
        num_clusters,
        init="k-means++",
        n_init=restarts,
        max_iter=max_iterations,
        tol=tolerance,
        random_state=seed,
        algorithm="lloyd",
    )
    with threadpool_limits(1):
        model.fit(train.numpy())
        clusters = torch.as_tensor(model.predict(test.numpy())).long()
    return clusters, int(model.n_iter_) < max_iterations, int(model.n_iter_)


def match_to_classes(clusters: Tensor, classes: Tensor) -> Tensor:
    """Clusters renamed to classes, one to one, such that as many examples as can be are right.

    Args:
        clusters: int64 `(N,)`.
        classes: int64 `(N,)`, from 0.

    Returns:
        Classes int64 `(N,)`; -1 for clusters that are left over where there are more of them.
    """
    num_clusters, num_classes = int(clusters.max()) + 1, int(classes.max()) + 1
    table = torch.zeros(num_clusters, num_classes, dtype=torch.int64)
    table.index_put_((clusters, classes), torch.ones_like(classes), accumulate=True)
    rows, columns = cast(Any, linear_sum_assignment)(table.numpy(), maximize=True)
    names = torch.full((num_clusters,), -1)
    names[torch.as_tensor(rows)] = torch.as_tensor(columns)
    return names[clusters]


def mutual_information(clusters: Tensor, classes: Tensor) -> float:
    """Normalised by the mean of both entropies: 0 if independent, 1 if one tells the other."""
    return float(cast(Any, normalized_mutual_info_score)(classes.numpy(), clusters.numpy()))
