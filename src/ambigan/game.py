"""The contract between a method and the engine: players, turns and losses as named terms.

A method says what is played; it never steps an optimiser, logs, or moves data. The engine plays
it and knows nothing of any paper.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .core.errors import ConfigError, unknown
from .core.random import Randomness
from .core.settings import Fraction, NonNegative, Positive
from .core.spec import DataSpec

Terms = dict[str, Tensor]
"""A player's loss as named scalar terms, weights already applied; the loss is their sum."""

Ability = Literal["decode", "sample", "encode", "reconstruct"]
"""What a model can do; `sample` says that decoded draws of the prior are like data."""


class Prior(Protocol):
    """A distribution of latents."""

    dim: int

    def sample(self, num: int, noise: Randomness) -> Tensor:
        """Latents `(num, dim)`."""
        ...


@dataclass(frozen=True)
class OptimizerSettings:
    """How a player learns.

    Attributes:
        kind: `adam` adds weight decay to the gradient (L2), `adamw` decouples it.
        learning_rate: at the start.
        betas: decay of the running mean and of the running square of gradients.
        epsilon: added to the root of the running square.
        weight_decay: on matrices and kernels only, unless `decay_biases`.
        decay_biases: apply weight decay to biases and gains as well.
        decay_from: the fraction of training after which the rate falls.
        final_learning_rate: reached exponentially at the end; equal to the rate for no decay.
    """

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: Positive = 2e-4
    betas: tuple[Fraction, Fraction] = (0.5, 0.999)
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 2.5e-5
    decay_biases: bool = False
    decay_from: Fraction = 0.5
    final_learning_rate: Positive = 2e-6


@dataclass(frozen=True)
class Player:
    """One side of the game: the networks it moves and how.

    Attributes:
        name: as it stands in losses and logs.
        networks: attributes of the method that it owns; no network has two owners.
        optimizer: its optimiser's settings.
        active: the part of training in which it moves, as fractions of all images seen; its
            learning rate is planned over that part. A latent regressor that comes after a GAN is
            active in (0.5, 1).
    """

    name: str
    networks: tuple[str, ...]
    optimizer: OptimizerSettings
    active: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Batch:
    """What a turn draws.

    Attributes:
        x: data, `(N, C, H, W)` in [-1, 1] or `(N, D)`.
        z: latents, `(N, latent_dim)`.
        noise: randomness for noise inside networks, keyed by seed, images seen and turn.
    """

    x: Tensor
    z: Tensor
    noise: Randomness


class Method(nn.Module, ABC):
    """A game over networks, and what can be done with them afterwards.

    A subclass names its `Settings`, builds its networks in `__init__` from settings and data, and
    writes `losses`. What it can do beyond features it declares in `abilities`; the verbs ask.

    Attributes:
        Settings: a frozen dataclass; its fields are the method's dotted settings.
        abilities: any of `decode`, `sample`, `encode`, `reconstruct`.
        players: the sides of the game.
        turns: one iteration. Each turn draws a fresh batch and names the players that move on it
            together, from one forward pass. Simultaneous play is one turn; alternating play is
            several; two discriminator steps are two turns of it.
        prior: where latents come from.
        default_layer: the layer whose output `features` returns, such as `encoder.hidden2`.
        unit_features: features are scaled to length 1, so that Euclidean distances between them
            order as angles do.
    """

    Settings: ClassVar[type[Any]]
    abilities: ClassVar[frozenset[Ability]] = frozenset()
    players: tuple[Player, ...]
    turns: tuple[tuple[str, ...], ...]
    prior: Prior
    default_layer: str
    unit_features: bool = False

    def __init__(self, settings: Any, spec: DataSpec) -> None:
        super().__init__()
        self.settings = settings
        self.spec = spec

    @abstractmethod
    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        """Each named player's loss. Pure: no backward, no detaching to steer, no logging."""

    @abstractmethod
    def run(self, network: str, x: Tensor) -> Tensor:
        """Runs data through a network the way the method uses it on data.

        For instance a joint discriminator sees `(x, E(x))`. Layers of `network` are read while
        this runs.

        Raises:
            ConfigError: the network never sees data.
        """

    def decode(self, z: Tensor) -> Tensor:
        """Latents `(N, latent_dim)` to data."""
        raise self._unable("decode")

    def encode(self, x: Tensor) -> Tensor:
        """Data to latents `(N, latent_dim)`."""
        raise self._unable("encode")

    def reconstruct(self, x: Tensor) -> Tensor:
        """Data to latents and back."""
        return self.decode(self.encode(x))

    def after_iteration(self, batch: Batch) -> None:
        """Updates teachers and memory banks (registered buffers) after the players have moved."""

    def watch(self, batch: Batch) -> dict[str, Tensor]:
        """Scalars to watch beside the losses, such as a discriminator's saturation."""
        return {}

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that `features` accepts: dotted names of modules inside the networks."""
        named = cast(Iterable[tuple[str, nn.Module]], self.named_modules())
        owned = {network for player in self.players for network in player.networks}
        return tuple(name for name, _ in named if name.partition(".")[0] in owned)

    @torch.no_grad()
    def features(self, x: Tensor, layer: str | None = None) -> Tensor:
        """What a layer says of data, flattened to `(N, D)` float32; the method is left unchanged.

        Args:
            x: data, `(N, *spec.shape)`.
            layer: one of `layers`; `default_layer` if None.

        Raises:
            ConfigError: there is no such layer, or data never passes through it.
        """
        layer = layer or self.default_layer
        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)
        seen: list[Tensor] = []
        handle = self.get_submodule(layer).register_forward_hook(
            lambda _module, _inputs, output: seen.append(cast(Tensor, output))
        )
        modes = {module: module.training for module in self.modules()}
        try:
            self.eval()
            self.run(layer.partition(".")[0], x)
        finally:
            handle.remove()
            for module, training in modes.items():
                module.training = training
        if not seen:
            raise ConfigError(f"no data passes through layer '{layer}' of {type(self).__name__}.")
        features = seen[-1].flatten(1).float()
        return F.normalize(features, dim=1) if self.unit_features else features

    def player_parameters(self, player: Player) -> dict[str, nn.Parameter]:
        """A player's parameters by dotted name."""
        return {
            f"{network}.{name}": parameter
            for network in player.networks
            for name, parameter in self.get_submodule(network).named_parameters()
        }

    def _unable(self, ability: str) -> ConfigError:
        known = ", ".join(sorted(self.abilities)) or "nothing but features"
        return ConfigError(f"{type(self).__name__} cannot {ability}; it can do: {known}.")
