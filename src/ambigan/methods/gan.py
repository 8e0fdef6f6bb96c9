"""Generative Adversarial Nets. Goodfellow et al., 2014; DCGAN, Radford, Metz, Chintala, 2016.

The features are the discriminator's. There is no encoder. DCGAN is this game with convolutional
networks: D, then G on fresh data and latents; real and generated batches are normalised apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.feature_layers import ALL_CONVS, POOL_SIDE
from ..core.randomness import Randomness
from ..core.settings import NonNegative, Positive
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.convnet import ConvNet
from ..networks.families import (
    GameSettings,
    last_hidden,
    make_discriminator,
    make_generator,
    sample_spec_of,
)
from ..networks.permutation_invariant import MLPSettings
from ..objectives.adversarial import bce_fake, bce_real, hinge_fake, hinge_real, saturated
from ..objectives.augmentation import augment, check_augmentable
from ..objectives.penalties import gradient_norm, r1
from ..priors import PriorName, make_prior
from .registry import register_method

Objective = Literal["non_saturating", "minimax", "hinge"]


@dataclass(frozen=True)
class GANSettings:
    """What can be changed of the game; the defaults are as in the BiGAN paper's `D` baseline.

    Attributes:
        latent_dim: of z.
        prior: of z; `uniform` is U(-1, 1).
        objective: what G descends. `non_saturating` is -log D(G(z)); `minimax` is V itself. `hinge`
            is neither: D's margins are those of Lim and Ye (2017), and G descends D's raw output.
        simultaneous: both players move at once on one batch (BiGAN, appendix B); otherwise D, then
            G on fresh data and latents (Goodfellow et al., Algorithm 1; DCGAN's code).
        term_weight: of each of D's expectations; 0.5 in the BiGAN authors' code.
        gradient_penalty: of R1 on real data, in D's loss (Mescheder et al., 2018).
        smoothness_weight: of (|gradient of D| - target)^2 on real and generated data, in D's loss:
            the regulariser of SAO (arXiv 2310.00357), for a D that takes each sample by itself.
        smoothness_target: how much a logit is to change with its image.
        augment: D sees real and generated images in other colours, moved and with holes (Zhao et
            al., 2020).
        feature_layer: what `features` returns. If None, of `conv` networks all of D, pooled to 4x4
            (DCGAN, section 5.1), else the last layer of D before its logit.
        network: of D and G.
        optimizer: of both players.
    """

    latent_dim: PositiveInt = 50
    prior: PriorName = "uniform"
    objective: Objective = "non_saturating"
    simultaneous: bool = True
    term_weight: Positive = 1.0
    gradient_penalty: NonNegative = 0.0
    smoothness_weight: NonNegative = 0.0
    smoothness_target: NonNegative = 1.0
    augment: bool = False
    feature_layer: str | None = None
    network: GameSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("gan")
class GAN(Method):
    """D against G, over data."""

    Settings = GANSettings
    capabilities = frozenset({"sample", "decode"})

    def __init__(self, settings: GANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        check_augmentable(spec, settings.augment)
        self.prior = make_prior(settings.prior, settings.latent_dim)
        self.sample_spec = sample_spec_of(spec, settings.network)
        self.discriminator = make_discriminator(self.sample_spec, settings.network)
        self.generator = make_generator(self.sample_spec, settings.network, settings.latent_dim)
        self.players = (
            Player("discriminator", ("discriminator",), settings.optimizer),
            Player("generator", ("generator",), settings.optimizer),
        )
        names = tuple(player.name for player in self.players)
        self.turns = (names,) if settings.simultaneous else tuple((name,) for name in names)
        self.data_networks, self.latent_networks = ("discriminator",), ("generator",)
        self.default_layer = settings.feature_layer or (
            f"discriminator.{ALL_CONVS}@{POOL_SIDE}"
            if isinstance(self.discriminator, ConvNet)
            else last_hidden("discriminator", self.discriminator)
        )
        self.objective: Objective = settings.objective
        self.weight = settings.term_weight

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V for the discriminator (Eq. 1), -log D(G(z)) or V for the generator (section 3)."""
        D, G, w = self._judge, self.generator, self.weight
        x, z, noise = self.resize_to_sample(batch.x), batch.z, batch.noise
        made = G(z, z)
        fake = D(made, noise)
        losses: dict[str, Terms] = {}
        if "discriminator" in players:
            real = D(x, noise)
            if self.objective == "hinge":
                terms = {"real": w * hinge_real(real), "fake": w * hinge_fake(fake)}
            else:  # ascends V = E_x[log D(x)] + E_z[log(1 - D(G(z)))]
                terms = {"real": w * bce_real(real), "fake": w * bce_fake(fake)}
            if weight := self.settings.gradient_penalty:
                terms["r1"] = weight * r1(self.discriminator, x)
            if weight := self.settings.smoothness_weight:
                images, target = torch.cat([x, made]), self.settings.smoothness_target
                terms["smoothness"] = weight * gradient_norm(
                    self.discriminator, images, target=target
                )
            losses["discriminator"] = terms
        if "generator" in players:
            losses["generator"] = {"fake": self._fooling(fake)}
        return losses

    def _fooling(self, fake: Tensor) -> Tensor:
        """What G descends."""
        match self.objective:
            case "non_saturating":
                return bce_real(fake)
            case "minimax":
                return -bce_fake(fake)
            case "hinge":
                return -fake.mean()

    def _judge(self, x: Tensor, noise: Randomness) -> Tensor:
        """D(x), in training perhaps of augmented images."""
        if self.training and self.settings.augment:
            x = augment(x, noise)
        return self.discriminator(x)

    def run(self, network: str, x: Tensor) -> Tensor:
        """D(x). The generator never sees data."""
        if network != "discriminator":
            raise ConfigError(f"the {network} of GAN never sees data; take a discriminator layer.")
        return self.discriminator(self.resize_to_sample(x))

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z, z)

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated the discriminator is, on real and generated data."""
        D, G = self.discriminator, self.generator
        real, fake = D(self.resize_to_sample(batch.x)), D(G(batch.z, batch.z))
        return {"saturation": saturated(real, fake, hinge=self.settings.objective == "hinge")}
