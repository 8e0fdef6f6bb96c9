"""Search for the most similar examples by cosine or distance, exactly or with an index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ...core.errors import CheckpointError
from ...core.imports import import_extra
from .knn import DistanceMetric, nearest_neighbours

PROBED = 10
"""Divisor of the number of cells that a search visits: every tenth."""


@dataclass(frozen=True)
class Neighbours:
    """The references found for each query, the most similar first.

    Attributes:
        places: Indices of references, int64 `(N, k)`, with -1 where an index found fewer.
        values: Cosines with the query, in [-1, 1], or Euclidean distances, float64 `(N, k)`.
    """

    places: Int[Tensor, "N k"]
    values: Float[Tensor, "N k"]


def search_exactly(
    queries: Float[Tensor, "N D"],
    references: Float[Tensor, "M D"],
    num: int,
    device: torch.device | str = "cpu",
    metric: DistanceMetric = "cosine",
) -> Neighbours:
    """Finds the `num` references of largest cosine, or of least distance, among all.

    Args:
        queries: Query features, float32 `(N, D)`.
        references: Reference features, float32 `(M, D)`.
        num: Number of references to find; all if there are fewer.
        device: Device on which products are computed.
        metric: What is compared.
    """
    num = min(num, len(references))
    places = nearest_neighbours(queries, references, num, metric, device=device)
    found = references[places.flatten()].view(*places.shape, -1)
    measure = _cosines if metric == "cosine" else _distances
    return Neighbours(places, measure(queries, found))


class SimilarityIndex:
    """An inverted-file index of FAISS: fast with very many references, approximate.

    References are stored uncompressed, in about 2 sqrt(M) cells around centres found by k-means. A
    search visits the nearest tenth of the cells.

    Args:
        inner: Index of FAISS.
        metric: What is compared; of cosines, directions are indexed.
    """

    def __init__(self, inner: Any, metric: DistanceMetric = "cosine") -> None:
        self.inner = inner
        self.metric: DistanceMetric = metric

    @classmethod
    def build(
        cls, references: Float[Tensor, "M D"], metric: DistanceMetric = "cosine"
    ) -> SimilarityIndex:
        """Builds an index over references.

        Args:
            references: Features, float32 `(M, D)`.
            metric: What is compared.

        Raises:
            ConfigError: FAISS is not installed.
        """
        faiss = import_faiss()
        rows = (F.normalize(references, dim=1) if metric == "cosine" else references).numpy()
        # FAISS wants about 40 references per cell to train the centres.
        num_cells = max(1, min(round(2 * len(rows) ** 0.5), len(rows) // 40))
        width = rows.shape[1]
        if metric == "cosine":
            coarse, kind = faiss.IndexFlatIP(width), faiss.METRIC_INNER_PRODUCT
        else:
            coarse, kind = faiss.IndexFlatL2(width), faiss.METRIC_L2
        inner = faiss.IndexIVFFlat(coarse, width, num_cells, kind)
        inner.train(rows)
        inner.add(rows)
        return cls(inner, metric)

    @classmethod
    def read(cls, path: Path, metric: DistanceMetric = "cosine") -> SimilarityIndex:
        """Reads an index from a file.

        Args:
            path: Path of the file.
            metric: What the index was built for.

        Raises:
            ConfigError: FAISS is not installed.
            CheckpointError: The file is damaged.
        """
        faiss = import_faiss()
        try:
            content = np.frombuffer(path.read_bytes(), np.uint8)
            return cls(faiss.deserialize_index(content), metric)
        except RuntimeError as error:
            raise CheckpointError(
                f"{path} is damaged or not an index of FAISS; delete it."
            ) from error

    def dump(self) -> bytes:
        """Returns the content of a file that `read` takes."""
        return bytes(import_faiss().serialize_index(self.inner))

    def search(self, queries: Float[Tensor, "N D"], num: int) -> Neighbours:
        """Finds the `num` references of largest cosine, or least distance, in the visited cells.

        Args:
            queries: Query features, float32 `(N, D)`.
            num: Number of references to find.
        """
        self.inner.nprobe = max(8, self.inner.nlist // PROBED)
        num = min(num, int(self.inner.ntotal))
        if self.metric == "cosine":
            queries = F.normalize(queries, dim=1)
        values, places = self.inner.search(queries.numpy(), num)
        measured = torch.as_tensor(values).double()
        if self.metric == "euclidean":  # FAISS gives squares
            measured = measured.clamp_min_(0).sqrt_()
        return Neighbours(torch.as_tensor(places), measured)


def import_faiss() -> Any:
    """Imports FAISS.

    Raises:
        ConfigError: FAISS is not installed.
    """
    return import_extra("faiss", "search", "--index faiss", "or leave it out to search exactly")


def _distances(queries: Tensor, found: Tensor) -> Tensor:
    """Returns the distances of queries `(N, D)` from their neighbours `(N, k, D)`."""
    return (found.double() - queries.double()[:, None]).square_().sum(2).sqrt_()


def _cosines(queries: Tensor, found: Tensor) -> Tensor:
    """Returns the cosines of queries `(N, D)` with their neighbours `(N, k, D)`."""
    a, b = F.normalize(queries.double(), dim=1), F.normalize(found.double(), dim=2)
    return (b @ a[:, :, None]).squeeze(2).clamp_(-1, 1)
