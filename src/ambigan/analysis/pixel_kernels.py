"""The weights of a network that touch pixels: what it looks for first, or paints with last."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError

Shape = tuple[int, ...]


@torch.no_grad()
def pixel_kernels(network: nn.Module, shapes: tuple[Shape, ...]) -> Tensor:
    """The kernels of the layer of a network that takes images in, or gives them out.

    Of convolutions, each output channel of the first one if it takes the channels of images, or
    else each input channel of the last one if it gives them. Of matrices, each row of the first,
    laid out as an image, or each column of the last.

    Source: BiGAN, Figure 4 (filters of D, G and E).

    Args:
        network: as it is used; spectral norm counts.
        shapes: `(C, H, W)` of the images that it may take or give.

    Returns:
        `(N, C, h, w)` float32 on the CPU.

    Raises:
        ConfigError: no layer touches images.
    """
    kernels = _convolutional(network, {shape[0] for shape in shapes})
    if kernels is None:
        kernels = _dense(network, shapes)
    if kernels is None:
        sizes = " or ".join("x".join(map(str, shape)) for shape in shapes)
        raise ConfigError(
            f"a {type(network).__name__} has no layer that takes or gives images of {sizes}; name a"
            " network that does, such as the discriminator."
        )
    return kernels.detach().float().cpu().contiguous()


def _convolutional(network: nn.Module, channels: set[int]) -> Tensor | None:
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    if not layers:
        return None
    first, last = layers[0], layers[-1]
    if isinstance(first, nn.Conv2d) and first.in_channels in channels:
        return first.weight
    if last.out_channels in channels:
        return last.weight if isinstance(last, nn.ConvTranspose2d) else last.weight.transpose(0, 1)
    return None


def _dense(network: nn.Module, shapes: tuple[Shape, ...]) -> Tensor | None:
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    for shape in shapes:
        if layers and layers[0].in_features == math.prod(shape):
            return layers[0].weight.view(-1, *shape)
        # The last to be made is the output; maps of z beside it are never as wide.
        if layers and layers[-1].out_features == math.prod(shape):
            return layers[-1].weight.T.reshape(-1, *shape)
    return None
