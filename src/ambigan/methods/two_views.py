"""What methods without a game have in common that embed two views of an image alike.

They are here so that adversarial features can be compared with theirs, with the same network, data
and budget, and with the same views or none.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.residual import ResidualSettings, make_residual_discriminator
from ..objectives.contrastive import ContrastiveViewSettings, make_views, view
from ..priors import make_prior

VIEWS_ADAM = OptimizerSettings(
    learning_rate=1e-3, betas=(0.9, 0.999), weight_decay=1e-6, final_learning_rate=None
)


@dataclass(frozen=True)
class TwoViewSettings:
    """Settings of such a task.

    Attributes:
        embedding_dim: number of dimensions of the embeddings that are compared; features are taken
            before the head that makes them.
        views: transformations that make two views of one image.
        network: network of the encoder, the same as SAO's discriminator; what the settings say of
            G has no effect.
        optimizer: optimiser of the encoder.
    """

    embedding_dim: PositiveInt = 128
    views: ContrastiveViewSettings = field(default_factory=ContrastiveViewSettings)
    network: ResidualSettings = field(default_factory=ResidualSettings)
    optimizer: OptimizerSettings = VIEWS_ADAM


class TwoViewTask(Method):
    """An encoder E, trained on two views of each image."""

    def __init__(self, settings: TwoViewSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = make_prior("normal", 1)  # drawn, but not used
        self.encoder = make_residual_discriminator(spec, settings.network, settings.embedding_dim)
        self.players = (Player("encoder", ("encoder",), settings.optimizer),)
        self.turns = (("encoder",),)
        self.data_networks = ("encoder",)
        self.default_layer = "encoder.pool"
        self.transform = make_views(settings.views, spec)

    @abstractmethod
    def compare(self, batch: Batch, first: Tensor, second: Tensor) -> Terms:
        """The terms of E's loss for two views of each image of the batch, `(N, C, H, W)` each."""

    def embed(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """E of both views, `(N, embedding_dim)` each, from one forward pass."""
        one, other = self.encoder(torch.cat([first, second])).chunk(2)
        return one, other

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """What `compare` says of two views of each image."""
        first, second = (view(batch.x, self.transform, batch.noise) for _ in range(2))
        return {"encoder": self.compare(batch, first, second)}

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x)."""
        if network != "encoder":
            raise ConfigError(
                f"{type(self).__name__} has no network '{network}'; take an encoder layer."
            )
        return self.encoder(x)
