"""Batch norm taken into the weights before it: what it does in eval mode is an affine map.

norm(W h + V z + b) = (g W) h + (g V) z + g (b - mean) + bias, with g = gain / sqrt(var + epsilon).

Source: BiGAN, appendix C.2: for supervised evaluation "batch normalization is not used, and the
pre-trained scale and bias is merged into the preceding convolution's weights and bias".
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..networks.convnet import ConvLayer
from ..networks.layers.basic import BatchNorm
from ..networks.mlp import DenseLayer

Layer = ConvLayer | DenseLayer


@torch.no_grad()
def fold(layer: Layer) -> Layer:
    """The same layer without batch norm: what it gives in eval mode stays, to rounding.

    Spectral norm is taken into the weights as well, as it stands. Sums are in float64.

    Args:
        layer: left unchanged.

    Raises:
        ConfigError: it is no layer of the library's chains.
    """
    weight, bias = _weights(layer)
    gain, shift = _affine(layer.norm, weight)
    folded = copy.deepcopy(layer)
    folded.norm = None
    scale = gain.view(-1, *[1] * (weight.ndim - 1))
    _set_weights(folded, weight * scale, bias * gain + shift)
    if layer.latent is not None and folded.latent is not None:
        folded.latent = _linear(layer.latent.weight.double() * gain[:, None], None, weight)
    return folded


def weights_of(layer: Layer) -> nn.Conv2d | nn.Linear:
    """The convolution or the matrix of a layer.

    Raises:
        ConfigError: it is no layer of the library's chains.
    """
    match layer:
        case ConvLayer():
            return layer.convolution
        case DenseLayer():
            return layer.linear
        case _:
            raise ConfigError(
                f"a {type(layer).__name__} is no convolution or matrix with batch norm behind it;"
                " only networks of the package's own layers can be folded."
            )


def _weights(layer: Layer) -> tuple[Tensor, Tensor]:
    """Weight and bias, float64; zeros for a bias that is not there."""
    module = weights_of(layer)
    weight = module.weight.detach().double()
    if module.bias is None:
        return weight, weight.new_zeros(len(weight))
    return weight, module.bias.detach().double()


def _affine(norm: BatchNorm | None, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and shift of each channel, float64."""
    if norm is None:
        return weight.new_ones(len(weight)), weight.new_zeros(len(weight))
    gain = (norm.running_var.double() + norm.epsilon).rsqrt()
    if norm.weight is not None:
        gain = gain * norm.weight.detach().double()
    shift = -norm.running_mean.double() * gain
    return gain, shift if norm.bias is None else shift + norm.bias.detach().double()


def _set_weights(layer: Layer, weight: Tensor, bias: Tensor) -> None:
    """Puts a new module in place: the old one may be without bias, or parametrized."""
    if isinstance(layer, DenseLayer):
        layer.linear = _linear(weight, bias, layer.linear.weight)
        return
    old = layer.convolution
    new = nn.Conv2d(
        old.in_channels,
        old.out_channels,
        (old.kernel_size[0], old.kernel_size[1]),
        (old.stride[0], old.stride[1]),
        padding=cast(tuple[int, int], old.padding),
        device=old.weight.device,
    )
    _copy(new, weight, bias)
    layer.convolution = new


def _linear(weight: Tensor, bias: Tensor | None, like: Tensor) -> nn.Linear:
    new = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device=like.device)
    _copy(new, weight, bias)
    return new


def _copy(module: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor | None) -> None:
    module.weight.copy_(weight)
    if bias is not None and module.bias is not None:
        module.bias.copy_(bias)
