"""Residual networks of SAO by their settings: ResNet-18 for D, BigGAN-deep for G."""

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
"""Height or width of the smallest images inside: those between 4 and 8 are not halved again."""

WIDEST_RESIDUAL_SIDE = 8
"""Channels of a stage, in units of the first one's, grow no further."""


@dataclass(frozen=True)
class ResidualSettings:
    """Sizes of the networks of arXiv 2310.00357, by default those of its authors' code.

    Attributes:
        kind: of networks.
        width: channels of D's first stage; doubled with each halving, up to eight times.
        depth: blocks in a stage of D; 2 is ResNet-18.
        group_size: channels in a group of D's group norm; 0 for none.
        discriminator_norm: `group`, or `spectral` norm on every weight of D in its place.
        generator_width: channels of G, the same everywhere.
        generator_depth: blocks of G at each size.
        bottleneck: by how much the middle of G's blocks is narrower.
        generator_norm: `spectral` norm on every weight of G beside its batch norm, or `none`.
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
    """Refuses what residual networks are not made for.

    Raises:
        ConfigError: the data are no images, or too small.
    """
    if spec.kind != "images" or min(spec.shape[1:]) < SMALLEST_RESIDUAL_SIDE:
        form, smallest = "x".join(map(str, spec.shape)), SMALLEST_RESIDUAL_SIDE
        raise ConfigError(
            f"settings.network.kind 'residual' is for images of {smallest}x{smallest} and more;"
            f" these are {spec.kind} of {form}. Take a method and preset with the kind 'mlp'."
        )


def make_residual_discriminator(
    spec: DataSpec, settings: ResidualSettings, num_outputs: int = 1
) -> ResNet:
    """D(x), `(N, *spec.shape)` to `(N, num_outputs)`."""
    check_images(spec)
    channels = [
        settings.width * min(2**i, WIDEST_RESIDUAL_SIDE) for i in range(_num_halvings(spec) + 1)
    ]
    groups = settings.group_size if settings.discriminator_norm == "group" else 0
    network = ResNet(spec.shape, channels, settings.depth, num_outputs, groups)
    for name in network.hidden_names:  # the head stays as torch draws it: embeddings begin short
        init_kaiming(network.get_submodule(name), by_outputs=True)
    _last_channels(network)
    if settings.discriminator_norm == "spectral":
        apply_spectral_norm(network)
    return network


def make_residual_generator(
    spec: DataSpec, settings: ResidualSettings, latent_dim: int
) -> BigGANDeepGenerator:
    """G(z), `(N, latent_dim)` to `(N, *spec.shape)`."""
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
    return int(log2(min(spec.shape[1:]) / SMALLEST_RESIDUAL_SIDE))


def _last_channels(network: nn.Module) -> None:
    """Lays kernels out for images with channels last."""
    cast(Any, network).to(memory_format=torch.channels_last)
