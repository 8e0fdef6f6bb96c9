"""Large Scale Adversarial Representation Learning (BigBiGAN). Donahue, Simonyan; NeurIPS 2019.

BiGAN's game with BigGAN's networks, a stronger encoder that draws its latents, and a discriminator
that scores the image and the latents by themselves as well as the pair.
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
from ..core.settings import Few, Positive
from ..game import Batch, OptimizerSettings, Player, Terms
from ..networks import families
from ..networks.families import JointSettings
from ..networks.heads import Unary
from ..networks.large import LargeSettings
from ..objectives.adversarial import hinge_fake, hinge_real, hinge_saturation
from ..priors import PriorName, make_prior
from .registry import register_method
from .shared import EncoderSettings, PairGame, check_stochastic_prior

BIGBIGAN_ADAM = OptimizerSettings(
    betas=(0.0, 0.999), epsilon=1e-6, weight_decay=0, final_learning_rate=None
)
SLOW_ADAM = replace(BIGBIGAN_ADAM, learning_rate=5e-5)


@dataclass(frozen=True)
class BigBiGANSettings(EncoderSettings):
    """Settings of the game, as the rows of the paper's ablation change them.

    Attributes:
        latent_dim: number of dimensions of the latents z.
        prior: distribution of z, in each dimension U(-1, 1) for `uniform`, where E then ends in a
            tanh, or N(0, 1) for `normal`.
        encoder: kind of encoder: `stochastic` draws z = mu + softplus(s) e with e from N(0, I),
            where E gives mu and s; `deterministic` gives z itself.
        unary: scores that D has next to s_xz, the pair's: `both`, `x` for s_x alone, `z` for s_z
            alone, or `none`, as BiGAN has it.
        discriminator_steps: number of D's turns for each turn of G and E, on fresh data; the 2 are
            BigGAN's, from memory.
        encoder_rate_multiplier: E's learning rate divided by G's, at every moment; 1, and 10 in
            the paper's best rows (from memory).
        network: networks of D, G and E: convolutional ones of images, or residual MLPs.
        discriminator_optimizer: optimiser of D: Adam at 2e-4, with constants from memory of
            BigGAN's.
        generator_optimizer: optimiser of G, and but for its learning rate of E: Adam at 5e-5.
    """

    latent_dim: PositiveInt = 120
    prior: PriorName = "normal"
    encoder: Literal["stochastic", "deterministic"] = "stochastic"
    unary: Unary = "both"
    discriminator_steps: Few = 2
    encoder_rate_multiplier: Positive = 1.0
    network: JointSettings = field(default_factory=LargeSettings)
    discriminator_optimizer: OptimizerSettings = BIGBIGAN_ADAM
    generator_optimizer: OptimizerSettings = SLOW_ADAM


@register_method("bigbigan")
class BigBiGAN(PairGame):
    """D against G and E, over images, latents and pairs."""

    Settings = BigBiGANSettings

    def __init__(self, settings: BigBiGANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        s = settings
        if s.encoder == "stochastic":
            check_stochastic_prior(s.encoder, s.prior)
            self.deviation = F.softplus
        self.prior = make_prior(s.prior, s.latent_dim)
        self.sample_spec = families.sample_spec_of(spec, s.network)
        self.discriminator = families.make_joint_discriminator(
            self.sample_spec, s.network, s.latent_dim, s.unary
        )
        self.generator = families.make_joint_generator(self.sample_spec, s.network, s.latent_dim)
        num_outputs = s.latent_dim * (2 if self.deviation else 1)
        self.encoder = families.make_joint_encoder(spec, s.network, num_outputs)
        self.players = (
            Player("discriminator", ("discriminator",), s.discriminator_optimizer),
            Player("generator", ("generator",), s.generator_optimizer),
            Player("encoder", ("encoder",), s.generator_optimizer.times(s.encoder_rate_multiplier)),
        )
        self.turns = (*[("discriminator",)] * s.discriminator_steps, ("generator", "encoder"))
        self.default_layer = f"encoder.{self.encoder.vector_names[0]}"

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """A hinge on every score for D; G descends minus its scores, E its own as they are.

        Means run over the scores of a pair too, as in the authors' module: sums of the scores, as
        printed, would be three times as large.
        """
        D, G = self.discriminator, self.generator
        x, z = self.resize_to_sample(batch.x), batch.z
        E_x, _mean = self.draw_latents(batch.x, batch.noise)
        real, fake = D(x, E_x), D(G(z), z)
        losses: dict[str, Terms] = {}
        if "discriminator" in players:
            losses["discriminator"] = {"real": hinge_real(real), "fake": hinge_fake(fake)}
        cycle = self.cycle(x, E_x) if "generator" in players or "encoder" in players else {}
        if "generator" in players:
            losses["generator"] = {"fake": -fake.mean(), **cycle}
        if "encoder" in players:
            losses["encoder"] = {"real": real.mean(), **cycle}
        return losses

    def update_norm_stats(self, batch: Batch) -> None:
        """G(z) and E(x): D has no batch norm. With a cycle term, G sees E's latents as well."""
        if self.settings.cycle_weight:
            super().update_norm_stats(batch)
            return
        self.generator(batch.z)
        self.draw_latents(batch.x, batch.noise)

    def resize_to_sample(self, x: Tensor) -> Tensor:
        """Data in the form `sample_spec`: each pixel the mean of those it stands for."""
        if self.sample_spec == self.spec:
            return x
        height, width = self.sample_spec.shape[1:]
        return F.adaptive_avg_pool2d(x, (height, width))

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x), after a tanh where latents are U(-1, 1); the mean, where E draws its latents."""
        z = super().encode(x)
        return torch.tanh(z) if self.settings.prior == "uniform" else z

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated D's scores are, all and each; of a stochastic E its noise over its signal.

        The scores differ in scale, so that one may be saturated and another unused.
        """
        D, (drawn, mean) = self.discriminator, self.draw_latents(batch.x, batch.noise)
        real, fake = D(self.resize_to_sample(batch.x), drawn), D(self.generator(batch.z), batch.z)
        seen = {"saturation": hinge_saturation(real, fake)}
        for i, name in enumerate(D.output.names):
            seen[f"saturation_{name}"] = hinge_saturation(real[:, i], fake[:, i])
        if self.deviation is not None:
            seen["encoder_noise"] = (drawn - mean).std() / mean.std(0).mean().clamp_min(1e-12)
        return seen
