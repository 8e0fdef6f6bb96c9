"""The contract between a method and the engine: players, turns and losses as named terms.

A method says what is played; it never steps an optimiser, logs, or moves data. The engine plays
it and knows nothing of any paper.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .core.data_spec import DataSpec
from .core.errors import ConfigError
from .core.feature_layers import (
    ALL_CONVS,
    LATENTS,
    POOL_SIDE,
    LayerSpec,
    hidden_layers,
    is_convolutional,
    parse_layer_spec,
    read_layer,
)
from .core.randomness import Randomness
from .core.settings import Fraction, NonNegative, Positive

Terms = dict[str, Tensor]
"""A player's loss as named scalar terms, weights already applied; the loss is their sum."""

Capability = Literal["decode", "sample", "encode", "reconstruct"]
"""What a model can do; `sample` says that decoded draws of the prior are like data."""


class Prior(Protocol):
    """A distribution of latents."""

    dim: int

    def sample(self, num: int, noise: Randomness) -> Tensor:
        """Latents `(num, dim)`."""
        ...


@dataclass(frozen=True)
class OptimizerSettings:
    """Settings of a player's optimiser.

    Attributes:
        kind: optimiser: `adam` adds weight decay to the gradient (L2), `adamw` decouples it.
        learning_rate: learning rate at the start, above 0.
        betas: decay rates of the running means of gradients and of their squares, in [0, 1).
        epsilon: number added to the root of the running mean of squares.
        weight_decay: weight decay of matrices and kernels, and of what the next two settings add.
        decay_biases: whether weight decay applies to biases as well.
        decay_gains: whether weight decay applies to the gains of norms as well.
        decay_from: fraction of training after which the learning rate falls, in [0, 1).
        final_learning_rate: learning rate at the end, approached exponentially; None for a
            constant rate.
    """

    kind: Literal["adam", "adamw"] = "adam"
    learning_rate: Positive = 2e-4
    betas: tuple[Fraction, Fraction] = (0.5, 0.999)
    epsilon: Positive = 1e-8
    weight_decay: NonNegative = 2.5e-5
    decay_biases: bool = False
    decay_gains: bool = False
    decay_from: Fraction = 0.5
    final_learning_rate: Positive | None = 2e-6

    def times(self, factor: float) -> OptimizerSettings:
        """The same with learning rates `factor` times as high."""
        final = self.final_learning_rate
        return replace(
            self,
            learning_rate=factor * self.learning_rate,
            final_learning_rate=final and factor * final,
        )


@dataclass(frozen=True)
class Player:
    """One side of the game: the networks it moves and how.

    Attributes:
        name: name in losses and logs.
        networks: names of the method's networks that it owns; no network has two owners.
        optimizer: settings of its optimiser.
        schedule_window: part of training in which it moves, as fractions of all images seen; its
            learning rate is planned over that part. A latent regressor that is trained after its
            GAN has (0.5, 1).
    """

    name: str
    networks: tuple[str, ...]
    optimizer: OptimizerSettings
    schedule_window: tuple[float, float] = (0.0, 1.0)


def turns_of(
    players: Sequence[Player], *, simultaneous: bool, first_steps: int = 1
) -> tuple[tuple[str, ...], ...]:
    """The turns of an iteration: one of all players together, or one of each in their order.

    Args:
        players: The sides of the game.
        simultaneous: Whether all move together.
        first_steps: How often the first player moves; its further turns, alone, come before.
    """
    names = tuple(player.name for player in players)
    turns = (names,) if simultaneous else tuple((name,) for name in names)
    return (*[(names[0],)] * (first_steps - 1), *turns)


@dataclass(frozen=True)
class Batch:
    """The draws of a turn.

    Attributes:
        x: examples, `(N, C, H, W)` in [-1, 1] or `(N, D)`.
        z: latents, `(N, latent_dim)`.
        noise: source of noise inside the game, keyed by seed, images seen and turn.
        cache: tensors that `losses` computed of this batch and `after_iteration` needs again.
        progress: part of the planned training that came before this turn, in [0, 1]. Only
            `after_iteration` reads it; `losses` sees 0, since a recorded turn has no time.
    """

    x: Tensor
    z: Tensor
    noise: Randomness
    cache: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    progress: float = 0.0

    def copy(self) -> Batch:
        """The same batch in memory of its own."""
        kept = {name: value.clone() for name, value in self.cache.items()}
        return replace(self, x=self.x.clone(), z=self.z.clone(), cache=kept)


class Method(nn.Module, ABC):
    """A game over networks, and what the trained networks can do.

    A subclass names its `Settings`, builds its networks in `__init__` from settings and data, and
    writes `losses`. It declares in `capabilities` what it can do besides computing features.

    Attributes:
        Settings: frozen dataclass whose fields are the method's dotted settings.
        capabilities: any of `decode`, `sample`, `encode`, `reconstruct`.
        players: sides of the game.
        turns: turns of one iteration. Each draws a fresh batch and names the players that move on
            it together, from one forward pass. Simultaneous play is one turn, alternating play is
            several, and two discriminator steps are two turns of the discriminator.
        prior: distribution of the latents.
        sample_spec: form of what `decode` makes: that of the data, or smaller images.
        default_layer: name of the layer whose output is the features, such as `encoder.hidden2`.
        data_networks: names of the networks that see data, whose layers are worth measuring.
        latent_networks: names of the networks that data never pass through; their layers cannot be
            read.
        unit_features: whether features are scaled to length 1, so that Euclidean distances between
            them order as angles do.
    """

    Settings: ClassVar[type[Any]]
    capabilities: frozenset[Capability] = frozenset()
    players: tuple[Player, ...]
    turns: tuple[tuple[str, ...], ...]
    prior: Prior
    sample_spec: DataSpec
    default_layer: str
    data_networks: tuple[str, ...] = ()
    latent_networks: tuple[str, ...] = ()
    unit_features: bool = False

    def __init__(self, settings: Any, spec: DataSpec) -> None:
        super().__init__()
        self.settings = settings
        self.spec = self.sample_spec = spec

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

    def check_batch(self, size: int) -> None:
        """Refuses batches that the game cannot be played on, before anything is written.

        Args:
            size: number of examples in a turn, over all processes.

        Raises:
            ConfigError: naming the setting in the way. By default every size is allowed.
        """

    def update_norm_stats(self, batch: Batch) -> None:
        """Sends a batch through all networks with batch norm as training does, for its statistics.

        By default through the losses of all players; a method whose losses cost more than that
        does only what is needed.
        """
        self.losses(batch, [player.name for player in self.players])

    def after_iteration(self, batches: Sequence[Batch]) -> None:
        """Updates teachers and memory banks (registered buffers) after the players have moved.

        Args:
            batches: batches of the turns in which a player moved, in order.
        """

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """Scalars to log next to the losses, such as a discriminator's saturation."""
        return {}

    def resize_to_sample(self, x: Tensor) -> Tensor:
        """Data in the form of samples: unchanged, or resized, bilinear and antialiased."""
        if self.sample_spec == self.spec:
            return x
        return F.interpolate(x, self.sample_spec.shape[1:], mode="bilinear", antialias=True)

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that can be read: dotted names of modules inside the networks."""
        named = cast(Iterable[tuple[str, nn.Module]], self.named_modules())
        owned = {network for player in self.players for network in player.networks}
        owned -= set(self.latent_networks)
        return tuple(
            name
            for name, module in named
            if name.partition(".")[0] in owned
            and "parametrizations" not in name.split(".")
            and not isinstance(module, nn.ModuleList)  # nothing passes through a list itself
        )

    @property
    def feature_layers(self) -> tuple[str, ...]:
        """The layers worth measuring: of each network that sees data, hidden ones and output.

        Those of convolutional networks are max-pooled to 4x4, one by one and all together.
        """
        return tuple(
            name
            for network in self.data_networks
            for name in _measured(network, self.get_submodule(network))
        )

    def find_layer(self, name: str | None = None) -> LayerSpec:
        """The specification of a layer's name; of `default_layer`, if None.

        Raises:
            ConfigError: there is no such layer, it cannot be pooled as asked, or data never pass
                through it.
        """
        name = name or self.default_layer
        if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigError(f"layer {name!r} is no name, such as '{self.default_layer}'.")
        layer = name.partition("@")[0]
        if layer == LATENTS:
            if "encode" not in self.capabilities:
                raise self._unable("encode")
            if name != LATENTS:
                raise ConfigError(f"layer '{name}': latents are no images; leave out the @.")
            return LayerSpec(name, "", (), None)
        network = layer.partition(".")[0]
        if network in self.latent_networks:
            raise ConfigError(
                f"the {network} of {type(self).__name__} never sees data; take a layer of another"
                f" network, such as {self.feature_layers[0]}."
            )
        return parse_layer_spec(self, name, self.layers)

    @torch.no_grad()
    def features(self, x: Tensor, layer: str | None = None) -> Tensor:
        """A layer's outputs for data, flattened to `(N, D)` float32; the method is left unchanged.

        Args:
            x: examples, `(N, *spec.shape)`.
            layer: name of the layer, one of `layers`; `LAYER@4` for its maps max-pooled to 4x4;
                `NETWORK.convs@4` for all convolutional layers of a network, each pooled to 4x4, put
                side by side (DCGAN, section 5.1); `latents` for the output of `encode`. None for
                `default_layer`.

        Raises:
            ConfigError: there is no such layer, or data never passes through it.
        """
        return self.read_features(x, layer)

    def read_features(self, x: Tensor, layer: str | None = None) -> Tensor:
        """As `features`, but differentiable with respect to the examples."""
        spec = self.find_layer(layer)
        if spec.name == LATENTS:
            return read_layer(self, spec, lambda _network, x: self.encode(x), x)
        features = read_layer(self, spec, self.run, x)
        return F.normalize(features, dim=1) if self.unit_features else features

    def player_parameters(self, player: Player) -> dict[str, nn.Parameter]:
        """A player's parameters by dotted name."""
        return {
            f"{network}.{name}": parameter
            for network in player.networks
            for name, parameter in self.get_submodule(network).named_parameters()
        }

    def _unable(self, capability: str) -> ConfigError:
        known = ", ".join(sorted(self.capabilities)) or "nothing but features"
        return ConfigError(f"{type(self).__name__} cannot {capability}; it can do: {known}.")


def _measured(name: str, network: nn.Module) -> list[str]:
    """The hidden layers of a network, and its output where that is more than one number."""
    hidden = [f"{name}.{layer}" for layer in hidden_layers(network)]
    if is_convolutional(network):
        hidden = [f"{layer}@{POOL_SIDE}" for layer in (*hidden, f"{name}.{ALL_CONVS}")]
    vectors = cast(tuple[str, ...], getattr(network, "vector_names", ()))
    hidden += [f"{name}.{layer}" for layer in vectors]
    output_shape = cast(tuple[int, ...], getattr(network, "out_shape", ()))
    return [*hidden, f"{name}.output"] if math.prod(output_shape) > 1 else hidden
