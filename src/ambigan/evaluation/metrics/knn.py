"""Exact nearest neighbours, by blocks of matrix products.

A product in float32 is fast but rounded, so it only selects candidates: every reference whose
distance could, by a bound on rounding errors, be among the k smallest. These few distances are
computed again in float64, value by value, and sorted by distance, then by index. The answer
therefore depends neither on the size of blocks nor on the device, and ties go to the lowest index.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import ConfigError, NonFiniteError
from ..classifiers.label_subsets import number_classes
from ..float32_matmul import full_precision

DistanceMetric = Literal["euclidean", "cosine"]
"""Names of the distances."""
Indices = NDArray[np.int64]
_Floats = NDArray[np.float64]

BLOCKS = (2048, 4096)
"""Numbers of queries and of references in a block."""
_EXACT_VALUES = 1 << 17  # float64 values per operand and chunk, which fit the cache


def nearest_neighbours(
    queries: Float[Tensor, "N D"],
    references: Float[Tensor, "M D"],
    k: int = 1,
    metric: DistanceMetric = "euclidean",
    *,
    device: torch.device | str = "cpu",
    blocks: tuple[int, int] = BLOCKS,
) -> Int[Tensor, "N {k}"]:
    """Returns the indices of the references nearest to each query, int64 `(N, k)`, nearest first.

    Args:
        queries: Query features, float32 `(N, D)`.
        references: Reference features, float32 `(M, D)`.
        k: Number of neighbours, from 1 to M.
        metric: Distance. `cosine` is one minus the cosine, and 1 where a vector is zero.
        device: Device on which the products are computed.
        blocks: Numbers of queries and of references in a block, which bound the memory.

    Raises:
        ConfigError: There are fewer references than k.
        NonFiniteError: Squares of the values overflow float32.
    """
    if not 1 <= k <= len(references):
        raise ConfigError(
            f"{k} nearest neighbours need that many training examples; there are {len(references)}."
        )
    search = _Search(references, k, metric, torch.device(device), blocks[1])
    with full_precision():
        answers = [search(part) for part in torch.split(queries, blocks[0])]
    return torch.as_tensor(np.concatenate(answers))


def knn_predict(
    queries: Float[Tensor, "N D"],
    references: Float[Tensor, "M D"],
    labels: Int[Tensor, " M"],
    k: int = 1,
    metric: DistanceMetric = "euclidean",
    *,
    device: torch.device | str = "cpu",
) -> Int[Tensor, " N"]:
    """Predicts the most frequent label among the k nearest, int64 `(N,)`; ties go to the nearest.

    Args:
        queries: Query features, float32 `(N, D)`.
        references: Reference features, float32 `(M, D)`.
        labels: Labels of the references, int64 `(M,)`.
        k: Number of neighbours that vote.
        metric: Distance, see `nearest_neighbours`.
        device: Device on which the products are computed.
    """
    return vote(labels[nearest_neighbours(queries, references, k, metric, device=device)])


def vote(labels: Int[Tensor, "N k"]) -> Int[Tensor, " N"]:
    """Returns the most frequent label of each row, nearest first; ties go to the first one."""
    names, codes = number_classes(labels)
    counts = torch.zeros(len(labels), len(names), dtype=torch.int64)
    counts.scatter_add_(1, codes, torch.ones_like(codes))
    winner = counts.gather(1, codes).argmax(1, keepdim=True)  # argmax takes the first of equals
    return labels.gather(1, winner).squeeze(1)


def _group_equal_rows(references: Tensor) -> tuple[Indices, Indices, Indices]:
    """Groups references with equal bytes, by a hash of each row, so that each is compared once.

    Otherwise a data set with many duplicates would have as many candidates at equal distance.
    Returns indices of references, group by group and rising within each; the positions among them
    at which groups begin; and the number of references in each group.
    """
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(references.numpy())
    digests = (hashlib.blake2b(row.data, digest_size=16).digest() for row in rows)
    group = np.fromiter((seen.setdefault(key, len(seen)) for key in digests), np.int64, len(rows))
    counts = np.bincount(group)
    return np.argsort(group, kind="stable"), np.cumsum(counts) - counts, counts


class _Search:
    """References prepared for queries, which are answered block by block.

    The candidates of a query q are the references r for which s(r) = |r|^2 - 2 q.r is at most the
    k-th smallest, up to rounding. s differs from the squared distance by |q|^2, which is the same
    for all r. Both are first centred on the references' mean, which changes no distance and makes
    the squares as small as they can be. Sums of D products in any order, with the additions and the
    centring, have errors below (D + 8) u (|q|^2 + |r|^2), u = 2^-24; twice that is allowed for. For
    cosine the rows are scaled to length 1 instead.
    """

    def __init__(
        self, references: Tensor, k: int, metric: DistanceMetric, device: torch.device, block: int
    ) -> None:
        self.references = references.detach().cpu()
        self.order, self.starts, self.counts = _group_equal_rows(self.references)
        self.first = self.order[self.starts]  # the lowest index in each group
        self.k, self.metric, self.device, self.block = k, metric, device, block
        self.centre = references.float().mean(0).to(device)
        # eps is 2 u, so (D + 16) eps is at least twice the bound. The second term covers products
        # that underflow and so have no relative error bound.
        width, info = references.shape[1], torch.finfo(torch.float32)
        self.rounding, self.underflow = (width + 16) * info.eps, (width + 16) * info.tiny

    def __call__(self, queries: Tensor) -> Indices:
        """Returns the nearest references of one block of queries, `(N, k)`."""
        query, group = self._candidates(self._prepared(queries))
        return self._closest(queries.detach().cpu(), query, group)

    def _prepared(self, rows: Tensor) -> Tensor:
        """Centres rows for the Euclidean distance, or scales them to length 1 for the cosine."""
        rows = rows.detach().to(self.device, torch.float32)
        if self.metric == "euclidean":
            return rows - self.centre
        tiny = torch.finfo(torch.float32).tiny
        rows = rows / rows.abs().amax(1, keepdim=True).clamp_min(tiny)  # squares may underflow
        return rows / rows.square().sum(1, keepdim=True).sqrt().clamp_min(tiny)

    def _candidates(self, q: Tensor) -> tuple[Indices, Indices]:
        """Returns pairs of a query and a group of references that may be among its k nearest."""
        limits = q.new_empty(len(q), 0)  # the k smallest upper bounds on distances so far
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(self.first), self.block):
            block = torch.as_tensor(self.first[start : start + self.block])
            r = self._prepared(self.references[block])
            lower, r_slack, q_slack = self._bounds(q, r)
            # The k-th smallest upper bound seen so far is an upper bound on the k-th smallest
            # distance. A reference whose lower bound exceeds it is not among the k nearest.
            best, place = lower.topk(min(self.k, len(r)), dim=1, largest=False)
            limits = torch.cat([limits, best + r_slack[place] + q_slack], 1)
            limits = limits.topk(min(self.k, limits.shape[1]), dim=1, largest=False).values
            near = self._below(lower, best, limits)
            found.append((near[0], near[1] + start, near[2]))
        query, group, lower = (torch.cat(parts) for parts in zip(*found, strict=True))
        if not limits.isfinite().all():
            raise NonFiniteError("features are too large: their squares overflow float32.")
        # Limits only fall from block to block, so early candidates are filtered again by the last
        # one.
        kept = lower <= limits[query, -1]
        return query[kept].cpu().numpy(), group[kept].cpu().numpy()

    def _bounds(self, q: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns lower bounds `(Q, R)` on |r|^2 - 2 q.r, and terms that make them upper bounds.

        The terms have shapes `(R,)` and `(Q, 1)`.
        """
        r_square, q_square = r.square().sum(1), q.square().sum(1, keepdim=True)
        bias = r_square if self.metric == "euclidean" else torch.zeros_like(r_square)
        lower = torch.addmm(bias - self.rounding * r_square, q, r.T, alpha=-2)
        q_slack = 2 * (self.rounding * q_square + self.underflow)
        return lower, 2 * self.rounding * r_square, q_slack

    def _below(self, lower: Tensor, best: Tensor, limits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns query, position in the block and lower bound of the pairs within the limits."""
        limit = limits[:, -1:]
        if limits.shape[1] < self.k:  # fewer than k references seen: nothing can be left out
            limit = torch.full_like(limit, torch.inf)
        # Most queries have no candidate in a block once their limit is low, and skip the full
        # comparison.
        rows = (best[:, :1] <= limit).squeeze(1).nonzero().squeeze(1)
        chosen = lower[rows]
        row, place = (chosen <= limit[rows]).nonzero(as_tuple=True)
        return rows[row], place, chosen[row, place]

    def _closest(self, queries: Tensor, query: Indices, group: Indices) -> Indices:
        """Selects the k nearest candidates of each query, by distance and then by index."""
        distance = self._distances(queries.numpy(), query, self.first[group])
        # Expand each group to its members, whose distances are equal, but to no more than k of
        # them.
        repeats = np.minimum(self.counts[group], self.k)
        query, distance = np.repeat(query, repeats), np.repeat(distance, repeats)
        within = np.arange(len(query)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        index = self.order[np.repeat(self.starts[group], repeats) + within]
        order = np.lexsort((index, distance, query))
        start = np.searchsorted(query[order], np.arange(len(queries)))
        return index[order][start[:, None] + np.arange(self.k)]

    def _distances(self, queries: NDArray[Any], query: Indices, reference: Indices) -> _Floats:
        """Returns distances of pairs in float64, up to a monotone transformation."""
        rows, chunk = self.references.numpy(), max(1, _EXACT_VALUES // self.references.shape[1])
        measure = _squared_distance if self.metric == "euclidean" else _negative_cosine
        parts: list[_Floats] = []
        for start in range(0, len(query), chunk):
            pairs = slice(start, start + chunk)
            a, b = queries[query[pairs]], rows[reference[pairs]]
            parts.append(measure(a.astype(np.float64), b.astype(np.float64)))
        return np.concatenate(parts)


def _squared_distance(a: _Floats, b: _Floats) -> _Floats:
    return np.square(a - b).sum(1)


def _negative_cosine(a: _Floats, b: _Floats) -> _Floats:
    lengths = np.sqrt(np.square(a).sum(1) * np.square(b).sum(1))
    return -np.divide((a * b).sum(1), lengths, out=np.zeros(len(a)), where=lengths > 0)
