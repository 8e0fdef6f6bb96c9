"""Search for the most similar examples by the cosine of features, exactly or with an index."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ...core.errors import CheckpointError, ConfigError
from .knn import nearest_neighbours

PROBED = 10
"""Divisor of the number of cells that a search visits: every tenth."""


@dataclass(frozen=True)
class Neighbours:
    """The references found for each query, the most similar first.

    Attributes:
        places: Indices of references, int64 `(N, k)`, with -1 where an index found fewer.
        cosines: Cosines with the query, float64 `(N, k)`, in [-1, 1].
    """

    places: Int[Tensor, "N k"]
    cosines: Float[Tensor, "N k"]


def search_exactly(
    queries: Float[Tensor, "N D"],
    references: Float[Tensor, "M D"],
    num: int,
    device: torch.device | str = "cpu",
) -> Neighbours:
    """Finds the `num` references of largest cosine among all; all if there are fewer."""
    num = min(num, len(references))
    places = nearest_neighbours(queries, references, num, "cosine", device=device)
    found = references[places.flatten()].view(*places.shape, -1)
    a, b = F.normalize(queries.double(), dim=1), F.normalize(found.double(), dim=2)
    return Neighbours(places, (b @ a[:, :, None]).squeeze(2).clamp_(-1, 1))


class SimilarityIndex:
    """An inverted-file index of FAISS over directions: fast with very many references, approximate.

    References are stored uncompressed, in about 2 sqrt(M) cells around centres found by k-means. A
    search visits the nearest tenth of the cells.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @classmethod
    def build(cls, references: Float[Tensor, "M D"]) -> SimilarityIndex:
        """Builds an index over references, float32 `(M, D)`.

        Raises:
            ConfigError: FAISS is not installed.
        """
        faiss = import_faiss()
        directions = F.normalize(references, dim=1).numpy()
        # FAISS wants about 40 references per cell to train the centres.
        num_cells = max(1, min(round(2 * len(directions) ** 0.5), len(directions) // 40))
        width = directions.shape[1]
        inner = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(width), width, num_cells, faiss.METRIC_INNER_PRODUCT
        )
        inner.train(directions)
        inner.add(directions)
        return cls(inner)

    @classmethod
    def read(cls, path: Path) -> SimilarityIndex:
        """Reads an index from a file.

        Raises:
            ConfigError: FAISS is not installed.
            CheckpointError: The file is damaged.
        """
        faiss = import_faiss()
        try:
            content = np.frombuffer(path.read_bytes(), np.uint8)
            return cls(faiss.deserialize_index(content))
        except RuntimeError as error:
            raise CheckpointError(
                f"{path} is damaged or not an index of FAISS; delete it."
            ) from error

    def dump(self) -> bytes:
        """Returns the content of a file that `read` takes."""
        return bytes(import_faiss().serialize_index(self.inner))

    def search(self, queries: Float[Tensor, "N D"], num: int) -> Neighbours:
        """Finds the `num` references of largest cosine in the visited cells."""
        self.inner.nprobe = max(8, self.inner.nlist // PROBED)
        num = min(num, int(self.inner.ntotal))
        cosines, places = self.inner.search(F.normalize(queries, dim=1).numpy(), num)
        return Neighbours(torch.as_tensor(places), torch.as_tensor(cosines).double())


def import_faiss() -> Any:
    """Imports FAISS.

    Raises:
        ConfigError: FAISS is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise ConfigError(
            "FAISS is not installed; install ambigan with the extra `search`, or leave out --index"
            " faiss to search exactly."
        ) from error
