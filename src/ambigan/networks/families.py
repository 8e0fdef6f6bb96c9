"""The kinds of networks a method may be played with, behind three functions."""

from __future__ import annotations

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from . import convolutional, permutation_invariant, residual
from .biggan_deep import BigGANDeepGenerator
from .convnet import ConvNet, DeconvNet
from .convolutional import ConvSettings
from .layers.basic import Output
from .mlp import MLP
from .permutation_invariant import MLPSettings
from .residual import ResidualSettings
from .resnet import ResNet

NetworkSettings = MLPSettings | ConvSettings
"""Told apart by their `kind`."""

GameSettings = NetworkSettings | ResidualSettings
"""Of games without an encoder: residual networks have no place for latents inside D."""

Discriminator = MLP | ConvNet | ResNet
Encoder = MLP | ConvNet
Generator = MLP | DeconvNet | BigGANDeepGenerator


def sample_spec_of(spec: DataSpec, settings: GameSettings) -> DataSpec:
    """The form of what G draws and D sees: the data's, or smaller images of them.

    Raises:
        ConfigError: the networks are not made for such data.
    """
    match settings:
        case ConvSettings():
            return convolutional.conv_sample_spec(spec, settings)
        case ResidualSettings():
            residual.check_images(spec)
            return spec
        case MLPSettings():
            return spec


def make_discriminator(
    spec: DataSpec, settings: GameSettings, latent_dim: int = 0
) -> Discriminator:
    """D(x) or, with latents, D(x, z); `(N, 1)`. Residual networks take no latents."""
    if isinstance(settings, ResidualSettings):
        return residual.make_residual_discriminator(spec, settings)
    if isinstance(settings, ConvSettings):
        return convolutional.make_conv_discriminator(spec, settings, latent_dim)
    return permutation_invariant.make_mlp_discriminator(spec, settings, latent_dim)


def make_generator(spec: DataSpec, settings: GameSettings, latent_dim: int) -> Generator:
    """G(z, z), `(N, latent_dim)` to `(N, *spec.shape)`; the second z goes to hidden layers."""
    if isinstance(settings, ResidualSettings):
        return residual.make_residual_generator(spec, settings, latent_dim)
    if isinstance(settings, ConvSettings):
        return convolutional.make_conv_generator(spec, settings, latent_dim)
    return permutation_invariant.make_mlp_generator(spec, settings, latent_dim)


def make_encoder(
    spec: DataSpec, settings: NetworkSettings, num_outputs: int, output: Output | None = None
) -> Encoder:
    """E(x), `(N, *spec.shape)` to `(N, num_outputs)`, ending in `output` or as set."""
    if isinstance(settings, ConvSettings):
        return convolutional.make_conv_encoder(spec, settings, num_outputs, output)
    return permutation_invariant.make_mlp_encoder(spec, settings, num_outputs, output)


def last_hidden(name: str, network: Discriminator | Encoder) -> str:
    """The layer before the output of a network, by the network's name in the method."""
    vectors = network.vector_names if isinstance(network, ResNet) else ()
    return f"{name}.{(*network.hidden_names, *vectors)[-1]}"


def check_prior_fits(settings: NetworkSettings, prior: str) -> None:
    """A squashed encoder reaches [-1, 1] only; a normal prior needs the whole line.

    Raises:
        ConfigError: the two do not go together.
    """
    if settings.encoder_output != "linear" and prior == "normal":
        raise ConfigError(
            "settings.prior 'normal' has no bounds but settings.network.encoder_output "
            f"'{settings.encoder_output}' keeps E(x) in [-1, 1]; choose encoder_output 'linear' or "
            "prior 'uniform'."
        )
