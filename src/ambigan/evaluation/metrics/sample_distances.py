"""How far two sets of examples are apart, in any features of them."""

from __future__ import annotations

import importlib
from typing import Any, cast

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.torchvision_compat import import_torchvision

WIDEST_COVARIANCE = 4096
_CHUNK = 4096
Device = torch.device | str

_linalg = cast(Any, torch.linalg)


def frechet_distance(a: Tensor, b: Tensor, device: Device = "cpu") -> float:
    """The squared Fréchet distance of the Gaussians with the moments of two sets.

    |m_a - m_b|^2 + tr(A + B - 2 (A B)^(1/2)), in float64; covariances are divided by N - 1. The
    trace of the root is the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2).

    Source: Heusel et al., arXiv 1706.08500, equation 6.

    Args:
        a: float32 `(N, D)`.
        b: float32 `(M, D)`.
        device: where it is computed.

    Raises:
        ConfigError: there are fewer than two examples, or D is above 4096.
    """
    if (width := a.shape[1]) > WIDEST_COVARIANCE:
        raise ConfigError(
            f"the Fréchet distance of {width:,} features takes their covariance; use a layer of"
            f" {WIDEST_COVARIANCE:,} or fewer, such as one convolution instead of all."
        )
    (mean_a, cov_a), (mean_b, cov_b) = (_moments(x, device) for x in (a, b))
    values, vectors = _linalg.eigh(cov_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    product = _linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * product
    return max(0.0, float(distance))


def kernel_distance(
    a: Tensor, b: Tensor, *, subsets: int, subset_size: int, seed: int
) -> tuple[float, float]:
    """The squared MMD of two sets, unbiased, under the kernel (x . y / D + 1)^3.

    Mean and deviation over random subsets; of smaller sets, subsets are as large as the smaller.
    Computed by torch-fidelity, in float64.

    Source: Bińkowski et al., arXiv 1801.01401 (KID).

    Args:
        a: float32 `(N, D)`.
        b: float32 `(M, D)`.
        subsets: how many.
        subset_size: examples of each set in a subset.
        seed: of the subsets.
    """
    found = _fidelity("metric_kid").kid_features_to_metric(
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


def precision_and_recall(generated: Tensor, real: Tensor, neighbours: int) -> tuple[float, float]:
    """The shares in percent of samples near data, and of data near samples.

    Near is within the distance of an example of the other set to its k-th neighbour in that set.
    Computed by torch-fidelity.

    Source: Kynkäänniemi et al., arXiv 1904.06991.

    Args:
        generated: float32 `(N, D)`.
        real: float32 `(M, D)`.
        neighbours: k, below N and M.

    Raises:
        ConfigError: there are too few examples.
    """
    least = min(len(generated), len(real))
    if least <= neighbours:
        raise ConfigError(f"{neighbours} neighbours need more than {least} examples.")
    # Distances are made of products: far from the origin, they would lose their digits.
    middle = real.double().mean(0)
    found = _fidelity("metric_prc").prc_features_to_metric(
        (generated - middle).float(),
        (real - middle).float(),
        prc_neighborhood=neighbours,
        prc_batch_size=_CHUNK,
        save_cpu_ram=True,
        verbose=False,
    )
    return 100 * found["precision"], 100 * found["recall"]


def inception_score(logits: Tensor, *, splits: int, seed: int) -> tuple[float, float]:
    """The exponential of class probabilities' mean divergence from their mean, and its deviation.

    Mean and deviation are over splits.

    Computed by torch-fidelity.

    Source: Salimans et al., arXiv 1606.03498, section 4.
    """
    found = _fidelity("metric_isc").isc_features_to_metric(logits, splits, True, seed)
    return found["inception_score_mean"], found["inception_score_std"]


def _moments(features: Tensor, device: Device) -> tuple[Tensor, Tensor]:
    """Mean `(D,)` and covariance `(D, D)`, float64."""
    num = len(features)
    if num < 2:
        raise ConfigError(f"distances of distributions need two examples or more; there are {num}.")
    parts = torch.split(features, _CHUNK)
    mean = torch.stack([part.sum(0, dtype=torch.float64) for part in parts]).sum(0) / num
    mean = mean.to(device)
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=device)
    for part in parts:
        centred = part.to(device).double() - mean
        scatter.addmm_(centred.T, centred)
    return mean, scatter / (num - 1)


def _fidelity(module: str) -> Any:
    import_torchvision()  # torch-fidelity imports it, and not every wheel of it loads by itself
    return importlib.import_module(f"torch_fidelity.{module}")
