"""Adversarial objectives, as functions of a discriminator's logits (before the sigmoid)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..core.precision import at_least_float32


def bce_real(logits: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """-E[log D]: small where the logits say real. With D = sigmoid(logits), computed stably.

    Source: the cross-entropy of label 1 in Goodfellow et al. (2014) and Eq. 3 of BiGAN.

    Args:
        logits: scores before the sigmoid, of any shape.

    Returns:
        A scalar, in float32 at least.
    """
    return F.softplus(-at_least_float32(logits)).mean()


def bce_fake(logits: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """-E[log(1 - D)]: small where the logits say fake. The cross-entropy of label 0."""
    return F.softplus(at_least_float32(logits)).mean()


def hinge_real(scores: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """E[max(0, 1 - score)]: zero beyond the margin on the real side. Lim and Ye (2017)."""
    return F.relu(1 - at_least_float32(scores)).mean()


def hinge_fake(scores: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """E[max(0, 1 + score)]: zero beyond the margin on the generated side."""
    return F.relu(1 + at_least_float32(scores)).mean()


def saturation(logits: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The fraction of logits beyond 8 in size, where the sigmoid is within 4e-4 of its end."""
    return (logits.abs() > 8).float().mean()


def bce_saturation(real: Float[Tensor, "..."], fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The fraction of all logits, of real and of generated data, that are saturated."""
    return saturation(torch.cat([real, fake]))


def hinge_saturation(real: Float[Tensor, "..."], fake: Float[Tensor, "..."]) -> Float[Tensor, ""]:
    """The fraction of scores beyond the margin on their own side, from which D learns nothing."""
    return torch.cat([real > 1, fake < -1]).float().mean()


LogitLoss = Callable[[Tensor], Tensor]
"""A scalar loss of scores."""


@dataclass(frozen=True)
class AdversarialObjective:
    """The losses of both sides of a game, each a function of the discriminator's scores.

    Attributes:
        real: D's loss on the scores of real data, small where they say real.
        fake: D's loss on the scores of generated data, small where they say fake.
        seem_real: the other side's loss, small where the scores of what it made say real.
        seem_fake: the other side's loss, small where the scores of what it made say fake; an
            encoder wants its pairs (x, E(x)) to seem generated.
        saturation: the fraction of real and generated scores from which D learns nothing.
    """

    real: LogitLoss
    fake: LogitLoss
    seem_real: LogitLoss
    seem_fake: LogitLoss
    saturation: Callable[[Tensor, Tensor], Tensor]


SWAPPED_LABELS = AdversarialObjective(bce_real, bce_fake, bce_real, bce_fake, bce_saturation)
"""Both sides descend cross-entropies, the other side with the labels swapped."""

MINIMAX = AdversarialObjective(
    bce_real,
    bce_fake,
    lambda logits: -bce_fake(logits),
    lambda logits: -bce_real(logits),
    bce_saturation,
)
"""The other side descends the value V that D ascends."""

HINGE = AdversarialObjective(
    hinge_real,
    hinge_fake,
    lambda scores: -scores.mean(),
    lambda scores: scores.mean(),
    hinge_saturation,
)
"""D has the margins of Lim and Ye (2017); the other side moves the raw scores."""

OBJECTIVES = {
    "non_saturating": SWAPPED_LABELS,  # its name in the GAN paper's line of work
    "inverse": SWAPPED_LABELS,  # its name for pairs, since BiGAN's appendix B
    "minimax": MINIMAX,
    "hinge": HINGE,
}
"""Objectives by the names that methods' settings have for them."""
