"""Builders of the residual networks of SAO: ResNet-18 for D, BigGAN-deep for G."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from ..core.data_spec import DataSpec
from ..core.settings import Few
from .biggan_deep import BigGANDeepGenerator
from .convnet import Size, downsampled, image_sample_spec, to_channels_last
from .layers.init import init_kaiming
from .layers.spectral_norm import apply_spectral_norm
from .resnet import ResNet

SMALLEST_RESIDUAL_SIDE = 4
"""Least height or width of the maps inside: maps with a side from 4 to 7 are not halved any
further."""

MAX_CHANNEL_FACTOR = 8
"""Channels of a stage in D double up to this multiple of the first stage's."""


@dataclass(frozen=True)
class ResidualSettings:
    """Residual networks of arXiv 2310.00357; the defaults are the sizes of its authors' code.

    Attributes:
        kind: Kind of the networks.
        width: Number of channels of D's first stage. It doubles with each halving of the images, up
            to eight times as many. It should be a multiple of `group_size`.
        depth: Number of blocks in each stage of D; 2 is ResNet-18.
        group_size: Number of channels in a group of D's group norm; 0 for no norm.
        discriminator_norm: Normalisation of D: `group` norm, or in its place `spectral` norm on
            every weight.
        generator_width: Number of channels of G, the same in all blocks.
        generator_depth: Number of blocks of G at each image size.
        bottleneck: Factor by which the inner layers of G's blocks are narrower than
            `generator_width`.
        generator_norm: `spectral` puts spectral norm on every weight of G, in addition to its batch
            norm; `none` leaves it out.
    """

    kind: Literal["residual"] = "residual"
    width: PositiveInt = 64
    depth: Few = 2
    group_size: NonNegativeInt = 16
    discriminator_norm: Literal["group", "spectral"] = "group"
    generator_width: PositiveInt = 512
    generator_depth: Few = 2
    bottleneck: PositiveInt = 4
    generator_norm: Literal["spectral", "none"] = "spectral"


def residual_sample_spec(spec: DataSpec, settings: ResidualSettings) -> DataSpec:
    """Returns the form of the images that G draws and D sees, see `image_sample_spec`."""
    return image_sample_spec(spec, settings.kind, SMALLEST_RESIDUAL_SIDE)


def make_residual_discriminator(
    spec: DataSpec, settings: ResidualSettings, num_outputs: int = 1
) -> ResNet:
    """Builds D(x), which maps `(N, *spec.shape)` to logits or embeddings `(N, num_outputs)`."""
    num_stages = len(_halvings(spec, settings))
    channels = [settings.width * min(2**i, MAX_CHANNEL_FACTOR) for i in range(num_stages)]
    groups = settings.group_size if settings.discriminator_norm == "group" else 0
    network = ResNet(spec.shape, channels, settings.depth, num_outputs, groups)
    # The head keeps torch's own initialisation, with which embeddings start short.
    for name in network.hidden_names:
        init_kaiming(network.get_submodule(name), by_outputs=True)
    to_channels_last(network)
    if settings.discriminator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def make_residual_generator(
    spec: DataSpec, settings: ResidualSettings, latent_dim: int
) -> BigGANDeepGenerator:
    """Builds G(z, z), see `families.make_generator`."""
    network = BigGANDeepGenerator(
        latent_dim,
        settings.generator_width,
        _halvings(spec, settings)[::-1],
        settings.generator_depth,
        spec.shape[0],
        settings.bottleneck,
    )
    init_kaiming(network, by_outputs=True)
    to_channels_last(network)
    if settings.generator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def _halvings(spec: DataSpec, settings: ResidualSettings) -> list[Size]:
    """Returns the sizes of images and of their halves, while the shorter side stays 4 or more."""
    _, height, width = residual_sample_spec(spec, settings).shape
    sizes: list[Size] = [(height, width)]
    for _ in range(int(log2(min(height, width) / SMALLEST_RESIDUAL_SIDE))):
        sizes.append(downsampled(sizes[-1]))
    return sizes
