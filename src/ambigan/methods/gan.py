"""Generative Adversarial Nets. Goodfellow et al., 2014; DCGAN, Radford, Metz, Chintala, 2016.

The features are the discriminator's. There is no encoder. DCGAN is this game with convolutional
networks: D, then G on fresh data and latents; real and generated batches are normalised apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.feature_layers import ALL_CONVS, POOL_SIDE
from ..core.settings import Few, Positive
from ..game import Batch, OptimizerSettings, Player, Terms, turns_of
from ..networks import families
from ..networks.convnet import ConvNet
from ..networks.families import GameSettings
from ..networks.permutation_invariant import MLPSettings
from ..objectives.adversarial import OBJECTIVES
from ..priors import PriorName, make_prior
from .registry import register_method
from .shared import DiscriminatorGame, DiscriminatorSettings


@dataclass(frozen=True)
class GANSettings(DiscriminatorSettings):
    """Settings of the game; the defaults are those of the BiGAN paper's `D` baseline.

    Attributes:
        latent_dim: number of dimensions of the latents z.
        prior: distribution of z, in each dimension U(-1, 1) for `uniform` or N(0, 1) for `normal`.
        objective: what G descends: `non_saturating` is -log D(G(z)), `minimax` is V itself, and
            `hinge` is minus D's raw score, where D has the margins of Lim and Ye (2017).
        simultaneous: whether both players move at once on one batch (BiGAN, appendix B); otherwise
            D moves, then G on fresh data and latents (Goodfellow et al., Algorithm 1; DCGAN).
        discriminator_steps: how often D moves in an iteration, each time on fresh data and latents:
            k of Goodfellow et al. (Algorithm 1). The last of them is the one together with G if
            both move simultaneously.
        term_weight: weight of each of D's two expectations; 0.5 in the BiGAN authors' code.
        feature_layer: layer whose outputs are the features, by dotted name. If None, all
            convolutional layers of a `conv` D, pooled to 4x4 (DCGAN, section 5.1), else the last
            layer of D before its logit.
        network: networks of D and G.
        optimizer: optimiser of both players.
        generator_rate_multiplier: factor on the learning rates of G; less than 1 where D is to
            learn faster (Heusel et al., 2017), as in BigGAN.
    """

    latent_dim: PositiveInt = 50
    prior: PriorName = "uniform"
    objective: Literal["non_saturating", "minimax", "hinge"] = "non_saturating"
    simultaneous: bool = True
    discriminator_steps: Few = 1
    term_weight: Positive = 1.0
    feature_layer: str | None = None
    network: GameSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    generator_rate_multiplier: Positive = 1.0


@register_method("gan")
class GAN(DiscriminatorGame):
    """D against G, over data."""

    Settings = GANSettings
    capabilities = frozenset({"sample", "decode"})
    data_networks, latent_networks = ("discriminator",), ("generator",)

    def __init__(self, settings: GANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = make_prior(settings.prior, settings.latent_dim)
        self.sample_spec = families.sample_spec_of(spec, settings.network)
        self.discriminator = families.make_discriminator(self.sample_spec, settings.network)
        self.generator = families.make_generator(
            self.sample_spec, settings.network, settings.latent_dim
        )
        self.players = (
            Player("discriminator", ("discriminator",), settings.optimizer),
            Player(
                "generator",
                ("generator",),
                settings.optimizer.times(settings.generator_rate_multiplier),
            ),
        )
        self.turns = turns_of(
            self.players,
            simultaneous=settings.simultaneous,
            first_steps=settings.discriminator_steps,
        )
        self.default_layer = settings.feature_layer or (
            f"discriminator.{ALL_CONVS}@{POOL_SIDE}"
            if isinstance(self.discriminator, ConvNet)
            else families.last_hidden("discriminator", self.discriminator)
        )
        self.objective, self.weight = OBJECTIVES[settings.objective], settings.term_weight

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V for the discriminator (Eq. 1), -log D(G(z)) or V for the generator (section 3)."""
        return self.play(batch, self.decode(batch.z), players)

    def play(self, batch: Batch, generated: Tensor, players: Sequence[str]) -> dict[str, Terms]:
        """The losses of D and G, where `generated` is G(z)."""
        D, w, objective = self.judge, self.weight, self.objective
        x, noise = self.resize_to_sample(batch.x), batch.noise
        losses: dict[str, Terms] = {}
        fake = D(noise, generated)
        if "discriminator" in players:  # ascends V = E_x[log D(x)] + E_z[log(1 - D(G(z)))]
            real = D(noise, x)
            losses["discriminator"] = {
                "real": w * objective.real(real),
                "fake": w * objective.fake(fake),
                **self.penalties([x], [generated]),
            }
        if "generator" in players:  # ascends E_z[log D(G(z))], or descends V
            losses["generator"] = {"fake": objective.seem_real(fake)}
        return losses

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
        D, x = self.discriminator, self.resize_to_sample(batch.x)
        return {"saturation": self.objective.saturation(D(x), D(self.decode(batch.z)))}
