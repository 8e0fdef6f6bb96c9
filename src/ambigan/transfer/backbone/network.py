"""The convolutional layers of a network, without what follows them, for images of any size."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...networks.convnet import ConvLayer, ConvNet, channels_last
from ...networks.resnet import ResNet
from ...networks.resnet50 import ResNet50Encoder
from ..bn_folding import fold

_PROBED = (512, 1536)
"""Sides of two inputs, from whose difference strides are found."""


class Backbone(nn.Module):
    """Layers from images to maps, whose batch norm, where they have any, keeps its statistics.

    Batch norm of chains of convolutions is folded into them; that of residual networks, which
    cannot be folded, stays in eval mode, as is usual where images are few to a batch.

    Args:
        layers: One module a layer, each of which maps `(N, C, H, W)` to smaller or equal maps.
        channels: Number of channels of the images.

    Attributes:
        widths: Number of channels after each layer.
        strides: Pixels of the image for each step on the map after each layer.
    """

    def __init__(self, layers: Sequence[nn.Module], channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.channels = channels
        self.widths, self.strides = _measure(self.layers, channels)
        self.eval()

    @property
    def width(self) -> int:
        """Number of channels of the last map."""
        return self.widths[-1]

    @property
    def stride(self) -> int:
        """Stride of the last map."""
        return self.strides[-1]

    def train(self, mode: bool = True) -> Self:
        """Stays in eval mode, which concerns batch norm alone."""
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps images `(N, C, H, W)` in [-1, 1] to the last map."""
        return self.maps(x)[-1]

    def maps(self, x: Tensor) -> list[Tensor]:
        """Maps images to the map after each layer."""
        found: list[Tensor] = []
        h = channels_last(x)
        for layer in self.layers:
            h = layer(h)
            found.append(h)
        return found

    def last_at(self, stride: int) -> int | None:
        """The place of the last layer of a stride, or None."""
        places = [place for place, found in enumerate(self.strides) if found == stride]
        return places[-1] if places else None


def cut_backbone(network: nn.Module) -> Backbone:
    """A copy of a network's convolutional layers.

    Source: BiGAN, appendix C.2, for folded batch norm.

    Args:
        network: A chain of convolutions or a residual network of the library that sees images
            alone; left unchanged.

    Raises:
        ConfigError: It is none, or sees latents beside the images.
    """
    if isinstance(network, ConvNet):
        chain = [cast(ConvLayer, network.get_submodule(name)) for name in network.hidden_names]
        if any(layer.latent is not None for layer in chain):
            raise ConfigError(
                "this network sees latents beside the data, so its layers cannot stand alone."
            )
        return Backbone([fold(layer) for layer in chain], chain[0].convolution.in_channels)
    if isinstance(network, ResNet | ResNet50Encoder):
        layers = [copy.deepcopy(network.get_submodule(name)) for name in network.hidden_names]
        if isinstance(network, ResNet50Encoder):
            layers.append(copy.deepcopy(network.ending))
        return Backbone(layers, _in_channels(network))
    raise ConfigError(f"{type(network).__name__} has no convolutions that could be cut off.")


def _in_channels(network: nn.Module) -> int:
    return next(m for m in network.modules() if isinstance(m, nn.Conv2d)).in_channels


@torch.no_grad()
def _measure(layers: nn.ModuleList, channels: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Widths and strides after each layer, from the shapes of two inputs; nothing is computed.

    What padding adds to a map is the same for both, so that their difference is exact.
    """
    shapes: list[list[torch.Size]] = []
    for side in _PROBED:
        h = torch.empty(1, channels, side, side, device="meta")
        shapes.append([])
        for layer in layers:
            h = copy.deepcopy(layer).to("meta")(h)
            shapes[-1].append(h.shape)
    difference = _PROBED[1] - _PROBED[0]
    strides: list[int] = []
    for small, large in zip(*shapes, strict=True):
        grown = large[-1] - small[-1]
        if grown < 1 or difference % grown:
            raise ConfigError(
                f"layer {len(strides) + 1} shrinks images by {difference / max(grown, 1):g}, which"
                " is no whole number; boxes and pixels could not be found again on its maps."
            )
        strides.append(difference // grown)
    return tuple(shape[1] for shape in shapes[0]), tuple(strides)
