"""Latent regressor (LR) and joint latent regressor (JLR). BiGAN, section 4.1; ICLR 2017.

A plain GAN, and an encoder E that learns to predict z from G(z). It never sees data in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import NonNegative, Positive
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.families import (
    NetworkSettings,
    last_hidden,
    make_discriminator,
    make_encoder,
    make_generator,
    sample_spec_of,
)
from ..networks.layers.basic import scaled_sigmoid
from ..networks.permutation_invariant import MLPSettings
from ..objectives.adversarial import bce_fake, bce_real, saturation
from ..objectives.reconstruction import latent_cross_entropy
from ..priors import make_prior
from .registry import register_method


@dataclass(frozen=True)
class LatentRegressorSettings:
    """What can be changed; the defaults are the paper's LR. Latents are U(-1, 1).

    Attributes:
        latent_dim: of z.
        regress: `after` trains the GAN in the first half and E alone in the second (paper's LR);
            `during` trains E beside the GAN, which the authors' code does.
        joint_weight: of E's loss in G's (JLR; 0.25 in the authors' code, where 1 degenerates); 0
            lets G be (LR). More than 0 needs `during`.
        term_weight: of each of D's expectations; 0.5 in the authors' code.
        zero_init_encoder: E's output weights start at zero, so its loss begins at log 2 (code).
        feature_layer: what `features` returns; the last hidden layer of E if None.
        network: of D, G and E. E always ends in a sigmoid, scaled to [-1, 1], whatever
            `encoder_output` says: its loss is the sigmoid's cross-entropy.
        optimizer: of every player.
    """

    latent_dim: PositiveInt = 50
    regress: Literal["after", "during"] = "after"
    joint_weight: NonNegative = 0.0
    term_weight: Positive = 1.0
    zero_init_encoder: bool = False
    feature_layer: str | None = None
    network: NetworkSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("latent_regressor")
class LatentRegressor(Method):
    """D against G over data, and E that inverts G."""

    Settings = LatentRegressorSettings
    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})

    def __init__(self, settings: LatentRegressorSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        after = settings.regress == "after"
        if after and settings.joint_weight:
            raise ConfigError(
                f"settings.joint_weight {settings.joint_weight} lets E teach G, but with "
                "settings.regress 'after' G has finished when E begins; choose 'during' or 0."
            )
        self.prior = make_prior("uniform", settings.latent_dim)
        self.sample_spec = drawn = sample_spec_of(spec, settings.network)
        self.discriminator = make_discriminator(drawn, settings.network)
        self.generator = make_generator(drawn, settings.network, settings.latent_dim)
        self.encoder = make_encoder(drawn, settings.network, settings.latent_dim, output="linear")
        if settings.zero_init_encoder:
            nn.init.zeros_(self.encoder.output.linear.weight)
        gan_is, encoder_is = ((0.0, 0.5), (0.5, 1.0)) if after else ((0.0, 1.0), (0.0, 1.0))
        self.players = (
            Player("discriminator", ("discriminator",), settings.optimizer, gan_is),
            Player("generator", ("generator",), settings.optimizer, gan_is),
            Player("encoder", ("encoder",), settings.optimizer, encoder_is),
        )
        self.turns = (tuple(player.name for player in self.players),)
        self.data_networks = ("discriminator", "encoder")
        self.default_layer = settings.feature_layer or last_hidden("encoder", self.encoder)
        self.weight, self.joint_weight = settings.term_weight, settings.joint_weight

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V of a plain GAN for D and G; L(z, E(G(z))) for E, and for G if it is joint."""
        D, G, E, w = self.discriminator, self.generator, self.encoder, self.weight
        x, z = self.resize_to_sample(batch.x), batch.z
        generated = G(z, z)
        losses: dict[str, Terms] = {}
        if "discriminator" in players or "generator" in players:
            fake = D(generated)
            if "discriminator" in players:  # ascends V = E_x[log D(x)] + E_z[log(1 - D(G(z)))]
                losses["discriminator"] = {
                    "real": w * bce_real(D(x)),
                    "fake": w * bce_fake(fake),
                }
            if "generator" in players:  # ascends E_z[log D(G(z))]
                losses["generator"] = {"fake": bce_real(fake)}
        if "encoder" in players or ("generator" in players and self.joint_weight):
            regression = latent_cross_entropy(E(generated), z)  # L(z, E(G(z))), section 4.1
            if "encoder" in players:
                losses["encoder"] = {"regression": regression}
            if "generator" in players and self.joint_weight:
                losses["generator"]["regression"] = self.joint_weight * regression
        return losses

    def run(self, network: str, x: Tensor) -> Tensor:
        """D(x); E(x) before its sigmoid; G(E(x))."""
        match network:
            case "discriminator":
                return self.discriminator(self.resize_to_sample(x))
            case "encoder":
                return self.encoder(self.resize_to_sample(x))
            case "generator":
                return self.reconstruct(x)
            case _:
                raise ConfigError(f"a latent regressor has no network '{network}'.")

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z, z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x), in (-1, 1)."""
        return scaled_sigmoid(self.encoder(self.resize_to_sample(x)))

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated the discriminator is, on real and generated data."""
        D, G = self.discriminator, self.generator
        real, fake = D(self.resize_to_sample(batch.x)), D(G(batch.z, batch.z))
        return {"saturation": saturation(torch.cat([real, fake]))}
