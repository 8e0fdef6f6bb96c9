"""Simple substitutes for generated samples, which give distances to the data a scale."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.randomness import Randomness
from ...data.values import to_float
from .feature_baselines import fit_pca

_CHUNK = 1024


def gaussian_stand_in(
    train_values: Tensor, width: int, num: int, seed: int, bounded: bool
) -> Tensor:
    """Draws from a Gaussian along the first `width` principal components, with the data's mean.

    Directions outside their span are left out. Samples `(num, *shape)` are float32, as networks
    take them, and clipped to [-1, 1] where the data are bounded.
    """
    pca = fit_pca(train_values, width)
    parts = [pca.encode(to_float(part)) for part in torch.split(train_values, _CHUNK)]
    deviation = torch.cat(parts).std(0)
    coordinates = Randomness(seed, "gaussian").normal(num, len(deviation)) * deviation
    drawn = coordinates @ pca.components.float() + pca.mean.float()
    drawn = drawn.view(num, *train_values.shape[1:])
    return drawn.clamp_(-1, 1) if bounded else drawn


def shuffled_values(train_values: Tensor, num: int, seed: int) -> Tensor:
    """Makes examples `(num, *shape)` whose values are each taken from a random example of a split.

    Every value keeps its own distribution, and all values are independent.
    """
    flat = train_values.flatten(1)
    noise = Randomness(seed, "shuffled")
    columns = [(noise.uniform(num) * len(flat)).long() for _ in range(flat.shape[1])]
    made = torch.stack([flat[rows, place] for place, rows in enumerate(columns)], dim=1)
    return made.view(num, *train_values.shape[1:])
