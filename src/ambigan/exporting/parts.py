"""The parts of a run that can be exported, each with what is done before and after its network."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..core.errors import ConfigError, unknown_name
from ..game import Method
from ..run import Run
from .scaling_modules import scaling_modules

PARTS = ("encoder", "generator", "discriminator", "features")
"""Parts by name: data to latents, latents to data, and data to features of D or of any layer."""


class PartModule(nn.Module):
    """One part as a module: data or latents in the units of the user, to what a `Run` gives.

    Args:
        name: One of `PARTS`.
        method: The networks, in eval mode.
        layer: Layer that is read, of parts that are features.
        before: What is done to the input.
        after: What is done to the output.
    """

    def __init__(
        self, name: str, method: Method, layer: str | None, before: nn.Module, after: nn.Module
    ) -> None:
        super().__init__()
        self.name, self.layer = name, layer
        self.before, self.method, self.after = before, method, after
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(N, ...)` to `(N, ...)`."""
        x = self.before(x)
        if self.name == "encoder":
            return self.method.encode(x)
        if self.name == "generator":
            return self.after(self.method.decode(x))
        return self.method.read_features(x, self.layer)


@dataclass(frozen=True)
class Part:
    """A part with what is known of its input and output.

    Attributes:
        name: One of `PARTS`.
        module: The module that is exported.
        layer: Layer that is read, of parts that are features; None for others.
        about: What `model.json` and the metadata of ONNX say of it.
    """

    name: str
    module: PartModule
    layer: str | None
    about: dict[str, Any]


def on_cpu(run: Run) -> Run:
    """The run itself, or a copy on the CPU of one on another device."""
    if run.device.type == "cpu":
        return run
    return replace(run, method=deepcopy(run.method).cpu().eval())


def _without_parametrizations(method: Method) -> Method:
    """A copy of the networks whose weights are those that spectral norm makes of them."""
    method = deepcopy(method)
    for module in list(method.modules()):
        if parametrize.is_parametrized(module, "weight"):
            # torch's own removal would change the class, which the original shares with the copy.
            weight = nn.Parameter(cast(Tensor, module.weight).detach())
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            module.register_parameter("weight", weight)
    return method


def offered_parts(run: Run) -> dict[str, str | None]:
    """The parts that a run has, and the layer of those that are features."""
    offered: dict[str, str | None] = {}
    if "encode" in run.capabilities:
        offered["encoder"] = None
    if "decode" in run.capabilities:
        offered["generator"] = None
    of_d = [name for name in run.method.feature_layers if name.startswith("discriminator.")]
    hidden = [name for name in of_d if name.rpartition(".")[2] != "output"] or of_d
    if hidden:
        offered["discriminator"] = hidden[-1]
    return {**offered, "features": run.method.default_layer}


def choose_parts(run: Run, names: Sequence[str], layer: str | None) -> list[Part]:
    """The parts that are asked for; all that the run has if none are named.

    Args:
        run: The run, on the CPU.
        names: Names of parts.
        layer: Layer of `features`; that of `Run.features` if None.

    Raises:
        ConfigError: There is no such part or layer, or the method does not have it.
    """
    offered = offered_parts(run)
    for name in names:
        if name not in PARTS:
            raise unknown_name("part", name, PARTS)
        if name not in offered:
            raise ConfigError(
                f"a run of {run.config.method} has no {name}; it offers: {', '.join(offered)}."
            )
    chosen = [name for name in offered if name in names or not names]
    if layer is not None:
        if "features" not in chosen:
            raise ConfigError("--layer is of the part features; add it, or leave out --layer.")
        run.method.find_layer(layer)
        offered["features"] = layer
    method = _without_parametrizations(run.method)
    return [_make_part(run, method, name, offered[name]) for name in chosen]


def _make_part(run: Run, method: Method, name: str, layer: str | None) -> Part:
    before, after = scaling_modules(run.spec, run.scaling)
    before = nn.Identity() if name == "generator" else before
    after = after if name == "generator" else nn.Identity()
    module = PartModule(name, method, layer, before, after)
    x = example_inputs(run, name, 2)
    with torch.no_grad():
        y = module(x)
    takes, gives = (_describe_values(run, value) for value in (x, y))
    if name == "generator":
        takes["range"] = f"latents, drawn from the prior {type(run.method.prior).__name__}"
        gives["range"] = _range_of_data(run, is_output=True)
    else:
        takes["range"] = _range_of_data(run)
        gives["range"] = "latents" if name == "encoder" else "features"
    about = {"input": {"name": "x", **takes}, "output": {"name": "y", **gives}}
    return Part(name, module, layer, about | ({} if layer is None else {"layer": layer}))


def _describe_values(run: Run, value: Tensor) -> dict[str, Any]:
    dtype = str(value.dtype).removeprefix("torch.")
    return {"dtype": dtype, "shape": ["N", *value.shape[1:]]}


def _range_of_data(run: Run, *, is_output: bool = False) -> str:
    """The units of data, in words."""
    if run.scaling is None and run.spec.kind == "images":
        return "levels from 0 to 255" + (", not rounded" if is_output else "")
    if run.spec.kind == "images":
        assert run.scaling is not None
        low, high = (run.scaling.shift + sign * run.scaling.scale for sign in (-1, 1))
        ends = zip(low.flatten(), high.flatten(), strict=True)
        listed = ", ".join(f"{float(a):g} to {float(b):g}" for a, b in ends)
        return f"in the units of the source, by channel {listed}"
    return "in the units of the source, columns in their order"


def example_inputs(run: Run, name: str, num: int, seed: int = 0) -> Tensor:
    """Inputs of a part, drawn at random over the range that its network was trained on.

    Args:
        run: The run.
        name: One of `PARTS`.
        num: Number of examples.
        seed: Seed of the draws.
    """
    if name == "generator":
        return torch.as_tensor(run.latents(num, seed))
    generator = torch.Generator().manual_seed(seed)
    shape = (num, *run.spec.shape)
    if run.scaling is None and run.spec.kind == "images":
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    uniform = torch.rand(shape, generator=generator) * 2.2 - 1.1
    return uniform.double() if run.scaling is None else run.scaling.invert(uniform)


def expected_outputs(run: Run, part: Part, x: Tensor) -> NDArray[Any]:
    """What the run itself gives for inputs of a part."""
    values = x.numpy()
    if part.name == "encoder":
        return run.encode(values)
    if part.name != "generator":
        return run.features(values, part.layer)
    made = run.decode(values)
    return made * np.float32(127.5) + np.float32(127.5) if is_of_bytes(run) else made


def is_of_bytes(run: Run) -> bool:
    """Whether a run's data are 8-bit images."""
    return run.scaling is None and run.spec.kind == "images"


def deviation(run: Run, part: Part, ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """How far outputs are from ours, in units in which 1e-4 means the same for every part.

    Those of the generator are divided by the scale of each column or channel, and others by their
    largest value where that exceeds 1.
    """
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return float("inf")
    if part.name == "generator":
        scale = 127.5 if is_of_bytes(run) else run.scaling.scale.numpy() if run.scaling else 1.0
    else:
        scale = max(1.0, float(np.abs(ours).max()))
    return float((np.abs(ours.astype(np.float64) - theirs) / scale).max())
