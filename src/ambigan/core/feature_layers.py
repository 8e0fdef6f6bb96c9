"""Names of feature layers, such as `encoder.conv5@4`, and the reading of their outputs.

A name is parsed once into a `LayerSpec`; `read_layer` runs the network with forward hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import ConfigError, unknown_name

ALL_CONVS = "convs"
"""Name for all hidden layers of a convolutional network at once, as in `discriminator.convs@4`."""

LATENTS = "latents"
"""Name of the encoding that a method makes of data: the latents or, for a stochastic encoder, their
mean."""

POOL_SIDE = 4
"""Side to which convolutional maps are max-pooled before they are evaluated, as in DCGAN; smaller
maps are used whole."""


@dataclass(frozen=True)
class LayerSpec:
    """The outputs that a layer name stands for, and the size to which they are pooled.

    Attributes:
        name: Name as the user typed it.
        network: Name of the network that data are run through.
        modules: Dotted names of the modules whose outputs are read, in order; empty for the output
            of the network itself, as `run` returns it.
        side: Height and width to which larger outputs are max-pooled; None for no pooling.
    """

    name: str
    network: str
    modules: tuple[str, ...]
    side: int | None


def hidden_layers(network: nn.Module) -> tuple[str, ...]:
    """Returns the names of a network's layers between input and output, in order."""
    return cast(tuple[str, ...], getattr(network, "hidden_names", ()))


def is_convolutional(network: nn.Module) -> bool:
    """Returns whether a network has maps inside, which can be pooled."""
    return any(isinstance(module, nn.Conv2d) for module in network.modules())


def parse_layer_spec(method: nn.Module, name: str, known: Sequence[str]) -> LayerSpec:
    """Parses a layer name: `LAYER`, `LAYER@SIDE` or `NETWORK.convs@SIDE`.

    Args:
        method: Method that holds the networks.
        name: Name of the layer.
        known: Dotted names of the modules that may be read.

    Raises:
        ConfigError: There is no such layer, or it cannot be pooled in this way.
    """
    layer, has_side, typed = name.partition("@")
    side = _side(name, typed) if has_side else None
    network, _, rest = layer.partition(".")
    if rest == ALL_CONVS and network in known:
        modules = tuple(f"{network}.{inner}" for inner in hidden_layers(_inner(method, network)))
    else:
        modules = (layer,)
    if not modules or any(module not in known for module in modules):
        networks = [name for name in known if "." not in name]
        # Suggest networks and their layers, but not the parts that layers are built from.
        outer = [name for name in known if name.count(".") < 2]
        raise unknown_name(
            "layer", layer, [*outer, *(f"{network}.{ALL_CONVS}" for network in networks)]
        )
    if side is not None and not is_convolutional(_inner(method, network)):
        raise ConfigError(
            f"layer '{name}': {network} has no maps to pool to {side}x{side}; leave out @{side}."
        )
    if rest == ALL_CONVS and side is None:
        raise ConfigError(
            f"layer '{name}': layers of several sizes must be pooled to one size before they are "
            f"joined; add it, as in {name}@4."
        )
    return LayerSpec(name, network, modules, side)


@torch.no_grad()
def read_layer(
    method: nn.Module, reading: LayerSpec, run: Callable[[str, Tensor], Tensor], x: Tensor
):
    """Runs data through a network and returns layer outputs, flattened and concatenated.

    Args:
        method: Method that holds the networks. It is in eval mode during the call and has its
            former mode afterwards.
        reading: Outputs to read.
        run: Function that runs data through a network, given the network's name.
        x: Data of shape `(N, ...)`.

    Returns:
        Features of shape `(N, D)`, float32.

    Raises:
        ConfigError: No data pass through one of the layers, or it cannot be pooled.
    """
    seen: dict[str, Tensor] = {}
    network_output: Tensor | None = None
    # Hooks read the outputs of the one forward pass that the method itself defines, so layers
    # inside a branch are read with the inputs they have in training.
    handles = [
        method.get_submodule(name).register_forward_hook(_keeper(seen, name))
        for name in reading.modules
    ]
    # Mode per module, not of the method as a whole: parts of it may be in eval mode on purpose.
    modes = {module: module.training for module in method.modules()}
    try:
        method.eval()
        network_output = run(reading.network, x)
    except RuntimeError:  # layers above those that are read may take images of one size alone
        if not reading.modules or any(name not in seen for name in reading.modules):
            raise
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    if missing := [name for name in reading.modules if name not in seen]:
        raise ConfigError(
            f"no data passes through layer '{missing[0]}' of {type(method).__name__}; choose"
            " another layer."
        )
    if not reading.modules:
        assert network_output is not None
        return network_output.flatten(1).float()
    _check_side(reading, seen)
    return torch.cat([_pooled(seen[name], reading) for name in reading.modules], 1)


def _keeper(seen: dict[str, Tensor], name: str) -> Callable[..., None]:
    """Returns a forward hook that stores the output under `name`."""

    def keep(_module: nn.Module, _inputs: object, output: object) -> None:
        seen[name] = cast(Tensor, output)

    return keep


def _check_side(reading: LayerSpec, seen: dict[str, Tensor]) -> None:
    """Checks that the outputs are maps and that at least one is as large as the side to pool to."""
    if reading.side is None:
        return
    for output in seen.values():
        if output.ndim != 4:
            raise ConfigError(
                f"layer '{reading.name}' has {output.ndim - 1} dimensions per example and no maps "
                f"to pool; leave out @{reading.side}."
            )
    # Of several layers the deeper ones may have smaller maps, which are then used whole.
    largest = max((output.shape[2:] for output in seen.values()), key=max)
    if reading.side > max(*largest, POOL_SIDE):
        what = "its map" if len(seen) == 1 else "the largest map"
        raise ConfigError(
            f"layer '{reading.name}': {what} is {largest[0]}x{largest[1]}, which cannot be pooled "
            f"to {reading.side}x{reading.side}; write at most @{max(largest)}."
        )


def _pooled(output: Tensor, reading: LayerSpec) -> Tensor:
    """Max-pools an output where it is larger than asked for, and flattens it to `(N, D)`."""
    if reading.side is not None:
        height, width = output.shape[2:]
        # Never enlarged: repeating pixels would only duplicate features.
        size = (min(height, reading.side), min(width, reading.side))
        output = F.adaptive_max_pool2d(output, size)
    return output.flatten(1).float()


def _side(name: str, typed: str) -> int:
    """Parses the text after @."""
    if not typed.isdecimal() or int(typed) < 1:
        raise ConfigError(f"layer '{name}': @ must be followed by the side to pool to, as in @4.")
    return int(typed)


def _inner(method: nn.Module, network: str) -> nn.Module:
    """Returns a network of the method by name."""
    return method.get_submodule(network)
