"""Protocols of what a method draws, against the test split."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..metrics.inception import POOL_LAYER
from ..metrics.sample_distances import (
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_and_recall,
)
from ..result import Metric
from .registry import Scores, register_protocol

FURTHER_METRICS = (
    Metric("kid", "KID", direction="lower", digits=4),
    Metric("kid_deviation", "±", digits=4),
    Metric("precision", "precision", unit="%", direction="higher"),
    Metric("recall", "recall", unit="%", direction="higher"),
)


@register_protocol(
    "sample",
    "Fréchet and kernel distance, precision and recall of 10,000 samples, in features of a run",
    "ours; Heusel et al. 1706.08500, Bińkowski et al. 1801.01401, Kynkäänniemi et al. 1904.06991",
    metrics=(Metric("frechet", "Fréchet", direction="lower"), *FURTHER_METRICS),
    constants={
        "num_generated": 10_000,
        "seed": 0,
        "subsets": 50,
        "subset_size": 1000,
        "neighbours": 3,
    },
)
def generation_features(
    generated: Tensor, real: Tensor, device: torch.device | str, *, seed: int, **constants: Any
) -> Scores:
    """Samples against the whole test split, in features of a network that was learned without.

    All features are divided by one number, the root mean square of the test split's, so that a
    layer's units do not count. Distances in different features cannot be compared, nor with those
    of Inception; the floor is what as many training examples have (`training examples`).
    """
    unit = float(real.double().square().mean().sqrt()) or 1.0
    generated, real = generated / unit, real / unit
    return {
        "frechet": frechet_distance(generated, real, device),
        **_others(generated, real, seed, **constants),
    }


@register_protocol(
    "sample",
    "FID, KID, precision, recall and IS of 10,000 samples against the test split, by Inception",
    "torch-fidelity with the reference weights; FID there is usually of 50,000 samples",
    metrics=(
        Metric("fid", "FID", direction="lower"),
        *FURTHER_METRICS,
        Metric("inception_score", "IS", direction="higher"),
        Metric("inception_score_deviation", "±"),
    ),
    constants={
        "num_generated": 10_000,
        "seed": 0,
        "subsets": 100,
        "subset_size": 1000,
        "neighbours": 3,
        "splits": 10,
        "score_seed": 2020,
    },
    reference="inception",
)
def generation_inception(
    generated: Tensor,
    real: Tensor,
    device: torch.device | str,
    *,
    splits: int,
    score_seed: int,
    **constants: Any,
) -> Scores:
    """Samples against the whole test split in Inception's pooled features; IS of its logits.

    Images are rounded to 256 levels and resized as TensorFlow's graph did. The test splits of most
    sets hold 10,000 images or fewer, and FID grows as sets shrink: it cannot stand beside figures
    of 50,000. IS and KID draw orders and subsets from `score_seed`, torch-fidelity's own; latents
    are drawn from `seed`.
    """
    pooled, data = generated[:, :POOL_LAYER].contiguous(), real[:, :POOL_LAYER].contiguous()
    score, deviation = inception_score(generated[:, POOL_LAYER:], splits=splits, seed=score_seed)
    return {
        "fid": frechet_distance(pooled, data, device),
        **_others(pooled, data, score_seed, **constants),
        "inception_score": score,
        "inception_score_deviation": deviation,
    }


def _others(
    generated: Tensor,
    real: Tensor,
    draw_seed: int,
    *,
    subsets: int,
    subset_size: int,
    neighbours: int,
    **_of_samples: int,
) -> dict[str, float | None]:
    kid, deviation = kernel_distance(
        generated, real, subsets=subsets, subset_size=subset_size, seed=draw_seed
    )
    precision, recall = precision_and_recall(generated, real, neighbours)
    return {"kid": kid, "kid_deviation": deviation, "precision": precision, "recall": recall}
