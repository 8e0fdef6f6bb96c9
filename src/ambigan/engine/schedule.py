"""What happens when in training, as functions of images seen and of iterations."""

from __future__ import annotations

import math

from ..game import OptimizerSettings, Player
from .config import TrainSettings

LEAST_DIAGNOSES = 10
"""Times that the networks of a run are diagnosed at least, however short the run is."""


def schedule_images(settings: TrainSettings, num_examples: int) -> int:
    """The number of images over which learning rates and phases are planned."""
    return (settings.schedule_epochs or settings.epochs) * num_examples


def num_iterations(settings: TrainSettings, num_examples: int, num_turns: int) -> int:
    """The number of iterations in a training; each of an iteration's turns draws a batch."""
    return math.ceil(settings.epochs * num_examples / (settings.batch_size * num_turns))


def is_active(player: Player, images_seen: int, total_images: int) -> bool:
    """Whether a player moves now; one that moves at the end of the plan goes on moving after it."""
    begin, end = player.schedule_window
    return begin <= min(images_seen / total_images, math.nextafter(1.0, 0.0)) < end


def has_begun(player: Player, images_seen: int, total_images: int) -> bool:
    """Whether a player has moved at least once."""
    return player.schedule_window[0] * total_images < images_seen


def player_rate(player: Player, images_seen: int, total_images: int) -> float:
    """A player's learning rate, planned over the part of training in which it moves."""
    begin, end = (fraction * total_images for fraction in player.schedule_window)
    return learning_rate(player.optimizer, max(images_seen - begin, 0), end - begin)


def learning_rate(settings: OptimizerSettings, images_seen: float, total_images: float) -> float:
    """Constant until `decay_from`, then exponential to `final_learning_rate` at the end.

    Source: BiGAN, appendix C (from 2e-4 to 2e-6 over the second half).
    """
    start = settings.decay_from * total_images
    if images_seen <= start or settings.final_learning_rate is None:
        return settings.learning_rate
    done = min((images_seen - start) / (total_images - start), 1.0)
    span = math.log(settings.final_learning_rate) - math.log(settings.learning_rate)
    return settings.learning_rate * math.exp(done * span)


def is_log_due(settings: TrainSettings, iterations: int, total: float) -> bool:
    """Whether a line of mean losses is due after this iteration."""
    return iterations == total or iterations % settings.log_every == 0


def is_diagnosis_due(settings: TrainSettings, iterations: int, total: float) -> bool:
    """Whether the networks are diagnosed after this iteration.

    They are at every `diagnose_every`-th line of the log and at the end; where that is less than
    ten times in the whole run, also after every tenth part of it.
    """
    spacing = settings.log_every * settings.diagnose_every
    is_rare = total < LEAST_DIAGNOSES * spacing
    tenth = max(1, int(total // LEAST_DIAGNOSES)) if is_rare else spacing
    return iterations == total or iterations % spacing == 0 or iterations % tenth == 0
