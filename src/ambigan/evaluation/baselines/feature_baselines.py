"""What results are compared with: raw values, PCA of equal width, the same network untrained."""

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
MAX_RANDOMIZED_EXAMPLES = 20_000


def pixel_features(name: str = "pixels") -> FeatureFunction:
    """The raw values, flattened; say `raw values` where the data are vectors."""
    return FeatureFunction(name, "baseline", lambda x: x.flatten(1))


def random_encoder(method: Method, layer: str | None = None) -> FeatureFunction:
    """A layer of a method before any training, such as `random encoder.hidden2`.

    Args:
        method: fresh, with the settings of the one measured, from another seed. Its running batch
            statistics must have been taken on the data, as those of the trained one were.
        layer: the method's feature layer if None.
    """
    layer = layer or method.default_layer
    return layer_features(method, layer, f"random {layer}", "untrained")


@dataclass(frozen=True)
class PCA:
    """Principal components of a training split.

    Attributes:
        mean: float32 `(D,)`.
        components: float32 `(width, D)`, orthonormal rows, largest variance first.
    """

    mean: Tensor
    components: Tensor

    @property
    def name(self) -> str:
        """Such as `pca50`, with the width that it has, not the one asked for."""
        return pca_name(len(self.components))

    def encode(self, x: Tensor) -> Tensor:
        """Data `(N, *shape)` to coordinates `(N, width)`."""
        mean, components = self.mean.to(x.device), self.components.to(x.device)
        return (x.flatten(1) - mean) @ components.T

    def reconstruct(self, x: Tensor) -> Tensor:
        """Data to coordinates and back, `(N, *shape)`; the best linear way in squared error."""
        mean, components = self.mean.to(x.device), self.components.to(x.device)
        return (self.encode(x) @ components + mean).view_as(x)

    @property
    def features(self) -> FeatureFunction:
        """The coordinates as features."""
        return FeatureFunction(self.name, "baseline", self.encode)


def fit_pca(train_values: Tensor, width: int) -> PCA:
    """Fits components on a training split, deterministically.

    Exact, in float64 and by chunks, up to 4096 values per example. Above that by scikit-learn's
    randomised solver, with a fixed seed, on at most 20,000 examples, evenly spaced.

    Args:
        train_values: a split's values, uint8 images or float vectors.
        width: how many components are asked for; there are no more than examples or values.
    """
    dims, width = train_values[0].numel(), pca_width(train_values, width)
    if dims > MAX_EXACT_DIMS:
        return _fit_randomized(train_values, width)
    mean = _mean(train_values)
    vectors = _eigenvectors(_scatter(train_values, mean))
    return PCA(mean.float(), vectors[:, :width].T.float().contiguous())


def pca_name(width: int) -> str:
    """Of so many components, in tables."""
    return f"pca{width}"


def pca_width(train_values: Tensor, width: int) -> int:
    """How many components there are, of so many asked for."""
    return min(width, len(train_values), train_values[0].numel())


def pca_features(train_values: Tensor, width: int) -> FeatureFunction:
    """Coordinates along the first components of a training split; see `fit_pca`."""
    return fit_pca(train_values, width).features


def _mean(values: Tensor) -> Tensor:
    """The mean example, `(D,)` float64."""
    sums = [
        to_float(part).flatten(1).sum(0, dtype=torch.float64)
        for part in torch.split(values, _CHUNK)
    ]
    return torch.stack(sums).sum(0) / len(values)


def _scatter(values: Tensor, mean: Tensor) -> Tensor:
    """The covariance times the number of examples, `(D, D)` float64."""
    total = mean.new_zeros(len(mean), len(mean))
    for part in torch.split(values, _CHUNK):
        centred = to_float(part).flatten(1).double() - mean
        total.addmm_(centred.T, centred)
    return total


def _eigenvectors(symmetric: Tensor) -> Tensor:
    """The columns, `(D, D)`, with the largest eigenvalue first."""
    _, vectors = cast(Any, torch.linalg).eigh(symmetric)
    return vectors.flip(1)


def _fit_randomized(train_values: Tensor, width: int) -> PCA:
    step = -(-len(train_values) // MAX_RANDOMIZED_EXAMPLES)
    x = to_float(train_values[::step]).flatten(1).numpy()
    solver = cast(Any, SklearnPCA)(min(width, len(x)), svd_solver="randomized", random_state=0)
    solver.fit(x)
    mean, components = torch.as_tensor(solver.mean_), torch.as_tensor(solver.components_)
    return PCA(mean.float(), components.float())
