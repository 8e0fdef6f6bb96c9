"""Large Scale Adversarial Representation Learning (BigBiGAN). Donahue, Simonyan; NeurIPS 2019.

BiGAN's game with BigGAN's networks, a stronger encoder that draws its latents, and a discriminator
that judges the image and the latents each by itself beside the pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..core.settings import Few, Positive
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.heads import Unary
from ..networks.large import (
    LargeSettings,
    large_sample_spec,
    make_large_discriminator,
    make_large_encoder,
    make_large_generator,
)
from ..objectives.adversarial import hinge_fake, hinge_real, hinge_saturation
from ..priors import PriorName, make_prior
from .registry import register_method

BIGBIGAN_ADAM = OptimizerSettings(
    betas=(0.0, 0.999), epsilon=1e-6, weight_decay=0, final_learning_rate=None
)
SLOW_ADAM = replace(BIGBIGAN_ADAM, learning_rate=5e-5)


@dataclass(frozen=True)
class BigBiGANSettings:
    """What can be changed of the game, as the rows of the paper's ablation do.

    Attributes:
        latent_dim: of z.
        prior: of z; `uniform` is U(-1, 1), and E then ends in a tanh.
        encoder: `stochastic` draws z = mu + softplus(s) e with e ~ N(0, I), where E gives mu and s;
            `deterministic` gives z itself.
        unary: which scores D has beside s_xz: `both`, s_x alone, s_z alone, or `none`, as BiGAN.
        discriminator_steps: turns of D for each of G and E, on fresh data; 2 from memory.
        encoder_rate_multiplier: E's learning rate in units of G's, at every moment; 1, and 10 in
            the paper's best rows (from memory).
        network: of D, G and E.
        discriminator_optimizer: Adam, 2e-4; rates and constants from memory of BigGAN's.
        generator_optimizer: Adam, 5e-5; of E as well, but for the rate.
    """

    latent_dim: PositiveInt = 120
    prior: PriorName = "normal"
    encoder: Literal["stochastic", "deterministic"] = "stochastic"
    unary: Unary = "both"
    discriminator_steps: Few = 2
    encoder_rate_multiplier: Positive = 1.0
    network: LargeSettings = field(default_factory=LargeSettings)
    discriminator_optimizer: OptimizerSettings = BIGBIGAN_ADAM
    generator_optimizer: OptimizerSettings = SLOW_ADAM


@register_method("bigbigan")
class BigBiGAN(Method):
    """D against G and E, over images, latents and pairs."""

    Settings = BigBiGANSettings
    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})

    def __init__(self, settings: BigBiGANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        s = settings
        self.stochastic = s.encoder == "stochastic"
        if self.stochastic and s.prior != "normal":
            raise ConfigError(
                f"settings.encoder 'stochastic' gives any z but settings.prior '{s.prior}' is"
                " bounded, so D would tell them apart by that; choose encoder 'deterministic' or"
                " prior 'normal'."
            )
        self.prior = make_prior(s.prior, s.latent_dim)
        self.sample_spec = large_sample_spec(spec, s.network)
        self.discriminator = make_large_discriminator(
            self.sample_spec, s.network, s.latent_dim, s.unary
        )
        self.generator = make_large_generator(self.sample_spec, s.network, s.latent_dim)
        self.encoder = make_large_encoder(spec, s.network, s.latent_dim * (1 + self.stochastic))
        of_generator, times = s.generator_optimizer, s.encoder_rate_multiplier
        final = of_generator.final_learning_rate
        of_encoder = replace(
            of_generator,
            learning_rate=times * of_generator.learning_rate,
            final_learning_rate=final and times * final,
        )
        self.players = (
            Player("discriminator", ("discriminator",), s.discriminator_optimizer),
            Player("generator", ("generator",), of_generator),
            Player("encoder", ("encoder",), of_encoder),
        )
        self.turns = (*[("discriminator",)] * s.discriminator_steps, ("generator", "encoder"))
        self.data_networks = ("discriminator", "encoder")
        self.default_layer = "encoder.pool"

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """A hinge on every score for D; G descends minus its scores, E its own as they are.

        Means run over the scores of a pair too, as in the authors' module: sums of the scores, as
        printed, would be three times as large.
        """
        x, z = self.resize_to_sample(batch.x), batch.z
        drawn, _mean = self._latents(batch.x, batch.noise)
        real = self.discriminator(x, drawn)
        fake = self.discriminator(self.generator(z), z)
        losses: dict[str, Terms] = {}
        if "discriminator" in players:
            losses["discriminator"] = {"real": hinge_real(real), "fake": hinge_fake(fake)}
        if "generator" in players:
            losses["generator"] = {"fake": -fake.mean()}
        if "encoder" in players:
            losses["encoder"] = {"real": real.mean()}
        return losses

    def _latents(self, x: Tensor, noise: Randomness) -> tuple[Tensor, Tensor]:
        """Z of images as D is given it, and its mean; the same twice where E draws nothing."""
        if not self.stochastic:
            z = self.encode(x)
            return z, z
        mean, before = self.encoder(x).chunk(2, dim=1)
        return mean + F.softplus(before) * noise.normal(*mean.shape), mean

    def update_norm_stats(self, batch: Batch) -> None:
        """G(z) and E(x): D has no batch norm."""
        self.generator(batch.z)
        self.encoder(batch.x)

    def resize_to_sample(self, x: Tensor) -> Tensor:
        """Data in the form `sample_spec`: each pixel the mean of those it stands for."""
        height, width = self.sample_spec.shape[1:]
        return x if self.sample_spec == self.spec else F.adaptive_avg_pool2d(x, (height, width))

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x); D(x, E(x)); G(E(x))."""
        z = self.encode(x)
        match network:
            case "encoder":
                return z
            case "discriminator":
                return self.discriminator(self.resize_to_sample(x), z)
            case "generator":
                return self.generator(z)
            case _:
                raise ConfigError(f"BigBiGAN has no network '{network}'.")

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x); of a stochastic encoder the mean."""
        z = self.encoder(x)
        if self.stochastic:
            return z.chunk(2, dim=1)[0]
        return torch.tanh(z) if self.settings.prior == "uniform" else z

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated D's scores are, all and each; of a stochastic E its noise over its signal.

        The scores differ in scale, so that one may be saturated and another unused.
        """
        D = self.discriminator
        drawn, mean = self._latents(batch.x, batch.noise)
        real, fake = D(self.resize_to_sample(batch.x), drawn), D(self.generator(batch.z), batch.z)
        seen = {"saturation": hinge_saturation(real, fake)}
        for i, name in enumerate(D.output.names):
            seen[f"saturation_{name}"] = hinge_saturation(real[:, i], fake[:, i])
        if self.stochastic:
            seen["encoder_noise"] = (drawn - mean).std() / mean.std(0).mean().clamp_min(1e-12)
        return seen
