"""Learning rates, and who plays, as functions of images seen."""

from __future__ import annotations

import math

from ..game import OptimizerSettings, Player
from .config import TrainSettings


def schedule_images(settings: TrainSettings, num_examples: int) -> int:
    """Images over which rates and phases are planned."""
    return (settings.schedule_epochs or settings.epochs) * num_examples


def num_iterations(settings: TrainSettings, num_examples: int, num_turns: int) -> int:
    """Iterations in a training; each of an iteration's turns draws a batch."""
    return math.ceil(settings.epochs * num_examples / (settings.batch_size * num_turns))


def is_active(player: Player, images_seen: int, total_images: int) -> bool:
    """Whether a player moves now; who plays to the end plays on after it, too."""
    begin, end = player.schedule_window
    return begin <= min(images_seen / total_images, math.nextafter(1.0, 0.0)) < end


def player_rate(player: Player, images_seen: int, total_images: int) -> float:
    """A player's learning rate, planned over the part of training in which it moves."""
    begin, end = (fraction * total_images for fraction in player.schedule_window)
    return learning_rate(player.optimizer, max(images_seen - begin, 0), end - begin)


def learning_rate(settings: OptimizerSettings, images_seen: float, total_images: float) -> float:
    """Constant until `decay_from`, then exponential to `final_learning_rate` at the end.

    Source: BiGAN, appendix C (from 2e-4 to 2e-6 over the second half).

    Args:
        settings: of the player.
        images_seen: so far.
        total_images: of the whole schedule.
    """
    start = settings.decay_from * total_images
    if images_seen <= start or settings.final_learning_rate is None:
        return settings.learning_rate
    done = min((images_seen - start) / (total_images - start), 1.0)
    span = math.log(settings.final_learning_rate) - math.log(settings.learning_rate)
    return settings.learning_rate * math.exp(done * span)
