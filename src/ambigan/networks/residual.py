"""Builders of the residual networks of SAO: ResNet-18 for D, BigGAN-deep for G."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Any, Literal, cast

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import nn

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.settings import Few
from .biggan_deep import BigGANDeepGenerator
from .convnet import Size, downsampled
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


def check_images(spec: DataSpec) -> None:
    """Checks that residual networks can process the data.

    Args:
        spec: Form of one example of the data.

    Raises:
        ConfigError: The data are vectors or too small.
    """
    if spec.kind != "images" or min(spec.shape[1:]) < SMALLEST_RESIDUAL_SIDE:
        form, smallest = "x".join(map(str, spec.shape)), SMALLEST_RESIDUAL_SIDE
        raise ConfigError(
            f"settings.network.kind 'residual' needs images of {smallest}x{smallest} or more; these"
            f" are {spec.kind} of {form}. Choose a method and preset with kind 'mlp'."
        )


def make_residual_discriminator(
    spec: DataSpec, settings: ResidualSettings, num_outputs: int = 1
) -> ResNet:
    """Builds D(x), which maps `(N, *spec.shape)` to `(N, num_outputs)`.

    Args:
        spec: Form of one image that D sees.
        settings: Sizes and choices.
        num_outputs: Number of outputs.
    """
    check_images(spec)
    channels = [
        settings.width * min(2**i, MAX_CHANNEL_FACTOR) for i in range(_num_halvings(spec) + 1)
    ]
    groups = settings.group_size if settings.discriminator_norm == "group" else 0
    network = ResNet(spec.shape, channels, settings.depth, num_outputs, groups)
    # The head keeps torch's own initialisation, with which embeddings start short.
    for name in network.hidden_names:
        init_kaiming(network.get_submodule(name), by_outputs=True)
    _last_channels(network)
    if settings.discriminator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def make_residual_generator(
    spec: DataSpec, settings: ResidualSettings, latent_dim: int
) -> BigGANDeepGenerator:
    """Builds G(z), which maps `(N, latent_dim)` to `(N, *spec.shape)`.

    Args:
        spec: Form of one image that G draws.
        settings: Sizes and choices.
        latent_dim: Length of z.
    """
    check_images(spec)
    sizes: list[Size] = [(spec.shape[1], spec.shape[2])]
    for _ in range(_num_halvings(spec)):
        sizes.append(downsampled(sizes[-1]))
    network = BigGANDeepGenerator(
        latent_dim,
        settings.generator_width,
        list(reversed(sizes)),
        settings.generator_depth,
        spec.shape[0],
        settings.bottleneck,
    )
    init_kaiming(network, by_outputs=True)
    _last_channels(network)
    if settings.generator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def _num_halvings(spec: DataSpec) -> int:
    """Returns how often images can be halved before their shorter side would be less than 4."""
    return int(log2(min(spec.shape[1:]) / SMALLEST_RESIDUAL_SIDE))


def _last_channels(network: nn.Module) -> None:
    """Lays kernels out for images with channels last."""
    cast(Any, network).to(memory_format=torch.channels_last)
