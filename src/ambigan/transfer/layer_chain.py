"""A network cut in two: layers kept as they are, and the rest drawn anew below a classifier."""

from __future__ import annotations

from math import isqrt
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from ..core.randomness import seed_from
from ..networks.convnet import ConvNet, channels_last
from ..networks.mlp import MLP
from .bn_folding import Layer, fold, weights_of
from .head import Head
from .initial_weights import draw_layer


class FrozenChain(nn.Module):
    """Frozen layers, layers that learn, and a classifier; no batch norm anywhere.

    Between them each channel of what the frozen layers give is shifted and scaled, by numbers that
    `draw` takes from data and that stay: what learns then meets values of one size, whatever the
    frozen layers' own, or a rate that fits one network would be wrong for another.

    Args:
        frozen: folded layers that stay as they are.
        fresh: folded layers that learn.
        classifier: what the last layer gives to logits: linear, or fc6 to fc8.
        dense: what comes in is flattened first.
        unit_input: what comes in is brought from [-1, 1] to [0, 1].
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        frozen: list[Layer],
        fresh: list[Layer],
        classifier: nn.Linear | Head,
        *,
        dense: bool,
        unit_input: bool,
    ) -> None:
        super().__init__()
        self.frozen = nn.ModuleList(frozen).requires_grad_(False)
        self.fresh = nn.ModuleList(fresh)
        self.classifier = classifier
        self.register_buffer("shift", torch.zeros(1))
        self.register_buffer("scale", torch.ones(1))
        self.dense, self.unit_input = dense, unit_input

    def forward(self, x: Tensor) -> Tensor:
        """Data `(N, ...)` to logits `(N, num_classes)`."""
        return self.classify(self.through_frozen(x))

    @torch.no_grad()
    def through_frozen(self, x: Tensor) -> Tensor:
        """Data to what the last frozen layer gives; to what the first layer takes if none is."""
        h = x.flatten(1) if self.dense else channels_last(x)
        h = (h + 1) / 2 if self.unit_input else h
        for layer in self.frozen:
            h = layer(h)
        return h

    def classify(self, h: Tensor) -> Tensor:
        """What `through_frozen` gives to logits."""
        h = (h - self.shift) * self.scale
        for layer in self.fresh:
            h = layer(h)
        h = at_least_float32(h)
        if isinstance(self.classifier, Head):
            return self.classifier(_as_map(h, self.classifier))[0].flatten(1)
        return self.classifier(h.flatten(1))

    @torch.no_grad()
    def draw(self, x: Tensor, seed: int) -> None:
        """Draws all that learns, scaled by data: each channel begins with mean 0, deviation 1.

        Without batch norm, layers with small random weights hardly pass anything on. The
        linear classifier, or fc8, begins at zero.

        A few hundred examples are enough; a layer's weights are the same wherever the cut is.

        Source: Krähenbühl et al. (2016), section 3.1, which BiGAN's evaluation uses.
        """
        h = self.through_frozen(x)
        if len(self.frozen):
            axes = [0, *range(2, h.ndim)]
            self.shift = h.mean(axes, keepdim=True)
            self.scale = 1 / h.std(axes, keepdim=True).clamp_min(1e-6)
        h = (h - self.shift) * self.scale
        for place, layer in enumerate(self.fresh, start=len(self.frozen)):
            h = draw_layer(cast(Layer, layer), h, seed_from(seed, "transfer", place))
        if isinstance(self.classifier, Head):
            self.classifier.draw(_as_map(h, self.classifier), seed)
        else:
            nn.init.zeros_(self.classifier.weight)
            nn.init.zeros_(self.classifier.bias)


def _as_map(h: Tensor, head: Head) -> Tensor:
    """What fc6 sees: pool5 of a map of any proportions, or values of a dense layer as 1x1."""
    if h.ndim == 2:
        return h[..., None, None]
    return F.adaptive_max_pool2d(h, head.fc6.kernel_size)


def split_chain(
    network: nn.Module,
    num_frozen: int,
    num_classes: int,
    width: int = 0,
    pooled: int = 6,
    dropout: float = 0.5,
) -> FrozenChain:
    """A copy of a network with its first layers frozen and folded, for a classifier.

    Args:
        network: a chain of the library that sees data alone; left unchanged.
        num_frozen: how many of its hidden layers stay.
        num_classes: of the classifier.
        width: number of units of fc6 and of fc7, which stand below the classifier; 0 for none.
        pooled: largest side of the map that fc6 sees.
        dropout: share of their units that training drops, in [0, 1).

    Raises:
        ConfigError: it is no such chain, or sees latents beside the data.
    """
    if not isinstance(network, ConvNet | MLP):
        raise ConfigError(
            f"{type(network).__name__} is no chain of layers that could be kept one by one."
        )
    layers = [cast(Layer, network.get_submodule(name)) for name in network.hidden_names]
    if any(layer.latent is not None for layer in layers) or network.output.latent is not None:
        raise ConfigError(
            "this network sees latents beside the data, so its layers cannot stand alone."
        )
    folded, head = [fold(layer) for layer in layers], (width, pooled, dropout)
    chain = FrozenChain(
        folded[:num_frozen],
        folded[num_frozen:],
        _classifier(layers[-1], network.output.linear.in_features, num_classes, *head),
        dense=isinstance(network, MLP),
        unit_input=isinstance(network, MLP) and network.unit_input,
    )
    return cast(Any, chain).to(memory_format=torch.channels_last)


def _classifier(
    last: Layer, num_values: int, num_classes: int, width: int, pooled: int, dropout: float
) -> nn.Linear | Head:
    """What follows the last layer, which gives so many values."""
    if not width:
        return nn.Linear(num_values, num_classes)
    channels = weights_of(last).weight.shape[0]
    side = min(pooled, isqrt(num_values // channels))
    return Head(channels, side, width, [num_classes], dropout)
