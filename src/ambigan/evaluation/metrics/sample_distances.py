"""Distances between two sets of examples, in any features."""

from __future__ import annotations

import importlib
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from ...core.errors import ConfigError
from ...core.imports import import_torchvision

WIDEST_COVARIANCE = 4096
"""Largest number of features whose covariance is computed."""
_CHUNK = 4096

_linalg = cast(Any, torch.linalg)


def frechet_distance(
    a: Float[Tensor, "M D"], b: Float[Tensor, "N D"], device: torch.device | str = "cpu"
) -> float:
    """Returns the squared Fréchet distance of the Gaussians with the moments of two sets.

    It is |m_a - m_b|^2 + tr(A + B - 2 (A B)^(1/2)) in float64, with covariances divided by N - 1.

    Source: Heusel et al., arXiv 1706.08500, equation 6.

    Args:
        a: Features of the first set, float32 `(N, D)`.
        b: Features of the second set, float32 `(M, D)`.
        device: Device on which the moments and eigenvalues are computed.

    Raises:
        ConfigError: There are fewer than two examples, or D is above 4096.
    """
    if (width := a.shape[1]) > WIDEST_COVARIANCE:
        raise ConfigError(
            f"the covariance of {width:,} features is too large for the Fréchet distance; use a"
            f" layer of {WIDEST_COVARIANCE:,} or fewer, such as one convolution instead of all."
        )
    (mean_a, cov_a), (mean_b, cov_b) = (_moments(x, device) for x in (a, b))
    # A B is not symmetric, so its root would need a general matrix square root, which is unstable
    # for singular covariances. A^(1/2) B A^(1/2) has the same eigenvalues and is symmetric and
    # positive semi-definite: the trace of the root is the sum of the roots of its eigenvalues.
    # Rounding may make the zero ones slightly negative.
    values, vectors = _linalg.eigh(cov_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    product = _linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * product
    return max(0.0, float(distance))


def kernel_distance(
    a: Float[Tensor, "M D"], b: Float[Tensor, "N D"], *, subsets: int, subset_size: int, seed: int
) -> tuple[float, float]:
    """Returns the unbiased squared MMD of two sets under the kernel (x . y / D + 1)^3 (KID).

    Mean and standard deviation are over random subsets, which are no larger than the smaller set.
    It is computed by torch-fidelity, in float64.

    Source: Bińkowski et al., arXiv 1801.01401 (KID).

    Args:
        a: Features of the first set, float32 `(N, D)`.
        b: Features of the second set, float32 `(M, D)`.
        subsets: Number of subsets.
        subset_size: Number of examples of each set in a subset.
        seed: Seed of the subsets.
    """
    found = import_fidelity("metric_kid").kid_features_to_metric(
        a.double(),
        b.double(),
        kid_subsets=subsets,
        kid_subset_size=min(subset_size, len(a), len(b)),
        kid_kernel="poly",
        kid_kernel_poly_degree=3,
        kid_kernel_poly_gamma=None,
        kid_kernel_poly_coef0=1,
        rng_seed=seed,
        verbose=False,
    )
    return found["kernel_inception_distance_mean"], found["kernel_inception_distance_std"]


def precision_and_recall(
    generated: Float[Tensor, "M D"], real: Float[Tensor, "N D"], neighbours: int
) -> tuple[float, float]:
    """Returns the share of samples near the data, and of data near the samples, in percent.

    An example is near a set if it lies within the distance of one of its members to that member's
    k-th neighbour in the set. Computed by torch-fidelity.

    Source: Kynkäänniemi et al., arXiv 1904.06991.

    Args:
        generated: Features of samples, float32 `(N, D)`.
        real: Features of data, float32 `(M, D)`.
        neighbours: Number k of the neighbour that defines nearness, below N and M.

    Raises:
        ConfigError: There are too few examples.
    """
    least = min(len(generated), len(real))
    if least <= neighbours:
        raise ConfigError(f"{neighbours} neighbours need more than {least} examples.")
    # torch-fidelity computes distances from products, which lose digits far from the origin.
    middle = real.double().mean(0)
    found = import_fidelity("metric_prc").prc_features_to_metric(
        (generated - middle).float(),
        (real - middle).float(),
        prc_neighborhood=neighbours,
        prc_batch_size=_CHUNK,
        save_cpu_ram=True,
        verbose=False,
    )
    return 100 * found["precision"], 100 * found["recall"]


def inception_score(
    logits: Float[Tensor, "N classes"], *, splits: int, seed: int
) -> tuple[float, float]:
    """Returns the mean and standard deviation of the Inception score over splits.

    The score is exp(mean KL(p(y | x) || p(y))). Computed by torch-fidelity.

    Source: Salimans et al., arXiv 1606.03498, section 4.

    Args:
        logits: Logits of samples, float32 `(N, 1008)`.
        splits: Number of splits.
        seed: Seed of the order in which samples are split.
    """
    found = import_fidelity("metric_isc").isc_features_to_metric(logits, splits, True, seed)
    return found["inception_score_mean"], found["inception_score_std"]


def _moments(features: Tensor, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Returns the mean `(D,)` and covariance `(D, D)`, float64."""
    num = len(features)
    if num < 2:
        raise ConfigError(f"distances of distributions need two examples or more; there are {num}.")
    parts = torch.split(features, _CHUNK)
    # Two passes: centring before the products loses no digits, where E[x x'] - m m' would.
    mean = torch.stack([part.sum(0, dtype=torch.float64) for part in parts]).sum(0) / num
    mean = mean.to(device)
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=device)
    for part in parts:
        centred = part.to(device).double() - mean
        scatter.addmm_(centred.T, centred)
    return mean, scatter / (num - 1)


def import_fidelity(module: str) -> Any:
    """Imports a module of torch-fidelity."""
    import_torchvision()  # torch-fidelity imports it, and not every wheel loads unaided
    return importlib.import_module(f"torch_fidelity.{module}")
