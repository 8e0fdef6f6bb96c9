"""Structural adversarial objectives: how embeddings of real and generated data lie to each other.

Source: *Structural Adversarial Objectives for Self-Supervised Representation Learning*, arXiv
2310.00357, and its authors' code. Moments are of the batch of all processes together, of embeddings
of length 1; the norm hinge takes embeddings as D gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ..core.distributed import global_mean
from ..core.precision import at_least_float32

_linalg: Any = torch.linalg  # its functions carry no types

Divergence = Literal["jsd", "bhattacharyya"]


@dataclass(frozen=True)
class Moments:
    """First and second moments of a set of embeddings.

    Attributes:
        mean: mean embedding, `(D,)`.
        covariance: covariance about the mean, `(D, D)`, divided by the number of embeddings.
    """

    mean: Float[Tensor, " D"]
    covariance: Float[Tensor, "D D"]

    @property
    def scatter(self) -> Float[Tensor, "D D"]:
        """The covariance about the mean's direction, a point of the sphere, `(D, D)`."""
        offset = self.mean - F.normalize(self.mean, dim=0)
        return self.covariance + torch.outer(offset, offset)


def moments_of(embeddings: Float[Tensor, "N D"]) -> Moments:
    """The moments of `(N, D)` embeddings, over all processes, with their gradients."""
    with torch.autocast(embeddings.device.type, enabled=False):
        wide = at_least_float32(embeddings)
        mean = global_mean(wide.mean(0))
        centred = wide - mean
        return Moments(mean, global_mean(centred.T @ centred / len(wide)))


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of two sets of equal size together."""
    apart = (a.mean - b.mean) / 2
    together = (a.covariance + b.covariance) / 2 + torch.outer(apart, apart)
    return Moments((a.mean + b.mean) / 2, together)


def gaussian_divergence(
    real: Moments, fake: Moments, scale: float, form: Divergence = "jsd"
) -> Float[Tensor, ""]:
    """The divergence of two sets of embeddings, as Gaussians; 0 for equal sets.

    Never negative as `bhattacharyya`. As `jsd` it may be, since each set is taken about a direction
    of its own, and the mean of both together may point along what is wide already.

    With R(C) = log det(I + scale C), the volume that a set fills:

    - `jsd`: (R(real and fake together) - (R(real) + R(fake)) / 2) / 2, each covariance about the
      direction of its set's mean, as the authors' code has it.
    - `bhattacharyya`: (R of the mean covariance - (R(real) + R(fake)) / 2) / 2 + d' (I / scale +
      mean covariance)^-1 d / 8, with d between the means: the distance of that name between
      Gaussians to whose covariances I / scale is added. The authors' code has the first part,
      commented out; without the second, sets that differ in their means alone are at no distance,
      and with it two sets of one point each, opposite, are farthest of all.

    Source: the coarse-scale objective of the paper.

    Args:
        real: moments of real embeddings of length 1.
        fake: moments of as many generated embeddings of length 1.
        scale: factor of covariances; D / 0.5 in the authors' code, 256 for 128 dimensions.
        form: name of the divergence.

    Returns:
        A scalar.
    """
    if form == "jsd":
        whole = log_volume(merge_moments(real, fake).scatter, scale)
        return (whole - (log_volume(real.scatter, scale) + log_volume(fake.scatter, scale)) / 2) / 2
    middle = (real.covariance + fake.covariance) / 2
    volumes = log_volume(real.covariance, scale) + log_volume(fake.covariance, scale)
    apart = (real.mean - fake.mean)[:, None]
    solved = torch.cholesky_solve(scale * apart, _factor(middle, scale))
    return (log_volume(middle, scale) - volumes / 2) / 2 + (apart * solved).sum() / 8


def log_volume(covariance: Float[Tensor, "D D"], scale: float) -> Float[Tensor, ""]:
    """R(C) = log det(I + scale C) of a symmetric, positive `(D, D)`."""
    return 2 * _factor(covariance, scale).diagonal().log().sum()


def _factor(covariance: Tensor, scale: float) -> Tensor:
    """The lower triangular L with L L' = I + scale C; not a number where C is none."""
    unit = torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    return _linalg.cholesky_ex(unit + scale * covariance).L


@torch.no_grad()
def nearest_rows(
    queries: Float[Tensor, "N D"], keys: Float[Tensor, "M D"], num: int, skip: int = 0
) -> Int[Tensor, "N {num}"]:
    """Which keys lie at the smallest angles to each query, int64 `(N, num)`.

    In float32 at least, under autocast too: bfloat16 keeps two digits of a cosine, and among
    thousands of keys a third of the neighbours would be others.

    Args:
        queries: vectors of any length, `(N, D)`.
        keys: vectors of any length, `(M, D)`.
        num: number of keys for each query.
        skip: number of the nearest that are left out first: 1 where a query is among the keys.
    """
    with torch.autocast(queries.device.type, enabled=False):
        directions = F.normalize(at_least_float32(keys), dim=1)
        cosines = at_least_float32(queries) @ directions.T
    return cosines.topk(num + skip, dim=1).indices[:, skip:]


def mean_similarity(
    queries: Float[Tensor, "N D"], keys: Float[Tensor, "M D"], chosen: Int[Tensor, "N K"]
) -> Float[Tensor, ""]:
    """The mean cosine between embeddings and those chosen for each, on this process.

    Source: the fine-scale objective of the paper.

    Args:
        queries: embeddings of length 1, `(N, D)`.
        keys: embeddings of length 1, `(M, D)`.
        chosen: rows of `keys` for each query, int64 `(N, K)`.
    """
    with torch.autocast(queries.device.type, enabled=False):
        found = at_least_float32(keys)[chosen]
        return torch.einsum("nd,nkd->nk", at_least_float32(queries), found).mean()


def norm_hinge(embeddings: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """E[max(0, 1 - |e|)^2]: embeddings that are not to shrink below length 1, `(N, D)`."""
    lengths: Tensor = _linalg.vector_norm(at_least_float32(embeddings), dim=1)
    return F.relu(1 - lengths).square().mean()
