"""What a training will need, measured on a few real steps before it starts."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from .core.memory import physical_memory
from .data import Batches, open_dataset
from .engine.config import RunConfig, choose_device
from .engine.schedule import num_iterations
from .engine.state import TrainState
from .engine.step import Play
from .evaluation.results import hardware
from .game import Method
from .training import check_trainable, make_method

WARM_UP = 2
NUM_STEPS = 8
MOST_SECONDS = 20.0


@dataclass(frozen=True)
class Plan:
    """What a training takes; memory in bytes, of tensors alone, on this one process.

    Attributes:
        parameters: learned numbers by network.
        weights: memory of parameters and buffers.
        optimizer: of the optimisers' moments.
        average: of the averaged copy (EMA).
        gradients: of all players that move together, at most.
        activations: kept for the backward pass of a turn, at most; counted while one was played.
        data: of the examples, where they lie on the device.
        images: that training sees.
        images_per_second: over the median of a few iterations, after some to warm up.
        device: where it was measured.
        num_steps: iterations that were timed.
    """

    parameters: dict[str, int]
    weights: int
    optimizer: int
    average: int
    gradients: int
    activations: int
    data: int
    images: int
    images_per_second: float
    device: str
    num_steps: int

    @property
    def memory(self) -> int:
        """All of it but the data."""
        parts = (self.weights, self.optimizer, self.average, self.gradients, self.activations)
        return sum(parts)

    @property
    def seconds(self) -> float:
        """For the whole training, without saving and measuring."""
        return self.images / self.images_per_second


def plan(config: RunConfig) -> Plan:
    """Plays a few iterations of a training, writes nothing, and says what the whole will take.

    Args:
        config: all settings.

    Raises:
        ConfigError, DataError: as `train`.
    """
    config = config.check()
    device = choose_device(config.train.device)
    dataset = open_dataset(config.data)
    check_trainable(config, dataset)
    method = make_method(config, dataset.spec).to(device).train()
    state = TrainState(method, config.train.ema_decay)
    batches = Batches(dataset.train, config.train.seed, device)
    play = Play(state, batches, config.train)
    with saved_bytes() as saved:
        play.iterate()
    seconds = _timed(play, device)
    per_iteration = config.train.batch_size * len(method.turns)
    images = num_iterations(config.train, len(batches), len(method.turns)) * per_iteration
    return Plan(
        parameters=_by_network(method),
        weights=_bytes(method.state_dict().values()),
        optimizer=sum(_bytes(_moments(optimizer)) for optimizer in state.optimizers.values()),
        average=_bytes(state.ema.module.state_dict().values()) if state.ema else 0,
        gradients=max(_gradient_bytes(method, names) for names in method.turns),
        activations=saved.most,
        data=batches.values.numel() * batches.values.element_size(),
        images=images,
        images_per_second=per_iteration / median(seconds),
        device=_device_name(device),
        num_steps=len(seconds),
    )


def describe(found: Plan) -> list[tuple[str, str]]:
    """A plan as lines of a table."""
    networks = ", ".join(f"{name} {count:,}" for name, count in found.parameters.items())
    memory = {
        "weights": found.weights,
        "optimiser": found.optimizer,
        "average": found.average,
        "gradients": found.gradients,
        "activations": found.activations,
    }
    parts = ", ".join(f"{name} {_size(value)}" for name, value in memory.items())
    there = physical_memory()
    room = f" of this machine's {_size(there)}" if math.isfinite(there) else ""
    return [
        ("parameters", f"{sum(found.parameters.values()):,} ({networks})"),
        ("memory", f"{_size(found.memory)}: {parts}"),
        ("data", f"{_size(found.data)}{room}"),
        (
            "rate",
            f"{found.images_per_second:,.0f} images/s on {found.device}, "
            f"median of {found.num_steps} iterations",
        ),
        ("time", f"{_duration(found.seconds)} for {found.images:,} images"),
    ]


class Saved:
    """Bytes kept for backward passes, each storage counted once, at their most."""

    def __init__(self) -> None:
        self.alive: dict[int, int] = {}
        self.now = self.most = 0

    def keep(self, tensor: Tensor) -> _Kept:
        """Counts a tensor until what is returned is let go."""
        return _Kept(self, tensor)


class _Kept:
    """A tensor that autograd keeps; counted as long as it does."""

    def __init__(self, saved: Saved, tensor: Tensor) -> None:
        self.saved, self.tensor = saved, tensor
        self.key = tensor.untyped_storage().data_ptr()
        self.is_weight = tensor.is_leaf and tensor.requires_grad
        if not self.is_weight:
            saved.alive[self.key] = saved.alive.get(self.key, 0) + 1
            if saved.alive[self.key] == 1:
                saved.now += tensor.untyped_storage().nbytes()
                saved.most = max(saved.most, saved.now)

    def __del__(self) -> None:
        if self.is_weight:
            return
        self.saved.alive[self.key] -= 1
        if self.saved.alive[self.key] == 0:
            self.saved.now -= self.tensor.untyped_storage().nbytes()


@contextmanager
def saved_bytes() -> Generator[Saved]:
    """Counts what autograd keeps while the block runs."""
    saved = Saved()

    def unpack(kept: Any) -> Tensor:
        return kept.tensor

    with torch.autograd.graph.saved_tensors_hooks(saved.keep, unpack):
        yield saved


def _timed(play: Play, device: torch.device) -> list[float]:
    """Seconds of each iteration; fewer of them where they are long."""
    seconds: list[float] = []
    for number in range(WARM_UP + NUM_STEPS):
        started = perf_counter()
        play.iterate()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if number >= WARM_UP or perf_counter() - started > MOST_SECONDS / 4:
            seconds.append(perf_counter() - started)
        if sum(seconds) > MOST_SECONDS:
            break
    return seconds


def _by_network(method: Method) -> dict[str, int]:
    names = (name for player in method.players for name in player.networks)
    return {n: sum(p.numel() for p in method.get_submodule(n).parameters()) for n in names}


def _gradient_bytes(method: Method, names: tuple[str, ...]) -> int:
    moving = [player for player in method.players if player.name in names]
    return sum(_bytes(method.player_parameters(player).values()) for player in moving)


def _moments(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [v for state in optimizer.state.values() for v in state.values() if _is_moment(v)]


def _is_moment(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0


def _bytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _device_name(device: torch.device) -> str:
    about = hardware(device)
    return about["gpu"] or f"{about['processor']}, threads: {torch.get_num_threads()}"


def _size(count: float) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
