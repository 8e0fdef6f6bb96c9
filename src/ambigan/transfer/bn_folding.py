"""Batch norm taken into the weights before it: what it does in eval mode is an affine map.

norm(W h + V z + b) = (g W) h + (g V) z + g (b - mean) + bias, with g = gain / sqrt(var + epsilon).

Source: BiGAN, appendix C.2: for supervised evaluation "batch normalization is not used, and the
pre-trained scale and bias is merged into the preceding convolution's weights and bias".
"""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..networks.convnet import ConvLayer
from ..networks.layers.basic import BatchNorm
from ..networks.mlp import DenseLayer

Layer = ConvLayer | DenseLayer


@torch.no_grad()
def fold(layer: Layer) -> Layer:
    """A copy of a layer without batch norm: what it gives in eval mode stays, to rounding.

    Spectral norm is taken into the weights as well, as it stands. Sums are in float64.

    Raises:
        ConfigError: It is no layer of the library's chains.
    """
    module = weights_of(layer)
    weight = module.weight.double()
    bias = weight.new_zeros(len(weight)) if module.bias is None else module.bias.double()
    gain, shift = _affine(layer.norm, weight)
    folded = copy.deepcopy(layer)
    folded.norm = None
    scale = gain.view(-1, *[1] * (weight.ndim - 1))
    whole = _with_weights(module, weight * scale, bias * gain + shift)
    setattr(folded, "linear" if isinstance(layer, DenseLayer) else "convolution", whole)
    if layer.latent is not None:
        latent = layer.latent.weight.double() * gain[:, None]
        folded.latent = cast(nn.Linear, _with_weights(layer.latent, latent, None))
    return folded


def weights_of(layer: Layer) -> nn.Conv2d | nn.Linear:
    """The convolution or the matrix of a layer."""
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


def _affine(norm: BatchNorm | None, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and shift of each channel, float64."""
    if norm is None:
        return weight.new_ones(len(weight)), weight.new_zeros(len(weight))
    gain = (norm.running_var.double() + norm.epsilon).rsqrt()
    if norm.weight is not None:
        gain = gain * norm.weight.double()
    shift = -norm.running_mean.double() * gain
    return gain, shift if norm.bias is None else shift + norm.bias.double()


def _with_weights(
    module: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor | None
) -> nn.Conv2d | nn.Linear:
    """A new module of the same kind: the old one may be without bias, or parametrized."""
    options: dict[str, Any] = {"bias": bias is not None, "device": weight.device}
    if isinstance(module, nn.Linear):
        new = nn.Linear(module.in_features, module.out_features, **options)
    else:
        sizes: Any = (module.kernel_size, module.stride, module.padding)
        options |= {"dilation": module.dilation, "groups": module.groups}
        new = nn.Conv2d(module.in_channels, module.out_channels, *sizes, **options)
    new.weight.copy_(weight)
    if bias is not None and new.bias is not None:
        new.bias.copy_(bias)
    return new
