"""Learning rates as functions of images seen."""

from __future__ import annotations

import math

from ..game import OptimizerSettings


def learning_rate(settings: OptimizerSettings, images_seen: int, total_images: int) -> float:
    """Constant until `decay_from`, then exponential to `final_learning_rate` at the end.

    Source: BiGAN, appendix C (from 2e-4 to 2e-6 over the second half).

    Args:
        settings: of the player.
        images_seen: so far.
        total_images: of the whole schedule.
    """
    start = settings.decay_from * total_images
    if images_seen <= start or settings.final_learning_rate == settings.learning_rate:
        return settings.learning_rate
    done = min((images_seen - start) / (total_images - start), 1.0)
    span = math.log(settings.final_learning_rate) - math.log(settings.learning_rate)
    return settings.learning_rate * math.exp(done * span)
