"""Batch norm folded into weights gives what eval mode gave."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from ambigan.core.errors import ConfigError
from ambigan.networks.convnet import ConvLayer, Stage
from ambigan.networks.layers.basic import BatchNorm
from ambigan.networks.layers.spectral_norm import apply_spectral_norm
from ambigan.networks.mlp import DenseLayer
from ambigan.transfer import fold
from ambigan.transfer.bn_folding import Layer


def grouped() -> ConvLayer:
    layer = ConvLayer(3, Stage(6, 3), 0, BatchNorm, True)
    layer.convolution = nn.Conv2d(3, 6, 3, padding=2, dilation=2, groups=3, bias=False)
    return layer


CONV = {
    "grouped": grouped,
    "plain": lambda: ConvLayer(3, Stage(7, 3), 0, None, True),
    "without bias": lambda: ConvLayer(3, Stage(7, 5, 2), 0, None, False),
    "normed": lambda: ConvLayer(3, Stage(7, 5, 2), 0, BatchNorm, True),
    "pooled": lambda: ConvLayer(3, Stage(7, 3, 1, pool=True), 0, BatchNorm, True),
    "grouped, bare": lambda: ConvLayer(
        3, Stage(6, 3, 2, pool=True, groups=3, padded=False, pool_padded=False), 0, BatchNorm, True
    ),
    "no gain": lambda: ConvLayer(3, Stage(7, 3), 0, partial(BatchNorm, affine=False), True),
    "epsilon": lambda: ConvLayer(3, Stage(7, 3), 0, partial(BatchNorm, epsilon=0.5), True),
    "latents": lambda: ConvLayer(3, Stage(7, 3), 4, BatchNorm, True),
}
DENSE = {
    "plain": lambda: DenseLayer(12, 7, activation="relu"),
    "normed": lambda: DenseLayer(12, 7, norm=True, activation="leaky_relu"),
    "latents": lambda: DenseLayer(12, 7, norm=True, latent_dim=4, activation="leaky_relu"),
}


def settled(layer: Layer) -> Layer:
    """A layer as training might leave it: gains, biases and statistics far from their start."""
    noise = torch.Generator().manual_seed(1)
    norm = layer.norm
    if norm is not None:
        norm.running_mean.normal_(generator=noise)
        norm.running_var.uniform_(0.01, 4, generator=noise)
        for parameter in norm.parameters():
            nn.init.normal_(parameter, 0.5, 1.0, generator=noise)
    return layer.eval()


@pytest.mark.parametrize("name", CONV)
@torch.no_grad()
def test_a_folded_convolution_is_the_layer_in_eval_mode(name: str) -> None:
    torch.manual_seed(0)
    layer = settled(CONV[name]())
    x, z = torch.randn(5, 3, 9, 8), torch.randn(5, 4) if layer.latent is not None else None
    folded = fold(layer)
    assert folded.norm is None
    assert folded.convolution.bias is not None
    torch.testing.assert_close(folded(x, z), layer(x, z), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", DENSE)
@torch.no_grad()
def test_a_folded_matrix_is_the_layer_in_eval_mode(name: str) -> None:
    torch.manual_seed(0)
    layer = settled(DENSE[name]())
    x, z = torch.randn(5, 12), torch.randn(5, 4) if layer.latent is not None else None
    torch.testing.assert_close(fold(layer)(x, z), layer(x, z), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_folding_leaves_the_layer_and_its_mode_matter_no_more() -> None:
    layer = settled(CONV["normed"]())
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    folded = fold(layer)
    folded.convolution.weight.zero_()
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    again = fold(layer)
    x = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(again.train()(x), layer(x), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_spectral_norm_is_folded_as_it_stands() -> None:
    torch.manual_seed(0)
    layer = CONV["plain"]().eval()
    apply_spectral_norm(layer)
    x = torch.randn(4, 3, 8, 8)
    folded = fold(layer)
    assert not hasattr(folded.convolution, "parametrizations")
    torch.testing.assert_close(folded(x), layer(x), rtol=1e-5, atol=1e-5)


def test_other_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match="Conv2d is no convolution or matrix"):
        fold(nn.Conv2d(3, 4, 3))  # pyright: ignore[reportArgumentType]
