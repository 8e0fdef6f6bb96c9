"""The feature maps of a generator's layer: which of them carry a feature, and how to drop them.

Source: DCGAN, section 6.3.1. A logistic regression separates activations that belong to the feature
from others; maps with positive weights are set to zero at all places.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.feature_layers import hidden_layers, is_convolutional
from ..core.randomness import Randomness
from ..evaluation.classifiers.logistic import fit_logistic
from ..run import Run

MAP_CLASSIFIER_L2 = 0.1
"""L2 penalty of the map weights; a weaker one separates correlated activations by chance."""

_CHUNK = 256


@dataclass(frozen=True)
class FeatureMapDropout:
    """A run's generator with some feature maps of one layer dropped.

    Attributes:
        run: the run that owns the generator.
        layer: the dotted name of the layer.
        dropped: indices of the dropped maps, int64.
        num_maps: the number of maps in the layer.
        seed: seed of the random maps that are dropped for comparison.
    """

    run: Run
    layer: str
    dropped: Tensor
    num_maps: int
    seed: int

    def generate(self, latents: Tensor) -> Tensor:
        """Images with all maps, `(N, C, H, W)` on the CPU."""
        return generate(self.run, latents)

    def without(self, latents: Tensor) -> Tensor:
        """Images without the dropped maps."""
        with drop_maps(self.run.method.get_submodule(self.layer), self.dropped):
            return generate(self.run, latents)

    def without_random(self, latents: Tensor, turn: int) -> Tensor:
        """Images without as many random maps; each turn draws other maps."""
        order = Randomness(self.seed, "random maps", turn).permutation(self.num_maps)
        with drop_maps(self.run.method.get_submodule(self.layer), order[: len(self.dropped)]):
            return generate(self.run, latents)


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

    handle = run.method.get_submodule(layer).register_forward_hook(keep)
    try:
        images = generate(run, latents)
    finally:
        handle.remove()
    return images, torch.cat(maps)


@contextmanager
def drop_maps(layer: nn.Module, dropped: Tensor) -> Generator[None]:
    """Sets some maps of a layer's output to zero, at all places, while the block runs.

    Args:
        layer: a layer whose output is `(N, C, h, w)` or `(N, C)`.
        dropped: indices of the maps, int64.
    """

    def drop(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept = torch.ones(output.shape[1], device=output.device, dtype=output.dtype)
        kept[dropped.to(output.device)] = 0
        return output * kept.view(1, -1, *[1] * (output.ndim - 2))

    handle = layer.register_forward_hook(drop)
    try:
        yield
    finally:
        handle.remove()


def map_weights(positives: Tensor, negatives: Tensor, l2: float = MAP_CLASSIFIER_L2) -> Tensor:
    """The weight of each map for the feature, float64 `(C,)`, per deviation of its activation.

    Args:
        positives: activations that belong to the feature, `(P, C)`.
        negatives: other activations, `(M, C)`.
        l2: strength of the penalty.

    Raises:
        ConfigError: There are no activations of one kind.
    """
    if not len(positives) or not len(negatives):
        kind = "belong to the feature" if not len(positives) else "do not"
        raise ConfigError(f"there are no activations that {kind}; name another feature or boxes.")
    activations = torch.cat([positives, negatives]).float()
    labels = torch.cat([torch.ones(len(positives)), torch.zeros(len(negatives))]).long()
    return fit_logistic(activations, labels, l2=l2).weights[0]


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
    network = getattr(run.method, "generator", None)
    if not isinstance(network, nn.Module) or not _is_convolutional(network):
        raise ConfigError(
            "forget drops maps of a convolutional generator, and this run has none; train one with"
            " a preset such as images."
        )
    names = hidden_layers(network)
    chosen = layer.removeprefix("generator.") if layer else names[max(len(names) - 2, 0)]
    if chosen not in names:
        raise ConfigError(f"--layer {layer}: the generator's layers with maps: {', '.join(names)}.")
    return f"generator.{chosen}"


def _is_convolutional(network: nn.Module) -> bool:
    """Whether a network generates images by convolutions, with hidden layers."""
    transposed = any(isinstance(module, nn.ConvTranspose2d) for module in network.modules())
    return (transposed or is_convolutional(network)) and bool(hidden_layers(network))
