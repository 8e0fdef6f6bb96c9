"""What the name of a layer asks for, and how its output is read while the networks run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import ConfigError, unknown_name

ALL_CONVS = "convs"
"""Stands for every convolutional layer of a network, as in `discriminator.convs@4`."""

LATENTS = "latents"
"""Stands for what a method that encodes makes of data: of a stochastic encoder the mean."""

POOL_SIDE = 4
"""Side to which the layers of a convolutional network are pooled to be measured, as in DCGAN;
smaller maps are then taken whole."""


@dataclass(frozen=True)
class LayerSpec:
    """Which outputs are read, and to what size each is pooled.

    Attributes:
        name: as it was asked for.
        network: that data are run through.
        modules: dotted names of what is read, in order; none for what `run` returns.
        side: height and width to which each output is max-pooled, where it has more; None to
            take it whole.
    """

    name: str
    network: str
    modules: tuple[str, ...]
    side: int | None


def hidden_layers(network: nn.Module) -> tuple[str, ...]:
    """The layers between input and output that a network of the library says it has, in order."""
    return cast(tuple[str, ...], getattr(network, "hidden_names", ()))


def is_convolutional(network: nn.Module) -> bool:
    """Whether there are images inside, which can be pooled."""
    return any(isinstance(module, nn.Conv2d) for module in network.modules())


def parse_layer_spec(method: nn.Module, name: str, known: Sequence[str]) -> LayerSpec:
    """What a name asks for: `LAYER`, `LAYER@SIDE` or `NETWORK.convs@SIDE`.

    Args:
        method: holds the networks.
        name: of the layer.
        known: dotted names of the modules that may be read.

    Raises:
        ConfigError: there is no such layer, or it cannot be pooled so.
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
        outer = [name for name in known if name.count(".") < 2]  # not all that they are made of
        raise unknown_name(
            "layer", layer, [*outer, *(f"{network}.{ALL_CONVS}" for network in networks)]
        )
    if side is not None and not is_convolutional(_inner(method, network)):
        raise ConfigError(
            f"layer '{name}': {network} holds no images to be pooled to {side}x{side}; "
            f"leave out @{side}."
        )
    if rest == ALL_CONVS and side is None:
        raise ConfigError(
            f"layer '{name}': layers of several sizes are put together pooled to one; say to "
            f"which, as in {name}@4."
        )
    return LayerSpec(name, network, modules, side)


@torch.no_grad()
def read_layer(
    method: nn.Module, reading: LayerSpec, run: Callable[[str, Tensor], Tensor], x: Tensor
):
    """The outputs asked for, flattened to `(N, D)` float32 and put side by side.

    Args:
        method: holds the networks; set to eval mode meanwhile and left as it was.
        reading: what to read.
        run: sends data through a network.
        x: data, `(N, ...)`.

    Raises:
        ConfigError: data never pass through one of the layers.
    """
    seen: dict[str, Tensor] = {}
    made: Tensor | None = None
    handles = [
        method.get_submodule(name).register_forward_hook(_keeper(seen, name))
        for name in reading.modules
    ]
    modes = {module: module.training for module in method.modules()}
    try:
        method.eval()
        made = run(reading.network, x)
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
            f"no data passes through layer '{missing[0]}' of {type(method).__name__}."
        )
    if not reading.modules:
        assert made is not None
        return made.flatten(1).float()
    _check_side(reading, seen)
    return torch.cat([_pooled(seen[name], reading) for name in reading.modules], 1)


def _keeper(seen: dict[str, Tensor], name: str) -> Callable[..., None]:
    def keep(_module: nn.Module, _inputs: object, output: object) -> None:
        seen[name] = cast(Tensor, output)

    return keep


def _check_side(reading: LayerSpec, seen: dict[str, Tensor]) -> None:
    if reading.side is None:
        return
    for output in seen.values():
        if output.ndim != 4:
            raise ConfigError(
                f"layer '{reading.name}' gives {output.ndim - 1} dimensions an example, no images "
                f"that could be pooled; leave out @{reading.side}."
            )
    largest = max((output.shape[2:] for output in seen.values()), key=max)
    if reading.side > max(*largest, POOL_SIDE):
        what = "its map" if len(seen) == 1 else "the largest map"
        raise ConfigError(
            f"layer '{reading.name}': {what} is {largest[0]}x{largest[1]}, which cannot be pooled "
            f"to {reading.side}x{reading.side}; write at most @{max(largest)}."
        )


def _pooled(output: Tensor, reading: LayerSpec) -> Tensor:
    if reading.side is not None:
        height, width = output.shape[2:]
        size = (min(height, reading.side), min(width, reading.side))
        output = F.adaptive_max_pool2d(output, size)
    return output.flatten(1).float()


def _side(name: str, typed: str) -> int:
    if not typed.isdecimal() or int(typed) < 1:
        raise ConfigError(f"layer '{name}': after @ stands the side to pool to, such as @4.")
    return int(typed)


def _inner(method: nn.Module, network: str) -> nn.Module:
    return method.get_submodule(network)
