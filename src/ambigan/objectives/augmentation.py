"""Differentiable augmentation: what D sees of real and generated images alike.

Source: Zhao et al. (2020), arXiv 2006.10738, its policy colour, translation, cutout.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.randomness import Randomness

TRANSLATED = 1 / 8
CUT = 1 / 2


def check_augmentable(spec: DataSpec, asked: bool) -> None:
    """Refuses to augment vectors.

    Raises:
        ConfigError: augmentation is asked for, and data are vectors.
    """
    if asked and spec.kind != "images":
        raise ConfigError(
            "settings.augment true is for images, and the data are vectors; leave it out."
        )


def augment(x: Float[Tensor, "N C H W"], noise: Randomness) -> Float[Tensor, "N C H W"]:
    """Images with other colours, moved, and with a hole; gradients flow to what is still seen.

    Args:
        x: images `(N, C, H, W)` in [-1, 1].
        noise: source of randomness of the turn; each image is changed in a way of its own.

    Returns:
        Images of the same shape; brightness and contrast may leave [-1, 1], as in the authors'
        code.
    """
    return cutout(translate(recolour(x, noise), noise), noise)


def recolour(x: Float[Tensor, "N C H W"], noise: Randomness) -> Float[Tensor, "N C H W"]:
    """Brightness moved by up to 0.5, saturation times 0 to 2, contrast times 0.5 to 1.5."""
    shift, saturation, contrast = noise.uniform(len(x), 3).to(x.dtype).T[:, :, None, None, None]
    x = x + (shift - 0.5)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    middle = x.mean((1, 2, 3), keepdim=True)
    return (x - middle) * (contrast + 0.5) + middle


def translate(x: Float[Tensor, "N C H W"], noise: Randomness) -> Float[Tensor, "N C H W"]:
    """Images moved by up to an eighth of a side; what comes in from outside is grey (0)."""
    places: list[Tensor] = []
    inside: list[Tensor] = []
    for side, chance in zip(x.shape[2:], noise.uniform(len(x), 2).T, strict=True):
        reach = int(side * TRANSLATED + 0.5)
        offset = (chance * (2 * reach + 1)).floor().long()[:, None] - reach
        place = torch.arange(side, device=x.device) + offset
        inside.append((place >= 0) & (place < side))
        places.append(place.clamp(0, side - 1))
    images = torch.arange(len(x), device=x.device)[:, None, None]
    moved = x.permute(0, 2, 3, 1)[images, places[0][:, :, None], places[1][:, None, :]]
    seen = inside[0][:, :, None] & inside[1][:, None, :]
    return moved.permute(0, 3, 1, 2) * seen[:, None]


def cutout(x: Float[Tensor, "N C H W"], noise: Randomness) -> Float[Tensor, "N C H W"]:
    """A rectangle of half the height and width, anywhere, becomes grey (0)."""
    hidden: list[Tensor] = []
    for side, chance in zip(x.shape[2:], noise.uniform(len(x), 2).T, strict=True):
        length = int(side * CUT + 0.5)
        centre = (chance * (side + 1 - length % 2)).floor()[:, None]
        distance = torch.arange(side, device=x.device) - centre + length // 2
        hidden.append((distance >= 0) & (distance < length))
    return x * ~(hidden[0][:, None, :, None] & hidden[1][:, None, None, :])
