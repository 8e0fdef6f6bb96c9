"""One interface to the kinds of networks that a method may use for D, G and E."""

from __future__ import annotations

from torch import nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from . import ali, convolutional, large, permutation_invariant, residual, residual_mlp
from .ali import ALIDiscriminator, ALIEncoder, ALIGenerator, ALISettings
from .biggan import BigGANDiscriminator, BigGANGenerator
from .biggan_deep import BigGANDeepGenerator
from .convnet import ConvNet, DeconvNet
from .convolutional import ConvSettings
from .heads import JointDiscriminator, Unary
from .large import BigGANSettings, LargeSettings
from .layers.basic import Output
from .layers.whitening import Whitening
from .mlp import MLP
from .permutation_invariant import MLPSettings
from .residual import ResidualSettings
from .residual_mlp import ResidualMLPEncoder, ResidualMLPGenerator, ResidualMLPSettings
from .resnet import ResNet
from .resnet50 import ResNet50Encoder

NetworkSettings = MLPSettings | ConvSettings | ALISettings
"""Settings of networks for games with an encoder; their field `kind` says which class is meant."""

GameSettings = NetworkSettings | ResidualSettings | BigGANSettings
"""Settings of networks for games without an encoder, whose D may have no input for latents."""

EmbedderSettings = MLPSettings | ResidualSettings
"""Settings of networks for games in which D maps an example to an embedding, without a logit."""

JointSettings = LargeSettings | ResidualMLPSettings
"""Settings of networks for a game with joint and unary scores: of images, or of any data."""

PROJECTED = 64
"""Length of what a projector makes."""

Discriminator = MLP | ConvNet | ResNet | BigGANDiscriminator | ALIDiscriminator
Embedder = MLP | ResNet
Encoder = MLP | ConvNet | ALIEncoder
Generator = MLP | DeconvNet | BigGANDeepGenerator | BigGANGenerator | ALIGenerator


def sample_spec_of(spec: DataSpec, settings: GameSettings | JointSettings) -> DataSpec:
    """Returns the form of what G draws and D sees: the form of the data, or of smaller images.

    Args:
        spec: Form of one example of the data.
        settings: Settings of the networks.

    Raises:
        ConfigError: The networks cannot process such data.
    """
    if isinstance(settings, BigGANSettings | LargeSettings):
        return large.large_sample_spec(spec, settings)
    if isinstance(settings, ResidualSettings):
        return residual.residual_sample_spec(spec, settings)
    if isinstance(settings, ConvSettings):
        return convolutional.conv_sample_spec(spec, settings)
    if isinstance(settings, ALISettings):
        return ali.ali_sample_spec(spec, settings)
    return spec


def make_discriminator(
    spec: DataSpec, settings: GameSettings, latent_dim: int = 0
) -> Discriminator:
    """Builds D(x) or, with latents, D(x, z), whose output has shape `(N, 1)`.

    Args:
        spec: Form of one example that D sees.
        settings: Settings of the networks.
        latent_dim: Length of z; 0 for a D that sees x alone. Residual networks and BigGAN's take
            no latents.
    """
    if isinstance(settings, ResidualSettings):
        return residual.make_residual_discriminator(spec, settings)
    if isinstance(settings, BigGANSettings):
        return large.make_biggan_discriminator(spec, settings)
    if isinstance(settings, ConvSettings):
        return convolutional.make_conv_discriminator(spec, settings, latent_dim)
    if isinstance(settings, ALISettings):
        return ALIDiscriminator(spec, settings, latent_dim)
    return permutation_invariant.make_mlp_discriminator(spec, settings, latent_dim)


def make_embedder(spec: DataSpec, settings: EmbedderSettings, num_outputs: int) -> Embedder:
    """Builds D(x), which maps `(N, *spec.shape)` to embeddings `(N, num_outputs)`.

    Args:
        spec: Form of one example.
        settings: Settings of the networks.
        num_outputs: Length of an embedding.
    """
    if isinstance(settings, ResidualSettings):
        return residual.make_residual_discriminator(spec, settings, num_outputs)
    return permutation_invariant.make_mlp_discriminator(spec, settings, num_outputs=num_outputs)


def make_generator(spec: DataSpec, settings: GameSettings, latent_dim: int) -> Generator:
    """Builds G(z, z), which maps `(N, latent_dim)` to `(N, *spec.shape)`.

    The second z goes to hidden layers, where the settings ask for that.

    Args:
        spec: Form of one sample that G draws.
        settings: Settings of the networks.
        latent_dim: Length of z.
    """
    if isinstance(settings, ResidualSettings):
        return residual.make_residual_generator(spec, settings, latent_dim)
    if isinstance(settings, BigGANSettings):
        return large.make_large_generator(spec, settings, latent_dim)
    if isinstance(settings, ConvSettings):
        return convolutional.make_conv_generator(spec, settings, latent_dim)
    if isinstance(settings, ALISettings):
        return ALIGenerator(spec, settings, latent_dim)
    return permutation_invariant.make_mlp_generator(spec, settings, latent_dim)


def make_encoder(
    spec: DataSpec, settings: NetworkSettings, num_outputs: int, output: Output | None = None
) -> Encoder:
    """Builds E(x), which maps `(N, *spec.shape)` to `(N, num_outputs)`.

    Args:
        spec: Form of one example of the data.
        settings: Settings of the networks.
        num_outputs: Number of outputs, twice the length of z for a stochastic encoder.
        output: Function that E ends in; the settings' `encoder_output` if None.
    """
    if isinstance(settings, ConvSettings):
        return convolutional.make_conv_encoder(spec, settings, num_outputs, output)
    if isinstance(settings, ALISettings):
        return ALIEncoder(spec, settings, num_outputs, output or settings.encoder_output)
    return permutation_invariant.make_mlp_encoder(spec, settings, num_outputs, output)


def last_hidden(name: str, network: Discriminator | Encoder) -> str:
    """Returns the dotted name of the layer before the output of a network.

    Args:
        name: Name of the network in its method, such as `encoder`.
        network: The network itself.
    """
    vectors = getattr(network, "vector_names", ())
    return f"{name}.{(*network.hidden_names, *vectors)[-1]}"


def make_projector(network: Discriminator | Encoder) -> nn.Sequential:
    """Builds a network from the last hidden layer of another to 64 numbers, for losses on these.

    Raises:
        ConfigError: The other network is convolutional.
    """
    width = _dense(network, "view_weight").num_features
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, PROJECTED))


def whiten(network: Discriminator | Encoder, amount: float, power: float) -> None:
    """Adds the layer `whitening` beside the output of a network; see `Whitening`.

    Raises:
        ConfigError: The network is convolutional.
    """
    dense = _dense(network, "feature_whitening")
    dense.whitening = Whitening(dense.num_features, amount, power)


def _dense(network: Discriminator | Encoder, setting: str) -> MLP:
    """The network, if it is one of dense layers, as a setting needs it."""
    if not isinstance(network, MLP):
        raise ConfigError(
            f"settings.{setting} needs networks of dense layers; choose settings.network.kind mlp,"
            f" or leave {setting} out."
        )
    return network


def check_prior_fits(settings: NetworkSettings, prior: str) -> None:
    """Checks that the encoder can reach all latents that the prior draws.

    A bounded encoder reaches [-1, 1] only, and a normal prior has no bounds.

    Raises:
        ConfigError: The encoder is bounded and the prior is not.
    """
    if settings.encoder_output != "linear" and prior == "normal":
        raise ConfigError(
            "settings.prior 'normal' is unbounded, but settings.network.encoder_output "
            f"'{settings.encoder_output}' keeps E(x) in [-1, 1]; choose encoder_output 'linear' or "
            "prior 'uniform'."
        )


def make_joint_discriminator(
    spec: DataSpec, settings: JointSettings, latent_dim: int, unary: Unary
) -> JointDiscriminator:
    """Builds D(x, z), which maps data and latents to the joint score and unary scores.

    Args:
        spec: Form of one example that D sees.
        settings: Settings of the networks.
        latent_dim: Length of z.
        unary: Which of s_x and s_z there are in addition to s_xz.
    """
    if isinstance(settings, LargeSettings):
        return large.make_large_discriminator(spec, settings, latent_dim, unary)
    return residual_mlp.make_residual_mlp_discriminator(spec, settings, latent_dim, unary)


def make_joint_generator(
    spec: DataSpec, settings: JointSettings, latent_dim: int
) -> BigGANGenerator | ResidualMLPGenerator:
    """Builds G(z), which maps `(N, latent_dim)` to `(N, *spec.shape)`."""
    if isinstance(settings, LargeSettings):
        return large.make_large_generator(spec, settings, latent_dim)
    return ResidualMLPGenerator(spec, settings, latent_dim)


def make_joint_encoder(
    spec: DataSpec, settings: JointSettings, num_outputs: int
) -> ResNet50Encoder | ResidualMLPEncoder:
    """Builds E(x), which maps `(N, *spec.shape)` to `(N, num_outputs)`."""
    if isinstance(settings, LargeSettings):
        return large.make_large_encoder(spec, settings, num_outputs)
    return ResidualMLPEncoder(spec.num_values, settings, num_outputs)
