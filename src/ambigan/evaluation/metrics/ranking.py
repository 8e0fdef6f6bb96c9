"""Retrieval scores, where test examples query the training examples of their class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..classifiers.label_subsets import class_sizes
from ..float32_matmul import full_precision
from .knn import nearest_neighbours

QUERIES = 256
"""Number of queries in a block."""


def ranking_scores(
    queries: Float[Tensor, "N D"],
    references: Float[Tensor, "M D"],
    query_labels: Int[Tensor, " N"],
    labels: Int[Tensor, " M"],
    *,
    recall_at: Sequence[int],
    precision_at: int,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """Scores the ranking of references by their cosine with each query, in percent.

    - `map`: mean average precision over the whole ranking. The average precision of a query is the
    mean, over the references of its class, of the precision at the rank of each.

    - `recall_K`: share of queries with at least one reference of their class among the first K (as
    in image retrieval; not the share of all such references, which K bounds).

    - `precision_K`: mean share of the first K references that have the query's class.

    Queries of a class that no reference has are excluded.

    Args:
        queries: Query features, float32 `(N, D)`.
        references: Reference features, float32 `(M, D)`.
        query_labels: Labels of the queries, int64 `(N,)`.
        labels: Labels of the references, int64 `(M,)`.
        recall_at: Values of K for `recall_K`; those above M are left out.
        precision_at: Value of K for `precision_K`, at most M.
        device: Device on which the products are computed.
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
    queries: Float[Tensor, "N D"],
    references: Float[Tensor, "M D"],
    query_labels: Int[Tensor, " N"],
    labels: Int[Tensor, " M"],
    device: torch.device | str = "cpu",
) -> float:
    """Returns the mean average precision, in [0, 1].

    Each query is of a class that a reference has. Cosines are products in float32. References of
    equal cosine all have the last rank among them, as in scikit-learn.
    """
    sought = F.normalize(references.to(device), dim=1).T
    total = 0.0
    for label in class_sizes(query_labels):
        # Queries of one class share their relevant references, so they form one block.
        members = (labels == label).nonzero().squeeze(1).to(device)
        for rows in torch.split(queries[query_labels == label], QUERIES):
            cosines = F.normalize(rows.to(device), dim=1) @ sought
            right = _sort(cosines[:, members])
            total += float(_average_precision(right, _sort(cosines)).sum())
    return total / len(queries)


def _average_precision(right: Tensor, cosines: Tensor) -> Tensor:
    """Returns the average precision of each row, float64 `(N,)`.

    The cosines of the relevant references, `(N, R)`, and of all, `(N, M)`, are in rising order.
    """
    among, whole = (torch.searchsorted(row, right) for row in (right, cosines))
    # Counting from the top: the number of relevant and of all references at or above each cosine.
    hits, ranks = right.shape[1] - among, cosines.shape[1] - whole
    return (hits.double() / ranks).mean(1)


def _sort(values: Tensor) -> Tensor:
    """Sorts rows in rising order, on the CPU by NumPy, which is many times faster."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    return torch.as_tensor(np.sort(values.numpy(), axis=1))


def _percent(values: Tensor) -> float:
    return 100 * float(values.double().mean())
