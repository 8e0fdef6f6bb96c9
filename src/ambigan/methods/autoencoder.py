"""Autoencoders with l1 or l2 loss, as in Table 1 of BiGAN. Donahue et al.; ICLR 2017.

E and G are one player that makes G(E(x)) close to x. There is no game, and no prior that the
latents would follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..game import Batch, Method, OptimizerSettings, Player, Terms
from ..networks import families
from ..networks.families import NetworkSettings
from ..networks.permutation_invariant import MLPSettings
from ..objectives.reconstruction import absolute_error, squared_error
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
        network: networks of E and G; what the settings say of D has no effect.
        optimizer: optimiser of E and G.
    """

    latent_dim: PositiveInt = 50
    loss: Literal["l2", "l1"] = "l2"
    feature_layer: str | None = None
    network: NetworkSettings = field(default_factory=MLPSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)


@register_method("autoencoder")
class Autoencoder(Method):
    """E and G, over data alone."""

    Settings = AutoencoderSettings
    capabilities = frozenset({"decode", "encode", "reconstruct"})

    def __init__(self, settings: AutoencoderSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = make_prior("uniform", settings.latent_dim)  # drawn, but not used
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

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """The distance of x from G(E(x)) (BiGAN, section 4.2)."""
        x, again = self.resize_to_sample(batch.x), self.reconstruct(batch.x)
        return {"autoencoder": {"reconstruction": self.error(x, again)}}

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
        """G(z), for latents that E gave or that lie between those; none can be drawn."""
        return self.generator(z, z)

    def encode(self, x: Tensor) -> Tensor:
        """E(x)."""
        return self.encoder(x)
