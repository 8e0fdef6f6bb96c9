"""Adversarial objectives, as functions of a discriminator's logits (before the sigmoid)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.precision import at_least_float32


def bce_real(logits: Tensor) -> Tensor:
    """-E[log D]: small where the logits say real. With D = sigmoid(logits), computed stably.

    Source: the cross-entropy of label 1 in Goodfellow et al. (2014) and Eq. 3 of BiGAN.

    Args:
        logits: any shape.

    Returns:
        A scalar, in float32 at least.
    """
    return F.softplus(-at_least_float32(logits)).mean()


def bce_fake(logits: Tensor) -> Tensor:
    """-E[log(1 - D)]: small where the logits say fake. The cross-entropy of label 0."""
    return F.softplus(at_least_float32(logits)).mean()


def hinge_real(scores: Tensor) -> Tensor:
    """E[max(0, 1 - score)]: zero beyond the margin on the real side. Lim and Ye (2017)."""
    return F.relu(1 - at_least_float32(scores)).mean()


def hinge_fake(scores: Tensor) -> Tensor:
    """E[max(0, 1 + score)]: zero beyond the margin on the generated side."""
    return F.relu(1 + at_least_float32(scores)).mean()


def saturation(logits: Tensor) -> Tensor:
    """The fraction of logits beyond 8 in size, where the sigmoid is within 4e-4 of its end."""
    return (logits.abs() > 8).float().mean()


def hinge_saturation(real: Tensor, fake: Tensor) -> Tensor:
    """The fraction of scores beyond the margin on their own side, from which D learns nothing."""
    return torch.cat([real > 1, fake < -1]).float().mean()


def saturated(real: Tensor, fake: Tensor, *, hinge: bool) -> Tensor:
    """The fraction of scores from which D learns nothing, by its objective."""
    return hinge_saturation(real, fake) if hinge else saturation(torch.cat([real, fake]))
