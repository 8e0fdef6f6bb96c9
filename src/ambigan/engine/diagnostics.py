"""What is watched beside the losses, since GANs fail quietly: spread, rank and saturation."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from ..game import Batch, Method

LOWEST = {"feature_spread": 1e-3, "feature_rank": 2.0, "sample_spread": 0.2}
HIGHEST = {"saturation": 0.9}
"""Beyond these, what is watched raises an alarm."""


@torch.no_grad()
def diagnose(method: Method, batch: Batch) -> dict[str, float]:
    """Scalars that show collapse, in eval mode; the method is left unchanged.

    Returns:
        `feature_spread`: mean deviation of a feature over data; `feature_rank`: effective rank of
        the features; `sample_spread`: mean deviation of generated values over that of data, where
        the method samples; and what the method itself watches.
    """
    modes = {module: module.training for module in method.modules()}
    method.eval()
    try:
        features = method.features(batch.x)
        seen: dict[str, Tensor] = {
            "feature_spread": features.std(0).mean(),
            "feature_rank": effective_rank(features),
        }
        if "sample" in method.capabilities:
            seen["sample_spread"] = _spread(method.decode(batch.z)) / _spread(batch.x)
        seen |= method.diagnostics(batch)
    finally:
        for module, training in modes.items():
            module.training = training
    return {name: float(value) for name, value in seen.items()}


def effective_rank(features: Tensor) -> Tensor:
    """Exp of the entropy of the normalised eigenvalues of the covariance of `(N, D)` features.

    Source: Roy and Vetterli (2007), with eigenvalues in place of singular values.
    """
    centred = (features - features.mean(0)).double()
    wide = centred.shape[0] > centred.shape[1]
    gram = centred.T @ centred if wide else centred @ centred.T
    eigenvalues = cast(Tensor, torch.linalg.eigvalsh(gram)).clamp_min(0)  # pyright: ignore[reportUnknownMemberType]
    shares = eigenvalues / eigenvalues.sum().clamp_min(1e-300)
    return (-torch.xlogy(shares, shares).sum()).exp()


def collapse_warnings(seen: dict[str, float]) -> list[str]:
    """One line for each sign of collapse among what `look` saw."""
    found: list[str] = []
    if seen.get("sample_spread", 1.0) < LOWEST["sample_spread"]:
        found.append(f"samples hardly differ: {seen['sample_spread']:.2f} of the data's spread")
    if seen["feature_spread"] < LOWEST["feature_spread"]:
        found.append(f"features hardly differ: spread {seen['feature_spread']:.1e}")
    if seen["feature_rank"] < LOWEST["feature_rank"]:
        found.append(f"features lie on a line: effective rank {seen['feature_rank']:.2f}")
    if seen.get("saturation", 0.0) > HIGHEST["saturation"]:
        found.append(f"the discriminator is saturated on {seen['saturation']:.0%} of its scores")
    return found


def _spread(values: Tensor) -> Tensor:
    return values.flatten(1).std(0).mean().clamp_min(1e-12)
