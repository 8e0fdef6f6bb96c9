"""The weights that touch pixels, of every kind of network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ambigan.analysis.filters import pixel_kernels
from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.networks import convolutional, permutation_invariant
from ambigan.networks.biggan import BigGANGenerator
from ambigan.networks.biggan_deep import BigGANDeepGenerator
from ambigan.networks.convolutional import ConvSettings
from ambigan.networks.permutation_invariant import MLPSettings

SPEC = DataSpec("images", (3, 8, 6), bounded=True)
SHAPES = (SPEC.shape,)


def test_of_convolutions_the_first() -> None:
    network = convolutional.make_conv_discriminator(SPEC, ConvSettings(width=4))
    kernels = pixel_kernels(network, SHAPES)
    assert torch.equal(kernels, network.conv1.convolution.weight)
    assert kernels.shape == (4, 3, 5, 5)


def test_of_generators_the_last() -> None:
    network = convolutional.make_conv_generator(SPEC, ConvSettings(width=4), 2)
    kernels = pixel_kernels(network, SHAPES)
    assert torch.equal(kernels, network.output.convolution.weight)
    assert kernels.shape == (4, 3, 5, 5)


def test_of_generators_without_fractional_strides_too() -> None:
    """Their first convolution is a hidden one."""
    deep = BigGANDeepGenerator(4, 8, [(4, 4), (8, 8)], 1, 3, 4)
    for network in (deep, BigGANGenerator(8, (3, 8, 8), 4, None)):
        kernels = pixel_kernels(network.eval(), SHAPES)
        assert torch.equal(kernels, last_convolution(network).weight.transpose(0, 1))
        assert kernels.shape[1] == 3


def last_convolution(network: nn.Module) -> nn.Conv2d:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]


def test_spectral_norm_counts() -> None:
    settings = ConvSettings(width=4, discriminator_norm="spectral")
    network = convolutional.make_conv_discriminator(SPEC, settings).eval()
    kernels = pixel_kernels(network, SHAPES)
    assert torch.equal(kernels, network.conv1.convolution.weight)
    assert not torch.equal(
        kernels,
        network.conv1.convolution.parametrizations.weight.original,  # type: ignore
    )


def test_rows_and_columns_of_matrices_are_images() -> None:
    settings = MLPSettings(hidden=(10, 7))
    seeing = permutation_invariant.make_mlp_discriminator(SPEC, settings, 2)
    rows = pixel_kernels(seeing, SHAPES)
    assert rows.shape == (10, 3, 8, 6)
    assert torch.equal(rows[4].flatten(), seeing.hidden1.linear.weight[4])
    drawing = permutation_invariant.make_mlp_generator(SPEC, settings, 2)
    columns = pixel_kernels(drawing, SHAPES)
    assert columns.shape == (7, 3, 8, 6)
    assert torch.equal(columns[4].flatten(), drawing.output.linear.weight[:, 4])


def test_a_network_that_touches_no_images_is_refused() -> None:
    with pytest.raises(ConfigError, match="takes or gives images of 3x8x6"):
        pixel_kernels(nn.Linear(5, 5), SHAPES)
