"""Names of feature layers, such as `encoder.conv5@4`, and the reading of their outputs.

A name is parsed once into a `LayerSpec`; `read_layer` runs the network with forward hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
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
    """Parses `LAYER`, `LAYER@SIDE` or `NETWORK.convs@SIDE`; `known` modules may be read.

    Raises:
        ConfigError: There is no such layer, or it cannot be pooled in this way.
    """
    layer, has_side, typed = name.partition("@")
    if has_side and not (typed.isdecimal() and int(typed)):
        raise ConfigError(f"layer '{name}': @ must be followed by the side to pool to, as in @4.")
    side = int(typed) if has_side else None
    network, _, rest = layer.partition(".")
    modules: tuple[str, ...] = (layer,)
    if rest == ALL_CONVS and network in known:
        hidden = hidden_layers(method.get_submodule(network))
        modules = tuple(f"{network}.{inner}" for inner in hidden)
    if not modules or any(module not in known for module in modules):
        networks = [name for name in known if "." not in name]
        # Suggest networks and their layers; the parts of layers only to who typed such a name.
        depth = max(1, layer.count("."))
        outer = [name for name in known if name.count(".") <= depth]
        raise unknown_name(
            "layer", layer, [*outer, *(f"{network}.{ALL_CONVS}" for network in networks)]
        )
    if side is not None and not is_convolutional(method.get_submodule(network)):
        raise ConfigError(
            f"layer '{name}': {network} has no maps to pool to {side}x{side}; leave out @{side}."
        )
    if rest == ALL_CONVS and side is None:
        raise ConfigError(
            f"layer '{name}': layers of several sizes must be pooled to one size before they are "
            f"joined; add it, as in {name}@4."
        )
    return LayerSpec(name, network, modules, side)


@contextmanager
def eval_mode(network: nn.Module) -> Generator[None]:
    """Puts a network into eval mode, and every module back into its own mode afterwards."""
    # Mode per module, not of the network as a whole: parts may be in eval mode on purpose.
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def read_layer(
    method: nn.Module, spec: LayerSpec, run: Callable[[str, Tensor], Tensor], x: Tensor
) -> Tensor:
    """Returns a layer's outputs for data, flattened and concatenated to float32 `(N, D)`.

    `run` runs data through the network of a name, in eval mode. Gradients are kept if they are on.

    Raises:
        ConfigError: No data pass through one of the layers, or it cannot be pooled.
    """
    names = spec.modules or ("",)  # an empty name for what `run` returns
    seen: dict[str, Tensor] = {}

    def keep(name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        seen[name] = output

    with ExitStack() as stack:
        # Hooks read the outputs of the one forward pass that the method itself defines, so layers
        # inside a branch are read with the inputs they have in training.
        for name in spec.modules:
            module = method.get_submodule(name)
            stack.enter_context(module.register_forward_hook(partial(keep, name)))
        stack.enter_context(eval_mode(method))
        try:
            seen[""] = run(spec.network, x)
        except RuntimeError:
            # Layers above those that are read may take images of one size alone. Their failure
            # does not matter once all outputs are there.
            if any(name not in seen for name in names):
                raise
    if missing := [name for name in names if name not in seen]:
        raise ConfigError(
            f"no data passes through layer '{missing[0]}' of {type(method).__name__}; choose"
            " another layer."
        )
    outputs = _pooled([seen[name] for name in names], spec)
    return torch.cat([output.flatten(1).float() for output in outputs], 1)


def _pooled(outputs: list[Tensor], spec: LayerSpec) -> list[Tensor]:
    """Max-pools maps to the side that is asked for, where they are larger."""
    side = spec.side
    if side is None:
        return outputs
    for output in outputs:
        if output.ndim != 4:
            raise ConfigError(
                f"layer '{spec.name}' has {output.ndim - 1} dimensions per example and no maps "
                f"to pool; leave out @{side}."
            )
    # Of several layers the deeper ones may have smaller maps, which are then used whole.
    largest = max((output.shape[2:] for output in outputs), key=max)
    if side > max(*largest, POOL_SIDE):
        what = "its map" if len(outputs) == 1 else "the largest map"
        raise ConfigError(
            f"layer '{spec.name}': {what} is {largest[0]}x{largest[1]}, which cannot be pooled "
            f"to {side}x{side}; write at most @{max(largest)}."
        )
    # Never enlarged: repeating pixels would only duplicate features.
    return [
        F.adaptive_max_pool2d(output, (min(output.shape[2], side), min(output.shape[3], side)))
        for output in outputs
    ]
