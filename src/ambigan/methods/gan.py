"""Generative Adversarial Nets. Goodfellow et al., 2014; features from D as in BiGAN's Table 1.

The features are the discriminator's: the layer before its output. There is no encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from ..core.errors import ConfigError
from ..core.settings import Positive
from ..core.spec import DataSpec
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.permutation_invariant import MLPSettings, make_discriminator, make_generator
from ..objectives.adversarial import judged_fake, judged_real, saturation
from ..priors import PriorName, make_prior


@dataclass(frozen=True)
class GANSettings:
    """What can be changed of the game; the defaults are as in the BiGAN paper's `D` baseline.

    Attributes:
        latent_dim: of z.
        prior: of z; `uniform` is U(-1, 1).
        objective: what G descends. `non_saturating` is -log D(G(z)); `minimax` is V itself.
        simultaneous: both players move at once on one batch (BiGAN, appendix B); otherwise D, then
            G on fresh latents (Goodfellow et al., Algorithm 1).
        term_weight: of each of D's expectations; 0.5 in the BiGAN authors' code.
        feature_layer: what `features` returns; the last hidden layer of D if None.
        network: of D and G.
        optimizer: of both players.
    """

    latent_dim: PositiveInt = 50
    prior: PriorName = "uniform"
    objective: Literal["non_saturating", "minimax"] = "non_saturating"
    simultaneous: bool = True
    term_weight: Positive = 1.0
    feature_layer: str | None = None
    network: MLPSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


class GAN(Method):
    """D against G, over data."""

    Settings = GANSettings
    abilities = frozenset({"sample", "decode"})

    def __init__(self, settings: GANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = make_prior(settings.prior, settings.latent_dim)
        self.discriminator = make_discriminator(spec, settings.network)
        self.generator = make_generator(spec, settings.network, settings.latent_dim)
        self.players = (
            Player("discriminator", ("discriminator",), settings.optimizer),
            Player("generator", ("generator",), settings.optimizer),
        )
        names = tuple(player.name for player in self.players)
        self.turns = (names,) if settings.simultaneous else tuple((name,) for name in names)
        self.default_layer = (
            settings.feature_layer or f"discriminator.{settings.network.last_hidden}"
        )
        self.saturating, self.weight = settings.objective == "minimax", settings.term_weight

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V for the discriminator (Eq. 1), -log D(G(z)) or V for the generator (section 3)."""
        D, G, w = self.discriminator, self.generator, self.weight
        x, z = batch.x, batch.z
        fake = D(G(z, z))
        losses: dict[str, Terms] = {}
        if "discriminator" in players:  # ascends V = E_x[log D(x)] + E_z[log(1 - D(G(z)))]
            losses["discriminator"] = {
                "real": w * judged_real(D(x)),
                "fake": w * judged_fake(fake),
            }
        if "generator" in players:
            losses["generator"] = {
                "fake": -judged_fake(fake) if self.saturating else judged_real(fake)
            }
        return losses

    def run(self, network: str, x: Tensor) -> Tensor:
        """D(x). The generator never sees data."""
        if network != "discriminator":
            raise ConfigError(f"the {network} of GAN never sees data; take a discriminator layer.")
        return self.discriminator(x)

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z, z)

    def watch(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated the discriminator is, on real and generated data."""
        D, G = self.discriminator, self.generator
        return {"saturation": saturation(torch.cat([D(batch.x), D(G(batch.z, batch.z))]))}
