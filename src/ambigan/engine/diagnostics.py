"""Diagnostics of the networks, since GANs fail quietly: spread, rank, saturation and more."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ..core.feature_layers import eval_mode
from ..core.randomness import Randomness
from ..data.batches.sampler import Batches
from ..data.splits import arange
from ..game import Batch, Method

NUM_DIAGNOSED = 256
"""Examples, and as many latents, on which the networks are diagnosed."""

LOWEST = {"feature_spread": 1e-3, "feature_rank": 2.0, "sample_spread": 0.2}
HIGHEST = {"saturation": 0.9, "reconstruction_ratio": 0.98}
"""Bounds of the diagnostics; beyond them training warns."""

_VALIDATED_AT_ONCE = 256

_linalg: Any = torch.linalg  # its functions carry no types


def diagnosed_batch(method: Method, batches: Batches, seed: int) -> Batch:
    """The examples and latents of every diagnosis of a run: always the same."""
    noise = Randomness(seed, "watch", device=batches.device)
    size = min(NUM_DIAGNOSED, len(batches))
    return Batch(batches.draw(0, size), method.prior.sample(size, noise), noise)


@torch.no_grad()
def diagnose(method: Method, batch: Batch, *, can_reconstruct: bool = True) -> dict[str, float]:
    """Scalars that show collapse, computed in eval mode; the method is left unchanged.

    Args:
        method: networks to diagnose.
        batch: examples and latents to diagnose them on.
        can_reconstruct: whether all networks have begun to learn, so that reconstructions mean
            something; they are measured where the method declares that it can reconstruct.

    Returns:
        `feature_spread`, the mean standard deviation of a feature over data; `feature_rank`, the
        effective rank of the features; `sample_spread`, the mean deviation of generated values
        over that of data, where the method samples; `reconstruction_ratio`, the mean distance of
        a reconstruction to its own example over that to another one, where the method
        reconstructs; and the method's own diagnostics.
    """
    with eval_mode(method):
        features = method.features(batch.x)
        seen: dict[str, Tensor] = {
            "feature_spread": features.std(0).mean(),
            "feature_rank": effective_rank(features),
        }
        if "sample" in method.capabilities:
            seen["sample_spread"] = _spread(method.decode(batch.z)) / _spread(batch.x)
        if can_reconstruct and "reconstruct" in method.capabilities:
            x = method.resize_to_sample(batch.x)
            seen["reconstruction_ratio"] = reconstruction_ratio(x, method.reconstruct(batch.x))
        seen |= method.diagnostics(batch)
    return {name: float(value) for name, value in seen.items()}


def effective_rank(features: Tensor) -> Tensor:
    """Exp of the entropy of the normalised eigenvalues of the covariance of `(N, D)` features.

    Source: Roy and Vetterli (2007), with eigenvalues in place of singular values.
    """
    centred = (features - features.mean(0)).double()
    wide = centred.shape[0] > centred.shape[1]
    gram = centred.T @ centred if wide else centred @ centred.T
    if not bool(gram.isfinite().all()):
        return gram.new_tensor(torch.nan)
    eigenvalues = cast(Tensor, _linalg.eigvalsh(gram)).clamp_min(0)
    shares = eigenvalues / eigenvalues.sum().clamp_min(1e-300)
    return (-torch.xlogy(shares, shares).sum()).exp()


def reconstruction_ratio(x: Tensor, again: Tensor) -> Tensor:
    """Mean distance of reconstructions to their own examples over that to the examples before.

    Examples `(N, ...)` are in a random order. The ratio is 0 for perfect reconstructions, and 1 for
    those that know nothing of their examples.
    """
    own, other = (
        _linalg.vector_norm((again.float() - target).flatten(1), dim=1).mean()
        for target in (x, x.roll(1, 0))
    )
    return own / other.clamp_min(1e-12)


def collapse_warnings(seen: dict[str, float]) -> list[str]:
    """One line for each sign of collapse among the diagnostics."""
    found: list[str] = []
    if seen.get("sample_spread", 1.0) < LOWEST["sample_spread"]:
        found.append(f"samples hardly differ: {seen['sample_spread']:.2f} of the data's spread")
    if seen["feature_spread"] < LOWEST["feature_spread"]:
        found.append(f"features hardly differ: spread {seen['feature_spread']:.1e}")
    if seen["feature_rank"] < LOWEST["feature_rank"]:
        found.append(f"features lie on a line: effective rank {seen['feature_rank']:.2f}")
    if seen.get("saturation", 0.0) > HIGHEST["saturation"]:
        share = f"{seen['saturation']:.0%}"
        found.append(f"the discriminator is saturated: it learns nothing from {share} of scores")
    if (ratio := seen.get("reconstruction_ratio", 0.0)) > HIGHEST["reconstruction_ratio"]:
        found.append(
            "reconstructions are hardly nearer to their own examples than to others: "
            f"{ratio:.2f} of the distance"
        )
    return found


def _spread(values: Tensor) -> Tensor:
    return values.flatten(1).std(0).mean().clamp_min(1e-12)


@torch.no_grad()
def validation_error(method: Method, examples: Batches) -> Tensor:
    """The mean Euclidean distance of examples to their reconstructions, a float64 scalar.

    Args:
        method: networks that can reconstruct, which are left unchanged.
        examples: examples that are not trained on.
    """
    total = torch.zeros((), dtype=torch.float64, device=examples.device)
    with eval_mode(method):
        for start in range(0, len(examples), _VALIDATED_AT_ONCE):
            end = min(start + _VALIDATED_AT_ONCE, len(examples))
            x = examples.gather(arange(end)[start:].to(examples.values.device))
            away = method.reconstruct(x).float() - method.resize_to_sample(x)
            total += _linalg.vector_norm(away.flatten(1), dim=1).double().sum()
    return total / len(examples)
