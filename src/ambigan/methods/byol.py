"""BYOL, a peer without negatives. Grill et al.; arXiv 2006.07733.

There is no game: from one view of an image, E and a predictor learn to predict what a teacher, an
average of earlier E, makes of the other view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from ..core.settings import Fraction
from ..game import Batch, Player, Terms
from ..networks.layers.basic import BatchNorm
from ..networks.layers.memory import Teacher
from ..objectives.views import prediction_error
from .registry import register_method
from .two_views import TwoViewSettings, TwoViewTask


@dataclass(frozen=True)
class BYOLSettings(TwoViewSettings):
    """Settings of the task.

    Attributes:
        predictor_width: number of hidden units of the predictor; 4096 in the paper.
        teacher_decay: decay per iteration of the averaged E at the start, in [0, 1); it rises to 1
            along half a cosine over the planned training.
    """

    predictor_width: PositiveInt = 4096
    teacher_decay: Fraction = 0.996


@register_method("byol")
class BYOL(TwoViewTask):
    """An encoder E and a predictor q, trained to predict the teacher's embeddings.

    Deviation: the paper also has batch norm in the projector, which is E's head here and has none,
    as in the other peers. Therefore only q depends on the rest of the batch.
    """

    Settings = BYOLSettings

    def __init__(self, settings: BYOLSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        # No loss depends on this bias: q's batch norm takes away what all embeddings share.
        self.encoder.output.linear.register_parameter("bias", None)
        self.predictor = Predictor(settings.embedding_dim, settings.predictor_width)
        self.players = (Player("encoder", ("encoder", "predictor"), settings.optimizer),)
        self.teacher = Teacher(self.encoder)

    def check_batch(self, size: int) -> None:
        """Refuses single images, which batch norm cannot standardise."""
        if size < 2:
            raise ConfigError(
                "the predictor of method byol has batch norm, which needs several images; let"
                " train.batch_size be 2 or more."
            )

    def compare(self, batch: Batch, first: Tensor, second: Tensor) -> Terms:
        """Eq. 2 in both directions, of which the loss is the sum (section 3.1)."""
        # One forward pass for each view: q's batch norm sees the views one by one, as in the paper.
        predicted = [self.predictor(self.encoder(view)) for view in (first, second)]
        target, other_target = (self.teacher.run(self.encoder, view) for view in (first, second))
        return {
            "first": prediction_error(predicted[0], other_target),
            "second": prediction_error(predicted[1], target),
        }

    def after_iteration(self, batches: Sequence[Batch]) -> None:
        """The teacher follows E (Eq. 1), more slowly as training goes on."""
        decay = rising_decay(self.settings.teacher_decay, batches[0].progress)
        self.teacher.update(self.encoder, decay)

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x), or q(E(x)) for the predictor."""
        return (
            self.predictor(self.encoder(x)) if network == "predictor" else super().run(network, x)
        )


class Predictor(nn.Module):
    """q, an MLP of one hidden layer with batch norm and ReLU, in fp32 even under autocast."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, width, bias=False)  # the norm has a bias
        self.norm = BatchNorm(width)
        self.linear = nn.Linear(width, dim)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Maps embeddings `(N, dim)` to predictions of the same shape."""
        with torch.autocast(embeddings.device.type, enabled=False):
            hidden = self.norm(self.hidden(at_least_float32(embeddings)))
            return self.linear(hidden.relu())


def rising_decay(start: float, progress: float) -> float:
    """The teacher's decay: `start` at first, 1 at the end, along half a cosine (section 3.2).

    Args:
        start: Decay at the start of training, in [0, 1).
        progress: Part of training that is done, in [0, 1]: k / K in the paper.
    """
    return 1 - (1 - start) * (math.cos(math.pi * progress) + 1) / 2
