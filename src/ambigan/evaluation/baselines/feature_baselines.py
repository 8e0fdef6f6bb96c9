"""Baseline features: raw values, PCA of equal width, and the same network before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from sklearn.decomposition import PCA as SklearnPCA  # pyright: ignore[reportMissingTypeStubs]
from torch import Tensor

from ...data.values import to_float
from ...game import Method
from ..features import FeatureFunction, layer_features

_CHUNK = 2048
MAX_EXACT_DIMS = 4096
"""Number of values per example up to which PCA is exact."""
MAX_RANDOMIZED_EXAMPLES = 20_000
"""Largest number of examples that the randomised solver is given."""


def pixel_features(name: str = "pixels") -> FeatureFunction:
    """Returns the raw values, flattened, as features.

    Args:
        name: Name in tables; `raw values` suits vectors.
    """
    return FeatureFunction(name, "baseline", lambda x: x.flatten(1))


def random_encoder(method: Method, layer: str | None = None) -> FeatureFunction:
    """Returns a layer of a method before any training, such as `random encoder.hidden2`.

    Args:
        method: New method with the settings of the trained one, from another seed. Its running
            batch statistics must have been taken on the data, as those of the trained one were.
        layer: Name of the layer; the method's default feature layer if None.
    """
    layer = layer or method.default_layer
    return layer_features(method, layer, f"random {layer}", "baseline")


@dataclass(frozen=True)
class PCA:
    """Principal components of a training split.

    Attributes:
        mean: Mean example, float32 `(D,)`.
        components: Orthonormal rows, float32 `(width, D)`, largest variance first.
    """

    mean: Tensor
    components: Tensor

    @property
    def name(self) -> str:
        """The name in tables, such as `pca50`, with the actual width and not the requested one."""
        return pca_name(len(self.components))

    def encode(self, x: Tensor) -> Tensor:
        """Maps data `(N, *shape)` to coordinates `(N, width)`."""
        mean, components = self.mean.to(x.device), self.components.to(x.device)
        return (x.flatten(1) - mean) @ components.T

    def reconstruct(self, x: Tensor) -> Tensor:
        """Maps data to coordinates and back, `(N, *shape)`, with the least squared error."""
        mean, components = self.mean.to(x.device), self.components.to(x.device)
        return (self.encode(x) @ components + mean).view_as(x)

    @property
    def features(self) -> FeatureFunction:
        """The coordinates as features."""
        return FeatureFunction(self.name, "baseline", self.encode)


def fit_pca(train_values: Tensor, width: int) -> PCA:
    """Fits principal components on a training split, deterministically.

    Up to 4096 values per example it is exact, in float64 and by chunks. Above that it uses
    scikit-learn's randomised solver, with a fixed seed, on at most 20,000 evenly spaced examples.

    Args:
        train_values: Values of a split, uint8 images or float vectors.
        width: Requested number of components; there are no more than examples or values.
    """
    dims, width = train_values[0].numel(), pca_width(train_values, width)
    if dims > MAX_EXACT_DIMS:
        return _fit_randomized(train_values, width)
    mean = _mean(train_values)
    vectors = _eigenvectors(_scatter(train_values, mean))
    return PCA(mean.float(), vectors[:, :width].T.float().contiguous())


def pca_name(width: int) -> str:
    """Returns the name of a PCA of this width in tables."""
    return f"pca{width}"


def pca_width(train_values: Tensor, width: int) -> int:
    """Returns the actual number of components for a requested one."""
    return min(width, len(train_values), train_values[0].numel())


def pca_features(train_values: Tensor, width: int) -> FeatureFunction:
    """Returns coordinates along the first components of a training split, see `fit_pca`."""
    return fit_pca(train_values, width).features


def _mean(values: Tensor) -> Tensor:
    """Returns the mean example, float64 `(D,)`."""
    sums = [
        to_float(part).flatten(1).sum(0, dtype=torch.float64)
        for part in torch.split(values, _CHUNK)
    ]
    return torch.stack(sums).sum(0) / len(values)


def _scatter(values: Tensor, mean: Tensor) -> Tensor:
    """Returns the covariance times the number of examples, float64 `(D, D)`."""
    total = mean.new_zeros(len(mean), len(mean))
    for part in torch.split(values, _CHUNK):
        # Centring first, in float64, loses no digits, where E[x x'] - m m' would.
        centred = to_float(part).flatten(1).double() - mean
        total.addmm_(centred.T, centred)
    return total


def _eigenvectors(symmetric: Tensor) -> Tensor:
    """Returns the eigenvectors as columns `(D, D)`, the largest eigenvalue first."""
    _, vectors = cast(Any, torch.linalg).eigh(symmetric)
    return vectors.flip(1)


def _fit_randomized(train_values: Tensor, width: int) -> PCA:
    """Fits components by scikit-learn's randomised solver."""
    step = -(-len(train_values) // MAX_RANDOMIZED_EXAMPLES)
    x = to_float(train_values[::step]).flatten(1).numpy()
    solver = cast(Any, SklearnPCA)(min(width, len(x)), svd_solver="randomized", random_state=0)
    solver.fit(x)
    mean, components = torch.as_tensor(solver.mean_), torch.as_tensor(solver.components_)
    return PCA(mean.float(), components.float())
