"""Builders of BigGAN's G and D, and of BigBiGAN's networks with a ResNet-50 or RevNet-50 for E."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import PositiveInt

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import Few, Positive
from .biggan import (
    SMALLEST_BIGGAN_SIDE,
    BigGANBody,
    BigGANDiscriminator,
    BigGANGenerator,
    Growth,
)
from .convnet import image_sample_spec
from .heads import JointDiscriminator, Unary, check_depths
from .resnet50 import ResNet50Encoder, StemKind


@dataclass(frozen=True)
class BigGANSizes:
    """What G and D of BigGAN and of BigBiGAN have in common.

    Attributes:
        width: Number of channels of D's first block and G's last block at 128x128; 96 in BigGAN.
            All other blocks have multiples of it.
        generator_width: The same number for G alone; `width` if None.
        growth: Growth of channels in D and G for images up to 32x32: `biggan` keeps them equal in
            all blocks, `doubling` doubles them from block to block, as BigGAN does on larger
            images.
        attention: Side of the maps in G and D after which self-attention is put; where no maps have
            that side, the next smaller one is used. None for no attention.
        image_size: Height and width of the images that G draws and D sees, if they are to be
            smaller than the data; E always sees the data at full size (128 with an E of 256 in the
            paper). None for the size of the data.
        checkpoint_activations: Whether blocks of F, G and a ResNet store their inputs alone and run
            again for gradients, which takes less memory and more time. A RevNet stores not even the
            inputs.
    """

    width: PositiveInt = 96
    generator_width: PositiveInt | None = None
    growth: Growth = "biggan"
    attention: PositiveInt | None = 64
    image_size: tuple[PositiveInt, PositiveInt] | None = None
    checkpoint_activations: bool = False


@dataclass(frozen=True)
class BigGANSettings(BigGANSizes):
    """BigGAN's networks, without labels; the defaults are the sizes for ImageNet at 128x128.

    Attributes:
        kind: Kind of the networks.
    """

    kind: Literal["biggan"] = "biggan"


@dataclass(frozen=True)
class LargeSettings(BigGANSizes):
    """BigBiGAN's networks; the defaults are the sizes for ImageNet at 128x128.

    Attributes:
        kind: Kind of the networks.
        encoder: Network of E: `resnet50`, or `revnet50`, which needs less memory because it
            recomputes its activations in the backward pass.
        encoder_width: Factor on all channels of E; 4 in the paper's best model.
        encoder_depths: Number of blocks of each stage of E.
        encoder_stem: First layer of E: `imagenet` is a 7x7 convolution with stride 2 and
            max-pooling, `small` a 3x3 convolution at full size. None chooses `small` for images up
            to 64x64.
        encoder_init_std: Standard deviation of E's initial weights; Kaiming's by layer if None.
            Under batch norm the scale of a weight does not change the output, but it changes the
            relative size of Adam's steps: E learns faster when its weights start small.
        head_places: Side of the grid of averages that E's head sees; 1, the mean over all pixels,
            in the paper. When E has few features, a finer grid keeps where things are in the image.
        joint_places: Side of the grid over which F is summed for J in D; 1, the sum over all
            pixels, in the paper.
        head_width: Number of units of the residual MLP on E; 4096 in the paper (from memory).
        head_depth: Number of layers of the residual MLP on E, an even number; 4 in the paper (from
            memory).
        mlp_width: Number of units of the residual MLPs H and J in D; 2048 in the paper (from
            memory).
        mlp_depth: Number of layers of H and of J, an even number; 8 in the paper (from memory).
        mlp_spectral_norm: Whether spectral norm is on the weights of H and J, as on the rest of D.
            Without it J learns sooner to see the latents.
        crelu: Whether E computes BN+CReLU features as a layer `crelu` for evaluation.
    """

    kind: Literal["large"] = "large"
    encoder: Literal["resnet50", "revnet50"] = "resnet50"
    encoder_width: Positive = 1.0
    encoder_depths: tuple[Few, ...] = (3, 4, 6, 3)
    encoder_stem: StemKind | None = None
    encoder_init_std: Positive | None = None
    head_places: PositiveInt = 1
    joint_places: PositiveInt = 1
    head_width: PositiveInt = 4096
    head_depth: Few = 4
    mlp_width: PositiveInt = 2048
    mlp_depth: Few = 8
    mlp_spectral_norm: bool = True
    crelu: bool = True

    def __post_init__(self) -> None:
        check_depths(head_depth=self.head_depth, mlp_depth=self.mlp_depth)


def large_sample_spec(spec: DataSpec, settings: BigGANSettings | LargeSettings) -> DataSpec:
    """Returns the form of the images that G draws and D sees, see `image_sample_spec`."""
    return image_sample_spec(spec, settings.kind, 2 * SMALLEST_BIGGAN_SIDE, settings.image_size)


def make_large_discriminator(
    spec: DataSpec, settings: LargeSettings, latent_dim: int, unary: Unary
) -> JointDiscriminator:
    """Builds D(x, z), which maps `(N, *spec.shape)` and `(N, latent_dim)` to scores."""
    _check_places("joint_places", settings.joint_places, spec)
    body = BigGANBody(
        spec.shape,
        settings.width,
        settings.attention,
        growth=settings.growth,
        places=settings.joint_places,
        checkpoint_activations=settings.checkpoint_activations,
    )
    return JointDiscriminator(
        body,
        latent_dim,
        settings.mlp_width,
        settings.mlp_depth,
        unary,
        mlp_spectral_norm=settings.mlp_spectral_norm,
    )


def make_biggan_discriminator(spec: DataSpec, settings: BigGANSettings) -> BigGANDiscriminator:
    """Builds D(x), which maps `(N, *spec.shape)` to logits `(N, 1)`."""
    body = BigGANBody(
        spec.shape,
        settings.width,
        settings.attention,
        growth=settings.growth,
        checkpoint_activations=settings.checkpoint_activations,
    )
    return BigGANDiscriminator(body)


def make_large_generator(
    spec: DataSpec, settings: BigGANSettings | LargeSettings, latent_dim: int
) -> BigGANGenerator:
    """Builds G(z), which maps `(N, latent_dim)` to `(N, *spec.shape)`."""
    return BigGANGenerator(
        latent_dim,
        spec.shape,
        settings.generator_width or settings.width,
        settings.attention,
        growth=settings.growth,
        checkpoint_activations=settings.checkpoint_activations,
    )


def make_large_encoder(
    spec: DataSpec, settings: LargeSettings, num_outputs: int
) -> ResNet50Encoder:
    """Builds E(x), which maps `(N, *spec.shape)` to `(N, num_outputs)`."""
    _check_places("head_places", settings.head_places, spec)
    return ResNet50Encoder(
        spec.shape,
        num_outputs,
        reversible=settings.encoder == "revnet50",
        width=settings.encoder_width,
        depths=settings.encoder_depths,
        stem=settings.encoder_stem,
        checkpoint_activations=settings.checkpoint_activations,
        head_places=settings.head_places,
        head_width=settings.head_width,
        head_depth=settings.head_depth,
        crelu=settings.crelu,
        init_std=settings.encoder_init_std,
    )


def _check_places(name: str, side: int, spec: DataSpec) -> None:
    """Checks that a grid of averages is not finer than the images."""
    most = min(spec.shape[1:])
    if side > most:
        raise ConfigError(
            f"settings.network.{name} {side} is a finer grid than images of"
            f" {spec.shape[1]}x{spec.shape[2]}; choose {most} or less, ideally the side of the last"
            " maps."
        )
