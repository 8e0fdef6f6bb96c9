"""The first filters of a run's network, beside those that its training began from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError, unknown_name
from ..game import Method
from ..run import Run
from ..training import make_method
from .pixel_kernels import pixel_kernels


@dataclass(frozen=True)
class Filters:
    """Kernels that touch pixels.

    Attributes:
        network: whose they are.
        learned: float32 `(N, C, h, w)`.
        initial: the same kernels before the first step.
    """

    network: str
    learned: NDArray[np.float32]
    initial: NDArray[np.float32]


def read_filters(run: Run, network: str | None = None) -> Filters:
    """The kernels of a network as trained and as drawn from the run's seed.

    Args:
        run: of images.
        network: by its name in the method; the first that sees data if None.

    Raises:
        ConfigError: the data are no images, or there is no such network, or it touches none.
    """
    if run.spec.kind != "images":
        raise ConfigError("filters are of networks that see images; this run's data are vectors.")
    name = network or default_network(run.method)
    before = make_method(run.config, run.spec, type(run.method))
    return Filters(name, _kernels_of(run.method, name), _kernels_of(before, name))


def default_network(method: Method) -> str:
    """The network whose layer `features` reads, since that is what the run is used for."""
    return method.default_layer.partition(".")[0]


def networks_of(method: Method) -> tuple[str, ...]:
    """Every network that a player moves."""
    return tuple(name for player in method.players for name in player.networks)


def find_network(method: Method, name: str) -> Any:
    """A network by name.

    Raises:
        ConfigError: there is none; the nearest name is suggested.
    """
    if name not in networks_of(method):
        raise unknown_name("network", name, networks_of(method))
    return method.get_submodule(name)


def _kernels_of(method: Method, network: str) -> NDArray[np.float32]:
    shapes = (method.sample_spec.shape, method.spec.shape)
    return pixel_kernels(find_network(method, network), shapes).numpy()
