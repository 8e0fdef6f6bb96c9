"""Adversarial Feature Learning (BiGAN). Donahue, Krähenbühl, Darrell; ICLR 2017.

A discriminator tells pairs (x, E(x)) from pairs (G(z), z). To fool it, E and G must invert one
another (Theorem 2), so E learns features of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.randomness import Randomness
from ..core.settings import Few, Positive, Share
from ..game import Batch, OptimizerSettings, Player, Terms, turns_of
from ..networks import families
from ..networks.families import NetworkSettings
from ..networks.permutation_invariant import MLPSettings
from ..objectives.adversarial import OBJECTIVES
from ..objectives.views import swap_values, vicreg
from ..priors import PriorName, make_prior
from .registry import register_method
from .shared import (
    DiscriminatorGame,
    DiscriminatorSettings,
    EncoderSettings,
    PairGame,
    ViewSettings,
    check_stochastic_prior,
)


@dataclass(frozen=True)
class BiGANSettings(ViewSettings, EncoderSettings, DiscriminatorSettings):
    """Settings of the game; the defaults are as printed in the paper.

    Attributes:
        latent_dim: number of dimensions of the latents z.
        prior: distribution of z, in each dimension U(-1, 1) for `uniform` or N(0, 1) for `normal`.
        encoder: kind of encoder: `deterministic` gives E(x); `gaussian` draws z = mu(x) +
            sigma(x) e with e from N(0, I) (ALI; Dumoulin et al., 2017), has the outputs mu and
            log sigma, and needs the normal prior and a linear E.
        objective: what G and E descend: `inverse` (appendix B, what the paper trains with) swaps
            the labels, `minimax` is V itself (Eq. 3), and `hinge` is D's raw score, where D has
            the margins of Lim and Ye (2017).
        simultaneous: whether all players move at once on one batch (appendix B); otherwise D
            moves, then G and E on a fresh batch (section 3.4).
        discriminator_steps: how often D moves in an iteration, each time on fresh data and latents:
            1 in BiGAN. The last of them is the one together with G and E if all move
            simultaneously.
        term_weight: weight of each expectation: 1 as printed, 0.5 in the official code, where
            weight decay so counts twice as much.
        feature_layer: layer whose outputs are the features, by dotted name; None for the last
            hidden layer of E, or its whitening.
        unit_features: whether features are scaled to length 1, to be compared by their angle.
        feature_whitening: part of the correlation of the last hidden layer of E that features are
            without, in [0, 1]. Unless it is 0 and `feature_power` 1, features are the outputs of a
            layer `encoder.whitening`, which is fitted to the training split when training ends.
        feature_power: power of the lengths of these features, in [0, 1]; below 1, examples that are
            far from all others weigh less.
        network: networks of D, G and E.
        optimizer: optimiser of every player.
    """

    latent_dim: PositiveInt = 50
    prior: PriorName = "uniform"
    encoder: Literal["deterministic", "gaussian"] = "deterministic"
    objective: Literal["inverse", "minimax", "hinge"] = "inverse"
    simultaneous: bool = True
    discriminator_steps: Few = 1
    term_weight: Positive = 1.0
    feature_layer: str | None = None
    unit_features: bool = False
    feature_whitening: Share = 0.0
    feature_power: Share = 1.0
    network: NetworkSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("bigan")
class BiGAN(DiscriminatorGame, PairGame):
    """D against G and E, over pairs of data and latents."""

    Settings = BiGANSettings

    def __init__(self, settings: BiGANSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        s = settings
        families.check_prior_fits(s.network, s.prior)
        if s.encoder == "gaussian":
            check_stochastic_prior(s.encoder, s.prior)
            self.deviation = torch.exp
        self.prior = make_prior(s.prior, s.latent_dim)
        self.sample_spec = families.sample_spec_of(spec, s.network)
        self.discriminator = families.make_discriminator(self.sample_spec, s.network, s.latent_dim)
        self.generator = families.make_generator(self.sample_spec, s.network, s.latent_dim)
        self.encoder = families.make_encoder(
            spec, s.network, s.latent_dim * (2 if self.deviation else 1)
        )
        if s.feature_whitening > 0 or s.feature_power < 1:
            families.whiten(self.encoder, s.feature_whitening, s.feature_power)
        self.projector = families.make_projector(self.encoder) if s.view_weight else None
        projectors = ("projector",) if self.projector else ()
        self.players = (
            Player("discriminator", ("discriminator",), s.optimizer),
            Player("generator_encoder", ("generator", "encoder", *projectors), s.optimizer),
        )
        self.turns = turns_of(
            self.players, simultaneous=s.simultaneous, first_steps=s.discriminator_steps
        )
        self.default_layer = s.feature_layer or families.last_hidden("encoder", self.encoder)
        self.unit_features = s.unit_features
        self.objective, self.weight = OBJECTIVES[s.objective], s.term_weight

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """V for the discriminator (Eq. 3), Λ or V for generator and encoder (appendix B).

        Where E sees larger images than D, x of D and G is g_X(x), the smaller ones (section 3.5).
        """
        D, G, w, objective = self.judge, self.generator, self.weight, self.objective
        x, z, noise = self.resize_to_sample(batch.x), batch.z, batch.noise
        E_x, _mean = self.draw_latents(batch.x, noise)
        real = D(noise, x, E_x)
        G_z = G(z, z)
        fake = D(noise, G_z, z)
        losses: dict[str, Terms] = {}
        if "discriminator" in players:
            # D ascends V = E_x[log D(x, E(x))] + E_z[log(1 - D(G(z), z))]
            losses["discriminator"] = {
                "real": w * objective.real(real),
                "fake": w * objective.fake(fake),
                **self.penalties([x, E_x], [G_z, z]),
            }
        if "generator_encoder" in players:
            # G and E ascend Λ = E_x[log(1 - D(x, E(x)))] + E_z[log D(G(z), z)], or descend V
            losses["generator_encoder"] = {
                "real": w * objective.seem_fake(real),
                "fake": w * objective.seem_real(fake),
                **self.cycle(x, E_x),
                **self._views(batch.x, noise),
            }
        return losses

    def _views(self, x: Tensor, noise: Randomness) -> Terms:
        """How unlike two corrupted views of x are to E, if that is asked for."""
        weight, share = self.settings.view_weight, self.settings.view_corruption
        if self.projector is None:
            return {}
        first, second = (self.run("projector", swap_values(x, share, noise)) for _ in range(2))
        terms = vicreg(first, second, self.settings.view_covariance)
        return {name: weight * term for name, term in terms.items()}

    def run(self, network: str, x: Tensor) -> Tensor:
        """The projection of the last hidden layer of E, where there is one, or as for all pairs."""
        if network == "projector" and self.projector is not None:
            return self.projector(self.encoder(x, head=False))
        return super().run(network, x)

    def decode(self, z: Tensor) -> Tensor:
        """G(z)."""
        return self.generator(z, z)

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How saturated the discriminator is, on both kinds of pairs."""
        D, (E_x, _mean) = self.discriminator, self.draw_latents(batch.x, batch.noise)
        real = D(self.resize_to_sample(batch.x), E_x)
        fake = D(self.decode(batch.z), batch.z)
        return {"saturation": self.objective.saturation(real, fake)}
