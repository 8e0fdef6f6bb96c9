"""ALI's networks: sizes and counts as printed, other sizes of images, dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.networks.ali import ALIDiscriminator, ALIEncoder, ALIGenerator, ALISettings

CIFAR10 = DataSpec("images", (3, 32, 32), bounded=True)


def weights(network: nn.Module) -> list[tuple[int, ...]]:
    """Shapes of kernels and matrices, in order."""
    return [tuple(each.shape) for each in network.parameters() if each.ndim > 1]


def test_layers_are_those_of_the_paper_on_cifar10() -> None:
    """Appendix A: kernels, strides and channels; D's are halved by maxout."""
    settings = ALISettings()
    E, G = ALIEncoder(CIFAR10, settings, 128, "linear"), ALIGenerator(CIFAR10, settings, 64)
    D = ALIDiscriminator(CIFAR10, settings, 64)
    assert weights(E) == [
        (32, 3, 5, 5),
        (64, 32, 4, 4),
        (128, 64, 4, 4),
        (256, 128, 4, 4),
        (512, 256, 4, 4),
        (512, 512, 1, 1),
        (128, 512),
    ]
    assert weights(G) == [
        (3, 32, 32),  # biases of the image
        (64, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (64, 32, 4, 4),
        (32, 32, 5, 5),
        (32, 32, 1, 1),
        (3, 32, 1, 1),
    ]
    assert weights(D) == [
        (32, 3, 5, 5),
        (64, 16, 4, 4),
        (128, 32, 4, 4),
        (256, 64, 4, 4),
        (512, 128, 4, 4),
        (512, 64, 1, 1),
        (512, 256, 1, 1),
        (1024, 512, 1, 1),
        (1024, 512, 1, 1),
        (1, 512),
    ]
    strides = [E.get_submodule(name).convolution.stride[0] for name in E.hidden_names]
    assert strides == [1, 2, 1, 2, 1, 1]
    strides = [G.get_submodule(name).convolution.stride[0] for name in G.hidden_names]
    assert strides == [1, 2, 1, 2, 1, 1]


@pytest.mark.parametrize("size", [(20, 20), (28, 28), (33, 40), (64, 21)])
def test_images_of_other_sizes_come_out_as_large(size: tuple[int, int]) -> None:
    spec, settings = DataSpec("images", (1, *size), bounded=True), ALISettings(width=2)
    z = torch.randn(3, 5)
    images = ALIGenerator(spec, settings, 5)(z)
    assert images.shape == (3, *spec.shape)
    assert ALIEncoder(spec, settings, 7, "linear")(images).shape == (3, 7)
    assert ALIDiscriminator(spec, settings, 5)(images, z).shape == (3, 1)
    assert ALIDiscriminator(spec, settings)(images).shape == (3, 1)


def test_values_are_dropped_with_random_numbers_alone() -> None:
    D = ALIDiscriminator(CIFAR10, ALISettings(width=4), 5)
    x, z = torch.rand(6, *CIFAR10.shape), torch.randn(6, 5)
    assert (D(x, z) == D(x, z)).all()
    assert (D(x, z, noise=Randomness(1)) != D(x, z)).any()
    assert (D(x, z, noise=Randomness(1)) == D(x, z, noise=Randomness(1))).all()
    still = ALIDiscriminator(CIFAR10, ALISettings(width=4, dropout=0, input_dropout=0), 5)
    assert (still(x, z, noise=Randomness(1)) == still(x, z)).all()


def test_what_cannot_be_built_is_told() -> None:
    small = DataSpec("images", (1, 19, 40), bounded=True)
    with pytest.raises(ConfigError, match="19x40 leave kernels of 5,4,4,4 no pixels"):
        ALIEncoder(small, ALISettings(), 4, "linear")
    with pytest.raises(ConfigError, match="width 7 cannot be divided into 2 pieces"):
        ALISettings(width=7)
    with pytest.raises(ConfigError, match="'ali' is for images"):
        ALIEncoder(DataSpec("vectors", (9,), bounded=False), ALISettings(), 4, "linear")
