"""The first filters of a network: the kernels that touch pixels, before and after training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import ConfigError, unknown_name
from ..game import Method
from ..run import Run
from ..training import make_method

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Filters:
    """The kernels of a network that touch pixels.

    Attributes:
        network: the name of the network.
        learned: trained kernels, float32 `(N, C, h, w)`.
        initial: Kernels of the same layer before the first step.
    """

    network: str
    learned: NDArray[np.float32]
    initial: NDArray[np.float32]


def read_filters(run: Run, network: str | None = None) -> Filters:
    """The kernels of a network, as trained and as initialised from the run's seed.

    Args:
        run: a run on images.
        network: the name of the network; by default the one of the feature layer.

    Raises:
        ConfigError: The data are not images, the network is unknown, or no layer touches pixels.
    """
    if run.spec.kind != "images":
        raise ConfigError("filters are of networks that see images; this run's data are vectors.")
    name = network or default_network(run.method)
    initial = make_method(run.config, run.spec, type(run.method))
    return Filters(name, _kernels_of(run.method, name), _kernels_of(initial, name))


def default_network(method: Method) -> str:
    """The network of the layer that `features` reads, since that is what the run is used for."""
    return method.default_layer.partition(".")[0]


def find_network(method: Method, name: str) -> Any:
    """Looks up a network by name; for an unknown name the error suggests the nearest one."""
    names = [network for player in method.players for network in player.networks]
    if name not in names:
        raise unknown_name("network", name, names)
    return method.get_submodule(name)


@torch.no_grad()
def pixel_kernels(network: nn.Module, shapes: tuple[Shape, ...]) -> Tensor:
    """The kernels of the layer that takes images in or gives them out.

    Of convolutions, these are the output channels of the first one if it takes images, else the
    input channels of the last one if it gives them. Of linear layers, they are the rows of the
    first one, in the shape of an image, or the columns of the last one.

    The kernels are `(N, C, h, w)`, float32, on the CPU, as they are used, with spectral norm
    applied. Images that the network may take or give have one of the shapes `(C, H, W)`.

    Source: BiGAN, Figure 4 (filters of D, G and E).

    Raises:
        ConfigError: No layer touches images.
    """
    kernels = _convolutional(network, {shape[0] for shape in shapes})
    if kernels is None:
        kernels = _linear(network, shapes)
    if kernels is None:
        sizes = " or ".join("x".join(map(str, shape)) for shape in shapes)
        raise ConfigError(
            f"a {type(network).__name__} has no layer that takes or gives images of {sizes}; name a"
            " network that does, such as the discriminator."
        )
    return kernels.detach().float().cpu().contiguous()


def _kernels_of(method: Method, network: str) -> NDArray[np.float32]:
    shapes = (method.sample_spec.shape, method.spec.shape)
    return pixel_kernels(find_network(method, network), shapes).numpy()


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


def _linear(network: nn.Module, shapes: tuple[Shape, ...]) -> Tensor | None:
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    for shape in shapes:
        if layers and layers[0].in_features == math.prod(shape):
            return layers[0].weight.view(-1, *shape)
        # The output layer is the last one; the linear maps of z next to it are never as wide.
        if layers and layers[-1].out_features == math.prod(shape):
            return layers[-1].weight.T.reshape(-1, *shape)
    return None
