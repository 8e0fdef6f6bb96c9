"""SimCLR, the contrastive peer. Chen, Kornblith, Norouzi, Hinton; arXiv 2002.05709.

There is no game: E learns to recognise two views of one image among the views of all others. The
method is here so that adversarial features can be compared with contrastive ones, with the same
network, data and budget, and with the same views or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.residual import ResidualSettings, make_residual_discriminator
from ..objectives.contrastive import (
    ContrastiveViewSettings,
    Temperature,
    make_contrast,
    make_views,
    view,
)
from ..priors import make_prior

SIMCLR_ADAM = OptimizerSettings(
    learning_rate=1e-3, betas=(0.9, 0.999), weight_decay=1e-6, final_learning_rate=None
)


@dataclass(frozen=True)
class SimCLRSettings:
    """Settings of the contrastive task.

    Attributes:
        embedding_dim: number of dimensions of the embeddings that are contrasted; features are
            taken before the head that makes them.
        temperature: temperature of the contrast, above 0: the smaller, the more the nearest other
            images count.
        views: transformations that make two views of one image.
        network: network of the encoder, the same as SAO's discriminator; what the settings say of
            G has no effect.
        optimizer: optimiser of the encoder.
    """

    embedding_dim: PositiveInt = 128
    temperature: Temperature = 0.5
    views: ContrastiveViewSettings = field(default_factory=ContrastiveViewSettings)
    network: ResidualSettings = field(default_factory=ResidualSettings)
    optimizer: OptimizerSettings = SIMCLR_ADAM


class SimCLR(Method):
    """An encoder E, trained on views of the data."""

    Settings = SimCLRSettings

    def __init__(self, settings: SimCLRSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = make_prior("normal", 1)  # drawn, but not used
        self.encoder = make_residual_discriminator(spec, settings.network, settings.embedding_dim)
        self.players = (Player("encoder", ("encoder",), settings.optimizer),)
        self.turns = (("encoder",),)
        self.data_networks = ("encoder",)
        self.default_layer = "encoder.pool"
        self.transform = make_views(settings.views, spec)
        self.contrast = make_contrast(settings.temperature)

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """NT-Xent of two views of each image (Eq. 1)."""
        x, noise = batch.x, batch.noise
        views = torch.cat([view(x, self.transform, noise), view(x, self.transform, noise)])
        first, second = self.encoder(views).chunk(2)
        return {"encoder": {"contrast": self.contrast(first, second)}}

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x)."""
        if network != "encoder":
            raise ConfigError(f"SimCLR has no network '{network}'; take an encoder layer.")
        return self.encoder(x)
