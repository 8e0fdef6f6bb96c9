"""K-means clusters of features, and their agreement with the classes."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Float, Int
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
    train: Float[Tensor, "M D"],
    test: Float[Tensor, "N D"],
    num_clusters: int,
    *,
    restarts: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
) -> tuple[Int[Tensor, " N"], bool, int]:
    """Finds clusters on training examples and assigns test examples to them.

    It is scikit-learn's k-means (Lloyd's iterations from k-means++), and the restart with the least
    sum of squares is kept. It has converged when the centres move less than `tolerance` times the
    mean variance. It runs on one thread, so that sums are the same on every machine.

    Returns:
        Clusters of the test examples, int64 `(N,)`; whether the best restart converged; its number
        of iterations.
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


def match_to_classes(clusters: Int[Tensor, " N"], classes: Int[Tensor, " N"]) -> Int[Tensor, " N"]:
    """Renames clusters to classes, both from 0, one to one, so that most examples are right.

    Clusters that are left over, where there are more of them than classes, become -1.
    """
    num_clusters, num_classes = int(clusters.max()) + 1, int(classes.max()) + 1
    table = torch.zeros(num_clusters, num_classes, dtype=torch.int64)
    table.index_put_((clusters, classes), torch.ones_like(classes), accumulate=True)
    rows, columns = cast(Any, linear_sum_assignment)(table.numpy(), maximize=True)
    names = torch.full((num_clusters,), -1)
    names[torch.as_tensor(rows)] = torch.as_tensor(columns)
    return names[clusters]


def mutual_information(clusters: Int[Tensor, " N"], classes: Int[Tensor, " N"]) -> float:
    """Returns the mutual information over the mean of both entropies, from 0 (independent) to 1."""
    return float(cast(Any, normalized_mutual_info_score)(classes.numpy(), clusters.numpy()))
