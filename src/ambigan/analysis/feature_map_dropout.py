"""A generator with some maps of one layer left out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.feature_layers import hidden_layers, is_convolutional
from ..core.randomness import Randomness
from ..run import Run
from .map_classifier import without_maps

NETWORK = "generator"
_CHUNK = 256


@dataclass(frozen=True)
class FeatureMapDropout:
    """What is dropped of a run's generator, and the same latents drawn in three ways.

    Attributes:
        run: whose generator it is.
        layer: dotted name of the layer.
        dropped: int64, the maps that are dropped.
        num_maps: of the layer.
        seed: of the random maps that are dropped for comparison.
    """

    run: Run
    layer: str
    dropped: Tensor
    num_maps: int
    seed: int

    def whole(self, latents: Tensor) -> Tensor:
        """Images with all maps, `(N, C, H, W)` on the CPU."""
        return draw(self.run, latents)

    def without(self, latents: Tensor) -> Tensor:
        """Images without the dropped maps."""
        with without_maps(self.run.method.get_submodule(self.layer), self.dropped):
            return draw(self.run, latents)

    def without_random(self, latents: Tensor, turn: int) -> Tensor:
        """Images without as many random maps; each turn drops others."""
        order = Randomness(self.seed, "random maps", turn).permutation(self.num_maps)
        maps = order[: len(self.dropped)]
        with without_maps(self.run.method.get_submodule(self.layer), maps):
            return draw(self.run, latents)


@torch.no_grad()
def draw(run: Run, latents: Tensor) -> Tensor:
    """Images of latents, `(N, C, H, W)` float32 on the CPU."""
    parts = [run.method.decode(part.to(run.device)).float().cpu() for part in latents.split(_CHUNK)]
    return torch.cat(parts)


def draw_with_maps(run: Run, latents: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Images of latents, and the maps of a layer that they came through."""
    maps: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        maps.append(output.float().cpu())

    handle = run.method.get_submodule(layer).register_forward_hook(keep)
    try:
        images = draw(run, latents)
    finally:
        handle.remove()
    return images, torch.cat(maps)


def find_maps(run: Run, layer: str | None) -> str:
    """The dotted name of the generator's layer whose maps are dropped.

    By default the second highest of the convolutions between input and output: DCGAN drops 200
    maps, and of its hidden layers the highest has 128, the one below it 256.

    Raises:
        ConfigError: there is none of that name, or it gives no maps.
    """
    network = getattr(run.method, NETWORK, None)
    if not isinstance(network, nn.Module) or not is_transposed(network):
        raise ConfigError(
            "forget drops maps of a convolutional generator, and this run has none; train one with"
            " a preset such as images."
        )
    names = hidden_layers(network)
    chosen = layer.removeprefix(f"{NETWORK}.") if layer else names[max(len(names) - 2, 0)]
    if chosen not in names:
        raise ConfigError(f"--layer {layer}: the generator's layers with maps: {', '.join(names)}.")
    return f"{NETWORK}.{chosen}"


def is_transposed(network: nn.Module) -> bool:
    """Whether a network makes images by convolutions, with layers between input and output."""
    made = any(isinstance(module, nn.ConvTranspose2d) for module in network.modules())
    return (made or is_convolutional(network)) and bool(hidden_layers(network))
