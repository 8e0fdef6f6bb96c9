"""The feature maps of a generator's layer: which of them carry a feature, and how to drop them.

Source: DCGAN, section 6.3.1. A logistic regression separates activations that belong to the feature
from others; maps with positive weights are set to zero at all places.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.feature_layers import hidden_layers
from ..evaluation.classifiers.logistic import fit_logistic
from ..run import Run

MAP_CLASSIFIER_L2 = 0.1
"""L2 penalty of the map weights; a weaker one separates correlated activations by chance."""

_CHUNK = 256


@torch.no_grad()
def generate(run: Run, latents: Tensor) -> Tensor:
    """Images of latents, `(N, C, H, W)` float32 on the CPU."""
    chunks = torch.split(latents, _CHUNK)
    parts = [run.method.decode(part.to(run.device)).float().cpu() for part in chunks]
    return torch.cat(parts)


def generate_with_maps(run: Run, latents: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Images of latents, and the feature maps `(N, C, h, w)` of a layer on the way to them."""
    maps: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        maps.append(output.float().cpu())

    with run.method.get_submodule(layer).register_forward_hook(keep):
        images = generate(run, latents)
    return images, torch.cat(maps)


@contextmanager
def drop_maps(layer: nn.Module, dropped: Tensor) -> Generator[None]:
    """Sets some maps of a layer's output to zero, at all places, while the block runs.

    The output is `(N, C, h, w)` or `(N, C)`; the dropped maps are given by their indices, int64.
    """

    def drop(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept = torch.ones(output.shape[1], device=output.device, dtype=output.dtype)
        kept[dropped.to(output.device)] = 0
        return output * kept.view(1, -1, *[1] * (output.ndim - 2))

    with layer.register_forward_hook(drop):
        yield


def map_weights(positives: Tensor, negatives: Tensor) -> Tensor:
    """The weight of each map for the feature, float64 `(C,)`, per deviation of its activation.

    Positives are activations that belong to the feature, `(P, C)`; negatives are others, `(M, C)`.

    Raises:
        ConfigError: There are no activations of one kind.
    """
    if not len(positives) or not len(negatives):
        kind = "belong to the feature" if not len(positives) else "do not"
        raise ConfigError(f"there are no activations that {kind}; name another feature or boxes.")
    activations = torch.cat([positives, negatives]).float()
    labels = torch.cat([torch.ones(len(positives)), torch.zeros(len(negatives))]).long()
    return fit_logistic(activations, labels, l2=MAP_CLASSIFIER_L2).weights[0]


def positive_maps(weights: Tensor, most: int | None = None) -> Tensor:
    """Indices of the maps with positive weights, int64, the largest first; at most `most`."""
    order = weights.argsort(descending=True, stable=True)
    chosen = order[weights[order] > 0]
    return chosen if most is None else chosen[:most]


def find_map_layer(run: Run, layer: str | None) -> str:
    """The dotted name of the generator's layer whose maps are dropped.

    The default is the second highest hidden convolution: DCGAN drops 200 maps, and of its hidden
    layers the highest has 128 maps, the one below it 256.

    Raises:
        ConfigError: The layer is unknown, or the generator is not convolutional.
    """
    network: nn.Module = getattr(run.method, "generator", nn.Identity())
    convolutions = nn.Conv2d | nn.ConvTranspose2d
    is_convolutional = any(isinstance(module, convolutions) for module in network.modules())
    names = hidden_layers(network) if is_convolutional else ()
    if not names:
        raise ConfigError(
            "forget drops maps of a convolutional generator, and this run has none; train one with"
            " a preset such as images."
        )
    chosen = layer.removeprefix("generator.") if layer else names[max(len(names) - 2, 0)]
    if chosen not in names:
        raise ConfigError(f"--layer {layer}: the generator's layers with maps: {', '.join(names)}.")
    return f"generator.{chosen}"
