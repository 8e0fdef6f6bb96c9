"""Latent regressor (LR) and joint latent regressor (JLR). BiGAN, section 4.1; ICLR 2017.

A plain GAN, and an encoder E that learns to predict z from G(z). It never sees data in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import NonNegative, Positive
from ..game import Batch, OptimizerSettings, Player, Terms, turns_of
from ..networks.families import NetworkSettings, last_hidden, make_encoder
from ..networks.layers.basic import scaled_sigmoid
from ..networks.permutation_invariant import MLPSettings
from ..objectives.reconstruction import latent_cross_entropy
from ..priors import PriorName
from .gan import GAN
from .registry import register_method
from .shared import DiscriminatorSettings


@dataclass(frozen=True)
class LatentRegressorSettings(DiscriminatorSettings):
    """Settings of the game; the defaults are the paper's LR. Latents are U(-1, 1).

    Attributes:
        latent_dim: number of dimensions of the latents z.
        regress: when E learns: `after` trains the GAN in the first half of training and E alone in
            the second (the paper's LR); `during` trains E together with the GAN, as the authors'
            code does.
        joint_weight: weight of E's loss in the loss of G (JLR), which needs regress `during`; 0.25
            in the authors' code, where 1 degenerates. 0 keeps E's loss out of G's (LR).
        term_weight: weight of each of D's two expectations; 0.5 in the authors' code.
        zero_init_encoder: whether E's output weights start at zero, so that its loss begins at
            log 2, as in the authors' code.
        feature_layer: layer whose outputs are the features, by dotted name; None for the last
            hidden layer of E.
        network: networks of D, G and E. E always ends in a sigmoid, scaled to [-1, 1], whatever
            `encoder_output` says: its loss is the sigmoid's cross-entropy.
        optimizer: optimiser of every player.
    """

    prior: ClassVar[PriorName] = "uniform"
    objective: ClassVar[Literal["non_saturating"]] = "non_saturating"
    simultaneous: ClassVar[bool] = True
    discriminator_steps: ClassVar[int] = 1
    generator_rate_multiplier: ClassVar[float] = 1.0

    latent_dim: PositiveInt = 50
    regress: Literal["after", "during"] = "after"
    joint_weight: NonNegative = 0.0
    term_weight: Positive = 1.0
    zero_init_encoder: bool = False
    feature_layer: str | None = None
    network: NetworkSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("latent_regressor")
class LatentRegressor(GAN):
    """D against G over data, and E that inverts G."""

    Settings = LatentRegressorSettings
    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})
    data_networks, latent_networks = ("discriminator", "encoder"), ()

    def __init__(self, settings: LatentRegressorSettings, spec: DataSpec) -> None:
        after = settings.regress == "after"
        if after and settings.joint_weight:
            raise ConfigError(
                f"settings.joint_weight {settings.joint_weight} lets E teach G, but with "
                "settings.regress 'after' G has finished when E begins; choose 'during' or 0."
            )
        super().__init__(settings, spec)  # pyright: ignore[reportArgumentType]
        self.encoder = make_encoder(
            self.sample_spec, settings.network, settings.latent_dim, output="linear"
        )
        if settings.zero_init_encoder:
            nn.init.zeros_(self.encoder.output.linear.weight)
        of_gan, of_encoder = ((0.0, 0.5), (0.5, 1.0)) if after else ((0.0, 1.0), (0.0, 1.0))
        self.players = (
            Player("discriminator", ("discriminator",), settings.optimizer, of_gan),
            Player("generator", ("generator",), settings.optimizer, of_gan),
            Player("encoder", ("encoder",), settings.optimizer, of_encoder),
        )
        self.turns = turns_of(self.players, simultaneous=True)
        self.default_layer = settings.feature_layer or last_hidden("encoder", self.encoder)

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V of a plain GAN for D and G; L(z, E(G(z))) for E, and for G if it is joint."""
        generated, joint_weight = self.decode(batch.z), self.settings.joint_weight
        losses: dict[str, Terms] = {}
        if "discriminator" in players or "generator" in players:
            losses = self.play(batch, generated, players)
        if "encoder" in players or ("generator" in players and joint_weight):
            regression = latent_cross_entropy(self.encoder(generated), batch.z)  # L(z, E(G(z)))
            if "encoder" in players:
                losses["encoder"] = {"regression": regression}
            if "generator" in players and joint_weight:
                losses["generator"]["regression"] = joint_weight * regression
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

    def encode(self, x: Tensor) -> Tensor:
        """E(x), in (-1, 1)."""
        return scaled_sigmoid(self.encoder(self.resize_to_sample(x)))
