"""Barlow Twins, a peer without negatives. Zbontar, Jing, Misra, LeCun, Deny; arXiv 2103.03230.

There is no game: each dimension of the embedding is to be the same for two views of an image, and
to say something that the others do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..core.settings import NonNegative
from ..game import Batch, Terms
from ..objectives.views import barlow_twins
from .registry import register_method
from .two_views import TwoViewSettings, TwoViewTask


@dataclass(frozen=True)
class BarlowTwinsSettings(TwoViewSettings):
    """Settings of the task.

    Attributes:
        redundancy_weight: weight of the correlations between different dimensions: lambda of Eq. 1,
            0.005 in the paper, whose embeddings have 8,192 dimensions.
    """

    redundancy_weight: NonNegative = 0.005


@register_method("barlow_twins")
class BarlowTwins(TwoViewTask):
    """An encoder E, trained to correlate the embeddings of two views dimension by dimension."""

    Settings = BarlowTwinsSettings

    def compare(self, batch: Batch, first: Tensor, second: Tensor) -> Terms:
        """Both sums of Eq. 1."""
        return barlow_twins(*self.embed(first, second), self.settings.redundancy_weight)
