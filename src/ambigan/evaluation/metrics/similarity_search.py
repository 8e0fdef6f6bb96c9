"""The nearest of many examples by the cosine of their features: exactly, or by an index."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.errors import CheckpointError, ConfigError
from .knn import nearest_neighbours

PROBED = 10
"""An index looks into every tenth of its cells."""


@dataclass(frozen=True)
class Neighbours:
    """What was found for each query, the most similar first.

    Attributes:
        places: among the references, int64 `(N, k)`; -1 where an index found fewer.
        cosines: float64 `(N, k)`, in [-1, 1].
    """

    places: Tensor
    cosines: Tensor


def search_exactly(
    queries: Tensor, references: Tensor, num: int, device: torch.device | str = "cpu"
) -> Neighbours:
    """The `num` references of largest cosine, found among all.

    Args:
        queries: float32 `(N, D)`.
        references: float32 `(M, D)`.
        num: how many; all if there are fewer.
        device: where products are computed.
    """
    num = min(num, len(references))
    places = nearest_neighbours(queries, references, num, "cosine", device=device)
    return Neighbours(
        places, _cosines(queries, references[places.flatten()].view(*places.shape, -1))
    )


class SimilarityIndex:
    """FAISS's inverted file over directions: quick among very many, and nearly right.

    References are kept as they are, in 2 sqrt(M) cells around centres found by k-means; a search
    looks into the nearest tenth of the cells.
    """

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @classmethod
    def build(cls, references: Tensor) -> SimilarityIndex:
        """An index over float32 `(M, D)`.

        Raises:
            ConfigError: FAISS is not installed.
        """
        faiss = import_faiss()
        directions = F.normalize(references, dim=1).numpy()
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
        """An index that was written.

        Raises:
            ConfigError: FAISS is not installed.
            CheckpointError: the file is torn.
        """
        faiss = import_faiss()
        try:
            content = np.frombuffer(path.read_bytes(), np.uint8)
            return cls(faiss.deserialize_index(content))
        except RuntimeError as error:
            raise CheckpointError(f"{path} is no index of FAISS, or torn; delete it.") from error

    def dump(self) -> bytes:
        """The content of a file that `read` takes."""
        return bytes(import_faiss().serialize_index(self.inner))

    def search(self, queries: Tensor, num: int) -> Neighbours:
        """The `num` references of largest cosine among those looked at.

        Args:
            queries: float32 `(N, D)`.
            num: how many.
        """
        self.inner.nprobe = max(8, self.inner.nlist // PROBED)
        num = min(num, int(self.inner.ntotal))
        cosines, places = self.inner.search(F.normalize(queries, dim=1).numpy(), num)
        return Neighbours(torch.as_tensor(places), torch.as_tensor(cosines).double())


def import_faiss() -> Any:
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise ConfigError(
            "FAISS is not installed; install ambigan with the extra `search`, or leave out --index"
            " faiss to search exactly."
        ) from error


def _cosines(queries: Tensor, found: Tensor) -> Tensor:
    """Of each query `(N, D)` with what was found for it, `(N, k, D)`."""
    a, b = F.normalize(queries.double(), dim=1), F.normalize(found.double(), dim=2)
    return (b @ a[:, :, None]).squeeze(2).clamp_(-1, 1)
