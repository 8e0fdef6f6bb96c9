"""Stand-ins for samples that know little of the data: distances mean something beside theirs."""

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
    """Draws of a Gaussian along the first principal components, with the data's mean.

    Args:
        train_values: a split's values, uint8 images or floats.
        width: how many components; what lies across them is left out.
        num: how many draws.
        seed: of them.
        bounded: whether they are cut off at -1 and 1.

    Returns:
        float32 `(num, *shape)`, as networks take them.
    """
    pca = fit_pca(train_values, width)
    parts = [pca.encode(to_float(part)) for part in torch.split(train_values, _CHUNK)]
    deviation = torch.cat(parts).std(0)
    coordinates = Randomness(seed, "gaussian").normal(num, len(deviation)) * deviation
    drawn = coordinates @ pca.components.float() + pca.mean.float()
    drawn = drawn.view(num, *train_values.shape[1:])
    return drawn.clamp_(-1, 1) if bounded else drawn


def shuffled_values(train_values: Tensor, num: int, seed: int) -> Tensor:
    """Examples of which each value is taken from another example of the split, by itself.

    Every value has its own distribution, and none knows of another.

    Args:
        train_values: a split's values.
        num: how many are made.
        seed: of the choice.

    Returns:
        As the split stores them, `(num, *shape)`.
    """
    flat = train_values.flatten(1)
    noise = Randomness(seed, "shuffled")
    columns = [(noise.uniform(num) * len(flat)).long() for _ in range(flat.shape[1])]
    made = torch.stack([flat[rows, place] for place, rows in enumerate(columns)], dim=1)
    return made.view(num, *train_values.shape[1:])
