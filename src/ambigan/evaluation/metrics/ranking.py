"""Retrieval: test examples as queries, training examples of the same class as what is sought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..classifiers.label_subsets import class_sizes
from ..float32_matmul import full_precision
from .knn import nearest_neighbours

QUERIES = 256


def ranking_scores(
    queries: Tensor,
    references: Tensor,
    query_labels: Tensor,
    labels: Tensor,
    *,
    recall_at: Sequence[int],
    precision_at: int,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Scores of the references ranked by their cosine with each query, in percent.

    - `map`: the mean over queries of the average precision over the whole ranking: the mean, over
      the references of the query's class, of the precision at the rank of each.
    - `recall_K`: queries among whose first K references one at least has their class (as in image
      retrieval; not the share of all such references, which K bounds).
    - `precision_K`: the mean share of the first K references that have the query's class.

    Queries of a class that no reference has are left out of all means.

    Args:
        queries: float32 `(N, D)`.
        references: float32 `(M, D)`.
        query_labels: int64 `(N,)`.
        labels: of the references, int64 `(M,)`.
        recall_at: the Ks of `recall_K`; those above M are left out.
        precision_at: the K of `precision_K`; M if that is fewer.
        device: where the products are computed.
    """
    known = torch.isin(query_labels, labels)
    queries, query_labels = queries[known], query_labels[known]
    precision_at = min(precision_at, len(labels))
    depths = [k for k in recall_at if k <= len(labels)]
    first = nearest_neighbours(
        queries, references, max(precision_at, *depths), "cosine", device=device
    )
    hits = labels[first] == query_labels[:, None]
    recalls = {f"recall_{k}": _percent(hits[:, :k].any(1)) for k in depths}
    return {
        "map": 100 * mean_average_precision(queries, references, query_labels, labels, device),
        **recalls,
        f"precision_{precision_at}": _percent(hits[:, :precision_at].double().mean(1)),
    }


@full_precision()
def mean_average_precision(
    queries: Tensor,
    references: Tensor,
    query_labels: Tensor,
    labels: Tensor,
    device: torch.device | str = "cpu",
) -> float:
    """In [0, 1]; cosines are products in float32, and references of equal cosine share a rank.

    Equal ones all have the last rank among them, as in scikit-learn.

    Args:
        queries: float32 `(N, D)`, each of a class that a reference has.
        references: float32 `(M, D)`.
        query_labels: int64 `(N,)`.
        labels: int64 `(M,)`.
        device: where it is computed.
    """
    sought = F.normalize(references.to(device), dim=1).T
    total = 0.0
    for label in class_sizes(query_labels):
        members = (labels == label).nonzero().squeeze(1).to(device)
        for rows in torch.split(queries[query_labels == label], QUERIES):
            cosines = F.normalize(rows.to(device), dim=1) @ sought
            right = _sort(cosines[:, members])
            total += float(_average_precision(right, _sort(cosines)).sum())
    return total / len(queries)


def _average_precision(right: Tensor, cosines: Tensor) -> Tensor:
    """Of each row, float64 `(N,)`, from rising cosines of what is sought and of everything."""
    among, whole = (torch.searchsorted(row, right) for row in (right, cosines))
    hits, ranks = right.shape[1] - among, cosines.shape[1] - whole
    return (hits.double() / ranks).mean(1)


def _sort(values: Tensor) -> Tensor:
    """Rows in rising order; on the CPU by NumPy, which is many times as fast."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    return torch.as_tensor(np.sort(values.numpy(), axis=1))


def _percent(values: Tensor) -> float:
    return 100 * float(values.double().mean())
