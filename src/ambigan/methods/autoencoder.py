"""Autoencoders with l1 or l2 loss, as in Table 1 of BiGAN. Donahue et al.; ICLR 2017.

E and G are one player that makes G(E(x)) close to x. There is no game, and no prior that the
latents would follow, unless a term of Structural Adversarial Objectives (arXiv 2310.00357) is asked
for, which that paper leaves open as a regulariser of autoencoders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch.nn.functional as F
from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.distributed import all_rows
from ..core.errors import ConfigError
from ..core.settings import NonNegative
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks import families
from ..networks.families import NetworkSettings
from ..networks.permutation_invariant import MLPSettings
from ..objectives.reconstruction import absolute_error, squared_error
from ..objectives.structural import (
    gaussian_divergence,
    mean_similarity,
    moments_of,
    nearest_rows,
)
from ..priors import make_prior
from .registry import register_method


@dataclass(frozen=True)
class AutoencoderSettings:
    """Settings; networks and optimiser are those of the other columns of Table 1.

    Attributes:
        latent_dim: number of dimensions of the latents E(x).
        loss: distance of a reconstruction from its original, summed over an example's values:
            `l2` is the squared error, `l1` the absolute one.
        feature_layer: layer whose outputs are the features, by dotted name; None for the last
            hidden layer of E.
        gaussian_weight: weight of the divergence of latents from draws of N(0, I), both taken as
            Gaussians: the coarse scale of SAO, with the prior in the place of a generator's
            embeddings, in the form `bhattacharyya`, and without scaling to length 1. Above 0,
            samples can be drawn, and E must be linear.
        cluster_weight: weight of the cosine of each latent with the nearest other one in the batch:
            the fine scale of SAO, without bank and teacher.
        network: networks of E and G; what the settings say of D has no effect.
        optimizer: optimiser of E and G.
    """

    latent_dim: PositiveInt = 50
    loss: Literal["l2", "l1"] = "l2"
    feature_layer: str | None = None
    gaussian_weight: NonNegative = 0.0
    cluster_weight: NonNegative = 0.0
    network: NetworkSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("autoencoder")
class Autoencoder(Method):
    """E and G, over data alone."""

    Settings = AutoencoderSettings
    capabilities = frozenset({"decode", "encode", "reconstruct"})

    def __init__(self, settings: AutoencoderSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.has_prior = settings.gaussian_weight > 0
        if self.has_prior:
            families.check_prior_fits(settings.network, "normal")
            self.capabilities = frozenset({*self.capabilities, "sample"})
        # Without that term latents are drawn, but not used.
        self.prior = make_prior("normal" if self.has_prior else "uniform", settings.latent_dim)
        self.encoder = families.make_encoder(spec, settings.network, settings.latent_dim)
        self.sample_spec = families.sample_spec_of(spec, settings.network)
        self.generator = families.make_generator(
            self.sample_spec, settings.network, settings.latent_dim
        )
        self.players = (Player("autoencoder", ("encoder", "generator"), settings.optimizer),)
        self.turns = (("autoencoder",),)
        self.data_networks = ("encoder",)
        self.default_layer = settings.feature_layer or families.last_hidden("encoder", self.encoder)
        self.error = squared_error if settings.loss == "l2" else absolute_error

    def check_batch(self, size: int) -> None:
        """Refuses single examples where each is drawn to another."""
        if self.settings.cluster_weight and size < 2:
            raise ConfigError(
                "settings.cluster_weight draws each example to another of its batch; let"
                " train.batch_size be 2 or more."
            )

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """The distance of x from G(E(x)) (BiGAN, section 4.2), and SAO's terms of E(x)."""
        s, x = self.settings, self.resize_to_sample(batch.x)
        E_x = self.encoder(batch.x)
        terms = {"reconstruction": self.error(x, self.decode(E_x))}
        if self.has_prior:
            scale = 1 / s.latent_dim**0.5  # to the mean length 1 of a draw
            drawn, found = moments_of(scale * batch.z), moments_of(scale * E_x)
            divergence = gaussian_divergence(found, drawn, 2.0 * s.latent_dim, "bhattacharyya")
            terms["gaussian"] = s.gaussian_weight * divergence
        if s.cluster_weight:
            e = F.normalize(E_x, dim=1)
            others = all_rows(e)
            terms["cluster"] = -s.cluster_weight * mean_similarity(
                e, others, nearest_rows(e, others, num=1, skip=1)
            )
        return {"autoencoder": terms}

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x); G(E(x))."""
        match network:
            case "encoder":
                return self.encoder(x)
            case "generator":
                return self.reconstruct(x)
            case _:
                raise ConfigError(f"an autoencoder has no network '{network}'.")

    def decode(self, z: Tensor) -> Tensor:
        """G(z), for latents that E gave, that lie between those or, with a prior, are drawn."""
        return self.generator(z, z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x)."""
        return self.encoder(x)
