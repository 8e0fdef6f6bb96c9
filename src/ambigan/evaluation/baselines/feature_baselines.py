"""Baseline features that need no network: raw values, and PCA."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from scipy.linalg import eigh  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]
from sklearn.decomposition import PCA as SklearnPCA  # pyright: ignore[reportMissingTypeStubs]
from torch import Tensor

from ...core.data_spec import DataSpec
from ...data.values import to_float
from ..features import FeatureFunction

_CHUNK = 2048
MAX_EXACT_DIMS = 4096
"""Number of values per example up to which PCA is exact."""
ROWS_PER_COMPONENT = 3
"""Training examples for each component of the baseline, at least."""
SHARE_OF_VARIANCE = 0.95
"""Share of the variance that a baseline keeps which would else be little more than a rotation."""
MAX_RANDOMIZED_EXAMPLES = 20_000
"""Largest number of examples that the randomised solver is given."""


def raw_features(spec: DataSpec) -> FeatureFunction:
    """Returns the values themselves, flattened, as features under the name that suits them."""
    name = "pixels" if spec.kind == "images" else "raw values"
    return FeatureFunction(name, "baseline", lambda x: x.flatten(1))


@dataclass(frozen=True)
class PCA:
    """Principal components of a training split.

    Attributes:
        mean: The mean example, float64 `(D,)`.
        components: Orthonormal rows, float64 `(width, D)`, largest variance first. The largest
            value of a row is positive. Rows beyond the rank of the data may be zero.
    """

    mean: Tensor
    components: Tensor

    def encode(self, x: Tensor) -> Tensor:
        """Data `(N, *shape)` to coordinates `(N, width)`."""
        mean, components = self.mean.to(x), self.components.to(x)
        return (x.flatten(1) - mean) @ components.T

    def reconstruct(self, x: Tensor) -> Tensor:
        """Data to coordinates and back, `(N, *shape)`; the best linear way in squared error."""
        return (self.encode(x) @ self.components.to(x) + self.mean.to(x)).view_as(x)


def fit_pca(train_values: Tensor, width: int) -> PCA:
    """Fits principal components on a training split, deterministically.

    Exact, in float64 and by chunks, up to 4096 examples or 4096 values per example, whichever is
    fewer. Above that by scikit-learn's randomised solver, with a fixed seed, on at most 20,000
    examples, evenly spaced. Our exact solver needs no float64 copy of the data, as scikit-learn's
    does.

    Args:
        train_values: Values of a split, uint8 images or float vectors.
        width: Largest number of components; there are no more than examples or values.
    """
    num, dims = len(train_values), train_values[0].numel()
    width = min(width, num, dims)
    if min(num, dims) > MAX_EXACT_DIMS:
        return _fit_randomized(train_values, width)
    mean = _mean(train_values)
    fit = _by_covariance if dims <= num else _by_gram_matrix
    components = fit(train_values, mean, width)
    largest = components.abs().argmax(1, keepdim=True)
    return PCA(mean, components * components.gather(1, largest).sign())


def pca_name(width: int) -> str:
    """Returns the name of a PCA of this width in tables."""
    return f"pca{width}"


def pca_features(train_values: Tensor, width: int) -> FeatureFunction:
    """Returns coordinates along the first components, named by the width that they have."""
    return _features_of(fit_pca(train_values, width), train_values)


def pca_baseline(train_values: Tensor, num_latents: int) -> FeatureFunction:
    """Returns the PCA that features of a model are compared with, named by its width.

    It has as many components as the model has latents, but no more than a third of the training
    examples: with as many components as examples, those of other examples would be noise. Where
    that is more than half of the values of an example, so that the components would be little more
    than a rotation, it has as many as hold 95 % of the variance.

    Args:
        train_values: Values of the training split, uint8 images or float vectors.
        num_latents: Number of dimensions of the model's latents.
    """
    num, dims = len(train_values), train_values[0].numel()
    width = max(1, min(num_latents, num // ROWS_PER_COMPONENT))
    if width <= dims / 2:
        return pca_features(train_values, width)
    pca = fit_pca(train_values, dims)
    scores = torch.cat([pca.encode(to_float(part)) for part in torch.split(train_values, _CHUNK)])
    shares = scores.double().square().sum(0).cumsum(0)
    enough = int((shares < SHARE_OF_VARIANCE * shares[-1]).sum()) + 1
    return _features_of(PCA(pca.mean, pca.components[: min(enough, width)]), train_values)


def _features_of(pca: PCA, train_values: Tensor) -> FeatureFunction:
    """Coordinates along components, which protocols scale as values are scaled on average."""
    squares = [
        (to_float(part).flatten(1).double() - pca.mean).square().sum()
        for part in torch.split(train_values, _CHUNK)
    ]
    deviation = float(torch.stack(squares).sum() / train_values.numel()) ** 0.5
    name = pca_name(len(pca.components))
    return FeatureFunction(name, "baseline", pca.encode, common_scale=deviation or 1.0)


def _mean(values: Tensor) -> Tensor:
    """Returns the mean example, float64 `(D,)`."""
    sums = [
        to_float(part).flatten(1).sum(0, dtype=torch.float64)
        for part in torch.split(values, _CHUNK)
    ]
    return torch.stack(sums).sum(0) / len(values)


def _by_covariance(values: Tensor, mean: Tensor, width: int) -> Tensor:
    """Components as eigenvectors of the covariance, `(D, D)`."""
    total = mean.new_zeros(len(mean), len(mean))
    for part in torch.split(values, _CHUNK):
        # Centring first, in float64, loses no digits, where E[x x'] - m m' would.
        centred = to_float(part).flatten(1).double() - mean
        total.addmm_(centred.T, centred)
    return _largest_eigenvectors(total, width)[1]


def _by_gram_matrix(values: Tensor, mean: Tensor, width: int) -> Tensor:
    """Components from eigenvectors of the products of examples, `(N, N)`."""

    def columns() -> Iterator[Tensor]:
        for begin in range(0, len(mean), _CHUNK):
            part = values.flatten(1)[:, begin : begin + _CHUNK]
            yield to_float(part).double() - mean[begin : begin + _CHUNK]

    total = mean.new_zeros(len(values), len(values))
    for part in columns():
        total.addmm_(part, part.T)
    variances, vectors = _largest_eigenvectors(total, width)
    # Products are sums over all values of an example, whose rounding is larger on some processors.
    terms = max(len(values), len(mean))
    known = variances > variances[0] * terms * torch.finfo(torch.float64).eps
    scale = torch.where(known, variances, torch.inf).rsqrt()
    return torch.cat([(vectors * scale[:, None]) @ part for part in columns()], 1)


def _largest_eigenvectors(symmetric: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The `width` largest eigenvalues of a matrix, and their eigenvectors as rows."""
    size = len(symmetric)
    found = cast(Any, eigh)(symmetric.numpy(), subset_by_index=(size - width, size - 1))
    values, vectors = (torch.as_tensor(part) for part in found)
    return values.flip(0), vectors.T.flip(0)


def _fit_randomized(train_values: Tensor, width: int) -> PCA:
    """Fits components by scikit-learn's randomised solver."""
    step = -(-len(train_values) // MAX_RANDOMIZED_EXAMPLES)
    x = to_float(train_values[::step]).flatten(1).numpy()
    solver = cast(Any, SklearnPCA)(min(width, len(x)), svd_solver="randomized", random_state=0)
    solver.fit(x)
    mean, components = torch.as_tensor(solver.mean_), torch.as_tensor(solver.components_)
    return PCA(mean.double(), components.double())
