"""Adversarial Feature Learning (BiGAN). Donahue, Krähenbühl, Darrell; ICLR 2017.

A discriminator tells pairs (x, E(x)) from pairs (G(z), z). To fool it, E and G must invert one
another (Theorem 2), so E learns features of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..core.settings import Fraction, NonNegative, Positive
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks.families import (
    NetworkSettings,
    check_prior_fits,
    last_hidden,
    make_discriminator,
    make_encoder,
    make_generator,
    sample_spec_of,
)
from ..networks.layers.basic import mask_inputs
from ..networks.permutation_invariant import MLPSettings
from ..objectives.adversarial import bce_fake, bce_real, hinge_fake, hinge_real, saturated
from ..objectives.augmentation import augment, check_augmentable
from ..objectives.penalties import r1
from ..objectives.reconstruction import absolute_error
from ..priors import PriorName, make_prior
from .registry import register_method

Objective = Literal["inverse", "minimax", "hinge"]


@dataclass(frozen=True)
class BiGANSettings:
    """What can be changed of the game; the defaults are as printed.

    Attributes:
        latent_dim: of z.
        prior: of z; `uniform` is U(-1, 1).
        objective: what G and E descend. `inverse` (appendix B, what the paper trains with) swaps
            the labels; `minimax` is V itself (Eq. 3). `hinge` is neither's: D's margins are those
            of Lim and Ye (2017), and G and E descend D's raw output, as BigBiGAN does.
        simultaneous: all players move at once on one batch (appendix B); otherwise D, then G and E
            on a fresh one (section 3.4).
        term_weight: of each expectation. 1 as printed; 0.5 in the official code, which makes weight
            decay count twice as much.
        cycle_weight: of E_x|x - G(E(x))|_1, summed over values, in the loss of G and E; 0 in the
            paper. Source: Li et al. (2017), ALICE, whose cycle-consistency this is.
        gradient_penalty: of R1 on real pairs, in D's loss (Mescheder et al., 2018); 0 in the paper.
        encoder_dropout: share of x's values that E does not see in training (masking noise).
        discriminator_dropout: share of x's values that D does not see in training, as in ALI.
        augment: D sees the images of both kinds of pairs in other colours, moved and with holes
            (Zhao et al., 2020); E sees them as they are.
        feature_layer: what `features` returns; the last hidden layer of E if None.
        unit_features: scale them to length 1, so that they are compared by their angle.
        network: of D, G and E.
        encoder: `deterministic` is E(x). `gaussian` is ALI's (Dumoulin et al., 2017, section 2),
            the same game with z = mu(x) + sigma(x) e, e ~ N(0, I); E's output is mu and log sigma,
            features are mu's. It needs the normal prior and a linear E.
        optimizer: of every player.
    """

    latent_dim: PositiveInt = 50
    prior: PriorName = "uniform"
    encoder: Literal["deterministic", "gaussian"] = "deterministic"
    objective: Objective = "inverse"
    simultaneous: bool = True
    term_weight: Positive = 1.0
    cycle_weight: NonNegative = 0.0
    gradient_penalty: NonNegative = 0.0
    encoder_dropout: Fraction = 0.0
    discriminator_dropout: Fraction = 0.0
    augment: bool = False
    feature_layer: str | None = None
    unit_features: bool = False
    network: NetworkSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("bigan")
class BiGAN(Method):
    """D against G and E, over pairs of data and latents."""

    Settings = BiGANSettings
    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})

    def __init__(self, settings: BiGANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        check_prior_fits(settings.network, settings.prior)
        check_augmentable(spec, settings.augment)
        self.gaussian = settings.encoder == "gaussian"
        if self.gaussian and settings.prior != "normal":
            raise ConfigError(
                f"settings.encoder 'gaussian' gives any z but settings.prior '{settings.prior}' is "
                "bounded, so D would tell them apart by that; choose prior 'normal'."
            )
        self.prior = make_prior(settings.prior, settings.latent_dim)
        self.sample_spec = sample_spec_of(spec, settings.network)
        self.discriminator = make_discriminator(
            self.sample_spec, settings.network, settings.latent_dim
        )
        self.generator = make_generator(self.sample_spec, settings.network, settings.latent_dim)
        num_outputs = settings.latent_dim * (2 if self.gaussian else 1)
        self.encoder = make_encoder(spec, settings.network, num_outputs)
        self.players = (
            Player("discriminator", ("discriminator",), settings.optimizer),
            Player("generator_encoder", ("generator", "encoder"), settings.optimizer),
        )
        names = tuple(player.name for player in self.players)
        self.turns = (names,) if settings.simultaneous else tuple((name,) for name in names)
        self.data_networks = ("discriminator", "encoder")
        self.default_layer = settings.feature_layer or last_hidden("encoder", self.encoder)
        self.unit_features = settings.unit_features
        self.objective: Objective = settings.objective
        self.weight = settings.term_weight
        zero_is_black = isinstance(settings.network, MLPSettings) and settings.network.unit_input
        self.empty = -1.0 if zero_is_black and spec.bounded else 0.0

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V for the discriminator (Eq. 3), Λ or V for generator and encoder (appendix B).

        Where E sees larger images than D, x of D and G is g_X(x), the smaller ones (section 3.5).
        """
        D, G, E, w = self._judge, self.generator, self._draw_latents, self.weight
        x, z, noise = self.resize_to_sample(batch.x), batch.z, batch.noise
        code = E(batch.x, noise)
        real = D(x, code, noise)
        fake = D(G(z, z), z, noise)
        losses: dict[str, Terms] = {}
        if "discriminator" in players and self.objective == "hinge":
            losses["discriminator"] = {"real": w * hinge_real(real), "fake": w * hinge_fake(fake)}
        elif "discriminator" in players:
            # ascends V = E_x[log D(x, E(x))] + E_z[log(1 - D(G(z), z))]
            losses["discriminator"] = {"real": w * bce_real(real), "fake": w * bce_fake(fake)}
        if "discriminator" in players and (weight := self.settings.gradient_penalty):
            losses["discriminator"]["r1"] = weight * r1(self.discriminator, x, code)
        if "generator_encoder" in players:
            losses["generator_encoder"] = self._fooling(real, fake)
        if "generator_encoder" in players and (weight := self.settings.cycle_weight):
            losses["generator_encoder"]["cycle"] = weight * absolute_error(x, G(code, code))
        return losses

    def _fooling(self, real: Tensor, fake: Tensor) -> Terms:
        """What G and E descend."""
        w = self.weight
        match self.objective:
            case "inverse":  # ascend Λ = E_x[log(1 - D(x, E(x)))] + E_z[log D(G(z), z)]
                return {"real": w * bce_fake(real), "fake": w * bce_real(fake)}
            case "minimax":  # descend V
                return {"real": -w * bce_real(real), "fake": -w * bce_fake(fake)}
            case "hinge":
                return {"real": w * real.mean(), "fake": -w * fake.mean()}

    def _draw_latents(self, x: Tensor, noise: Randomness) -> Tensor:
        """E(x), or for a Gaussian encoder a draw from q(z | x); in training with masking noise."""
        if self.training:
            x = mask_inputs(x, self.settings.encoder_dropout, noise, self.empty)
        if not self.gaussian:
            return self.encoder(x)
        mean, log_deviation = self.encoder(x).chunk(2, dim=1)
        return mean + log_deviation.exp() * noise.normal(*mean.shape)

    def _judge(self, x: Tensor, z: Tensor, noise: Randomness) -> Tensor:
        """D(x, z), in training perhaps of augmented images, with masking noise on x."""
        if self.training and self.settings.augment:
            x = augment(x, noise)
        if self.training:
            x = mask_inputs(x, self.settings.discriminator_dropout, noise, self.empty)
        return self.discriminator(x, z)

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x); D(x, E(x)); G(E(x))."""
        z = self.encode(x)
        match network:
            case "encoder":
                return z
            case "discriminator":
                return self.discriminator(self.resize_to_sample(x), z)
            case "generator":
                return self.generator(z, z)
            case _:
                raise ConfigError(f"BiGAN has no network '{network}'.")

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z, z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x); of a Gaussian encoder the mean."""
        z = self.encoder(x)
        return z.chunk(2, dim=1)[0] if self.gaussian else z

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated the discriminator is, on both kinds of pairs."""
        D, G, E = self.discriminator, self.generator, self._draw_latents
        real = D(self.resize_to_sample(batch.x), E(batch.x, batch.noise))
        fake = D(G(batch.z, batch.z), batch.z)
        return {"saturation": saturated(real, fake, hinge=self.settings.objective == "hinge")}
