"""Protocols of the way through the latents and back."""

from __future__ import annotations

import torch

from ...data.dataset import Dataset
from ..metrics.reconstruction import Maps, reconstruction_errors, squared_errors
from ..result import Metric
from .registry import Scores, register_protocol

METRICS = tuple(
    metric
    for key, of in (("real", "data"), ("generated", "samples"), ("latent", "latents"))
    for metric in (
        Metric(f"ratio_{key}", "ratio", direction="lower", digits=3, of=of),
        Metric(f"error_{key}", "L2 error", direction="lower", digits=3, of=of),
        Metric(f"error_{key}_shuffled", "shuffled", digits=3, of=of),
    )
)


@register_protocol(
    "reconstruct",
    "mean L2 distance to the reconstruction, over that of the next example; images in [0, 1]",
    "BiGAN, the authors' code: EGr / EGr_b and EGg / EGg_b",
    metrics=METRICS,
    constants={"num_generated": 10_000, "seed": 0},
    quick=True,
)
def reconstruction_l2(
    maps: Maps, dataset: Dataset, device: torch.device | str, **constants: int
) -> Scores:
    """Of the test split, and where the method can, of samples and of latents.

    The ratio over data comes first, as the headline; a ratio that is not defined is left out.
    """
    errors = reconstruction_errors(maps, dataset, device=device, **constants)
    found = {metric.name: errors.get(metric.name) for metric in METRICS}
    return {name: value for name, value in found.items() if value is not None}


@register_protocol(
    "reconstruct",
    "mean squared error of reconstructed test data, over that of the training mean",
    "ours; 1 less the ratio is the share of variance that is explained",
    metrics=(
        Metric("ratio_mean", "error over the mean's", direction="lower", digits=3),
        Metric("mse", "squared error", direction="lower", digits=3),
        Metric("mse_mean", "of the training mean", digits=3),
    ),
)
def reconstruction_mse(maps: Maps, dataset: Dataset, device: torch.device | str) -> Scores:
    """Of the test split, by value; 1 or more is no better than to know nothing of the input."""
    error, of_mean = squared_errors(maps, dataset, device)
    ratio = {"ratio_mean": error / of_mean} if of_mean else {}
    return {**ratio, "mse": error, "mse_mean": of_mean}
