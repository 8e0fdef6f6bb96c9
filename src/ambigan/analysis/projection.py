"""Features in two dimensions: which examples are neighbours in a feature space."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

from ..core.errors import DataError
from ..core.imports import import_extra
from ..evaluation.baselines.feature_baselines import fit_pca

Projection = Literal["pca", "tsne", "umap"]
"""How features are projected: linear, or with neighbourhoods kept by t-SNE or UMAP."""

FEWEST = 10
"""Number of points below which t-SNE and UMAP have no neighbourhoods to keep."""

_DIMENSIONS = 50
_PERPLEXITY = 30.0
_NEIGHBOURS = 15

_Floats = NDArray[Any]


def project(features: ArrayLike, method: Projection = "tsne", seed: int = 0) -> _Floats:
    """A point `(N, 2)`, float64, for each example; a function of the features and the seed.

    Wide features go through PCA to 50 dimensions first, and t-SNE starts from their first two. Of
    fewer than ten examples, and of examples that are all the same, it is PCA by any method.

    Source: t-SNE, van der Maaten and Hinton (2008); UMAP, McInnes, Healy and Melville (2018).

    Args:
        features: Finite features `(N, D)`.
        method: How they are projected.
        seed: Seed of t-SNE and UMAP.

    Raises:
        ConfigError: UMAP is not installed.
        DataError: There are no features, or some are not numbers.
    """
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise DataError(f"features have shape {values.shape}; a map takes (N, D), N above 0.")
    if not np.isfinite(values).all():
        raise DataError("some features are not numbers; there is no map of them.")
    with threadpool_limits(1):  # sums in one order, and no thread that waits for a busy core
        reduced = on_components(values, values, _DIMENSIONS)
        spread = float(reduced[:, 0].std())
        if method == "pca" or len(values) < FEWEST or spread < 1e-12:
            return _two(reduced)
        scaled = reduced / spread
        return _umap(scaled, seed) if method == "umap" else _tsne(scaled, seed)


def on_components(reference: _Floats, values: _Floats, num: int) -> _Floats:
    """Values `(N, D)`, float64, on the first `num` principal components of the reference."""
    return fit_pca(torch.as_tensor(reference), num).encode(torch.as_tensor(values)).numpy()


def has_umap() -> bool:
    """Whether UMAP is installed, without importing it, which takes seconds."""
    return find_spec("umap") is not None


def _tsne(values: _Floats, seed: int) -> _Floats:
    manifold: Any = import_module("sklearn.manifold")  # late: it takes a second to import
    start: Any = (_two(values) * 1e-4).astype(np.float32)
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    model = manifold.TSNE(perplexity=perplexity, init=start, random_state=seed)
    return np.asarray(model.fit_transform(values.astype(np.float32)), dtype=np.float64)


def _umap(values: _Floats, seed: int) -> _Floats:
    umap: Any = import_extra("umap", "explore", "a map by umap", "or take tsne or pca")
    # The start is given, since the spectral one fails for examples in separate groups.
    start = _two(values).astype(np.float32) * 10 / float(np.abs(_two(values)).max())
    neighbours = min(_NEIGHBOURS, len(values) - 1)
    model = umap.UMAP(n_neighbors=neighbours, init=start, random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(values.astype(np.float32)), dtype=np.float64)


def _two(values: _Floats) -> _Floats:
    """The first two columns; a missing second one is zero."""
    return np.pad(values[:, :2], ((0, 0), (0, max(0, 2 - values.shape[1]))))
