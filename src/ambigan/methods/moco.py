"""MoCo, a contrastive peer with a queue. He, Fan, Wu, Xie, Girshick; arXiv 1911.05722.

There is no game: E learns to recognise the other view of an image, as a teacher embeds it, among
embeddings of earlier images. The defaults are those of MoCo v2 (Chen et al., arXiv 2003.04297).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.distributed import all_rows
from ..core.precision import at_least_float32
from ..core.settings import Fraction
from ..game import Batch, Terms
from ..networks.layers.memory import Bank, Teacher
from ..objectives.contrastive import Temperature, info_nce
from .registry import register_method
from .two_views import TwoViewSettings, TwoViewTask


@dataclass(frozen=True)
class MoCoSettings(TwoViewSettings):
    """Settings of the contrastive task.

    Attributes:
        temperature: temperature of the contrast, above 0: the smaller, the more the nearest other
            images count. MoCo v2 has 0.2, the first version 0.07.
        bank_size: number of embeddings of earlier images in the queue, the negatives.
        teacher_decay: decay per iteration of the averaged E, in [0, 1).
    """

    temperature: Temperature = 0.2
    bank_size: PositiveInt = 65_536
    teacher_decay: Fraction = 0.999


@register_method("moco")
class MoCo(TwoViewTask):
    """An encoder E, trained to recognise what the teacher made of the other view.

    Deviation: batches are not shuffled between processes before the teacher sees them. The paper
    does so because of batch norm, which E does not have.
    """

    Settings = MoCoSettings

    def __init__(self, settings: MoCoSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.teacher = Teacher(self.encoder)
        self.bank = Bank(settings.bank_size, keys=settings.embedding_dim)

    def compare(self, batch: Batch, first: Tensor, second: Tensor) -> Terms:
        """InfoNCE (Eq. 1): the first view is the query, the second the key."""
        keys = F.normalize(at_least_float32(self.teacher.run(self.encoder, second)), dim=1)
        batch.cache.update(keys=all_rows(keys))
        queue = self.bank.get_buffer("keys")
        return {"contrast": info_nce(self.encoder(first), keys, queue, self.settings.temperature)}

    def after_iteration(self, batches: Sequence[Batch]) -> None:
        """The teacher follows E (Eq. 2), and the batch's keys take the oldest ones' places."""
        self.teacher.update(self.encoder, self.settings.teacher_decay)
        self.bank.put(**batches[0].cache)
