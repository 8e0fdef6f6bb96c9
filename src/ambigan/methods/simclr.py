"""SimCLR, the contrastive peer. Chen, Kornblith, Norouzi, Hinton; arXiv 2002.05709.

There is no game: E learns to recognise two views of one image among the views of all others.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..core.data_spec import DataSpec
from ..game import Batch, Terms
from ..objectives.contrastive import Temperature, make_contrast
from .registry import register_method
from .two_views import TwoViewSettings, TwoViewTask


@dataclass(frozen=True)
class SimCLRSettings(TwoViewSettings):
    """Settings of the contrastive task.

    Attributes:
        temperature: temperature of the contrast, above 0: the smaller, the more the nearest other
            images count.
    """

    temperature: Temperature = 0.5


@register_method("simclr")
class SimCLR(TwoViewTask):
    """An encoder E, trained to recognise views of one image."""

    Settings = SimCLRSettings

    def __init__(self, settings: SimCLRSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.contrast = make_contrast(settings.temperature)

    def compare(self, batch: Batch, first: Tensor, second: Tensor) -> Terms:
        """NT-Xent (Eq. 1)."""
        return {"contrast": self.contrast(*self.embed(first, second))}
