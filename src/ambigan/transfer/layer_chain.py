"""A network cut in two: layers kept as they are, and the rest drawn anew below a classifier."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.precision import at_least_float32
from ..core.randomness import seed_from
from ..networks.convnet import ConvNet, channels_last
from ..networks.mlp import MLP
from .bn_folding import Layer, fold, weights_of


class FrozenChain(nn.Module):
    """Frozen layers, layers that learn, and a linear classifier; no batch norm anywhere.

    Between them each channel of what the frozen layers give is shifted and scaled, by numbers that
    `draw` takes from data and that stay: what learns then meets values of one size, whatever the
    frozen layers' own, or a rate that fits one network would be wrong for another.

    Args:
        frozen: folded layers that stay as they are.
        fresh: folded layers that learn.
        num_values: of the last layer, flattened.
        num_classes: of the classifier.
        dense: what comes in is flattened first.
        unit_input: what comes in is brought from [-1, 1] to [0, 1].
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        frozen: list[Layer],
        fresh: list[Layer],
        num_values: int,
        num_classes: int,
        *,
        dense: bool,
        unit_input: bool,
    ) -> None:
        super().__init__()
        self.frozen = nn.ModuleList(frozen).requires_grad_(False)
        self.fresh = nn.ModuleList(fresh)
        self.classifier = nn.Linear(num_values, num_classes)
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
        return self.classifier(at_least_float32(h).flatten(1))

    @torch.no_grad()
    def draw(self, x: Tensor, seed: int) -> None:
        """Draws all that learns, scaled by data: each channel begins with mean 0, deviation 1.

        Without batch norm, layers with small random weights hardly pass anything on. The classifier
        begins at zero.

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
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)


def split_chain(network: nn.Module, num_frozen: int, num_classes: int) -> FrozenChain:
    """A copy of a network with its first layers frozen and folded, for a classifier.

    Args:
        network: a chain of the library that sees data alone; left unchanged.
        num_frozen: how many of its hidden layers stay.
        num_classes: of the classifier.

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
    folded = [fold(layer) for layer in layers]
    chain = FrozenChain(
        folded[:num_frozen],
        folded[num_frozen:],
        network.output.linear.in_features,
        num_classes,
        dense=isinstance(network, MLP),
        unit_input=isinstance(network, MLP) and network.unit_input,
    )
    return cast(Any, chain).to(memory_format=torch.channels_last)


def draw_layer(layer: Layer, h: Tensor, seed: int) -> Tensor:
    """Draws new weights for a folded layer that `h` enters and scales them; returns its output."""
    weight = weights_of(layer).weight
    drawn = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    weight.copy_(drawn / drawn[0].numel() ** 0.5)
    return scale_layer(layer, h)


def scale_layer(layer: Layer, h: Tensor) -> Tensor:
    """Scales a folded layer's weights so that each channel has mean 0 and deviation 1 on `h`.

    Returns what the layer then gives, after its activation and pooling.
    """
    scale_outputs(weights_of(layer), h)
    return layer(h)


def scale_outputs(module: nn.Conv2d | nn.Linear, h: Tensor) -> None:
    """Scales weights and sets biases: each channel of `module(h)` has mean 0 and deviation 1."""
    assert module.bias is not None, "what is scaled by data has a bias"
    module.bias.zero_()
    out = module(h).transpose(0, 1).flatten(1)
    deviation = out.std(1).clamp_min(1e-6)
    module.weight.div_(deviation.view(-1, *[1] * (module.weight.ndim - 1)))
    module.bias.copy_(-out.mean(1) / deviation)
