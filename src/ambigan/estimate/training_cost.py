"""What a training will need, measured on a few real steps before it starts."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from ..core.distributed import share_of
from ..core.errors import ConfigError
from ..core.machine import physical_memory
from ..data import Batches, open_dataset
from ..engine.config import RunConfig, choose_device, resolve_precision
from ..engine.schedule import num_iterations
from ..engine.train_state import TrainState
from ..engine.train_step import TrainStep
from ..evaluation.provenance import hardware
from ..game import Method
from ..training import check_trainable, make_method
from .memory import LiveMemory, allocated_bytes, saved_bytes
from .simulated_process_group import CollectiveTraffic, simulated_process_group

WARM_UP = 2
NUM_STEPS = 8
MOST_SECONDS = 20.0
LINK = 50e9
"""Bytes a second between two processes, if nothing else is known: a link of 400 Gbit/s."""


@dataclass(frozen=True)
class TrainingEstimate:
    """What a training takes; memory in bytes, of tensors alone, on each process.

    Attributes:
        num_processes: that share a batch.
        parameters: learned numbers by network.
        weights: memory of parameters and buffers.
        optimizer: of the optimisers' moments.
        average: of the averaged copy (EMA).
        working: of all tensors that come and go while an iteration is played, at their most.
        gradients: of all players that move together, at most; part of `working`.
        activations: kept for the backward pass of a turn, at most; part of `working`, but not at
            the same moment.
        data: of the examples, where they lie on the device.
        images: that training sees.
        images_per_second: of all processes, over the median of a few iterations of this one, after
            some to warm up, and what processes take to average gradients; where players begin
            later, over the whole of training.
        sent: bytes that each process sends, and as many that it receives, in an iteration, at most.
        messages: in which it does.
        link: bytes a second at which it does, as assumed.
        device: where it was measured.
        precision: of products, as it was there.
        num_steps: iterations that were timed.
    """

    num_processes: int
    parameters: dict[str, int]
    weights: int
    optimizer: int
    average: int
    working: int
    gradients: int
    activations: int
    data: int
    images: int
    images_per_second: float
    sent: int
    messages: int
    link: float
    device: str
    precision: str
    num_steps: int

    @property
    def memory(self) -> int:
        """All of it but the data."""
        return self.weights + self.optimizer + self.average + self.working

    @property
    def seconds(self) -> float:
        """For the whole training, without saving and measuring."""
        return self.images / self.images_per_second


def estimate_training(
    config: RunConfig, num_processes: int = 1, link: float = LINK
) -> TrainingEstimate:
    """Plays a few iterations of a training, writes nothing, and says what the whole will take.

    Of several processes, what one of them does is played, on its part of a batch. What they send
    each other is counted, and the time that it takes reckoned from bytes alone: how long each of
    many small messages takes, such as those of batch norm, is not.

    Args:
        config: all settings.
        num_processes: N, that share each batch.
        link: bytes a second between two of them.

    Raises:
        ConfigError, DataError: as `train`, or a batch cannot be shared equally.
    """
    config = config.check()
    _check_shared(config, num_processes, link)
    if num_processes == 1:
        return _plan(config, CollectiveTraffic(), 1, link)
    with simulated_process_group(num_processes) as traffic:
        return _plan(config, traffic, num_processes, link)


def _plan(
    config: RunConfig, traffic: CollectiveTraffic, num_processes: int, link: float
) -> TrainingEstimate:
    device = choose_device(config.train.device)
    config = resolve_precision(config, device)
    dataset = open_dataset(config.data)
    check_trainable(config, dataset)
    method = make_method(config, dataset.spec).to(device).train()
    state = TrainState(method, config.train.ema_decay)
    batches = Batches(dataset.train, config.train.seed, device)
    play = TrainStep(state, batches, config.train)
    per_iteration = config.train.batch_size * len(method.turns)
    images = num_iterations(config.train, len(batches), len(method.turns)) * per_iteration
    phases = [_Phase.of(play, *part, device, traffic) for part in _parts(play, images)]
    seconds = sum(phase.share * (phase.seconds + phase.sent / link) for phase in phases)
    return TrainingEstimate(
        num_processes=num_processes,
        parameters=_by_network(method),
        weights=_bytes(method.state_dict().values()),
        optimizer=sum(_bytes(_moments(optimizer)) for optimizer in state.optimizers.values()),
        average=_bytes(state.ema.module.state_dict().values()) if state.ema else 0,
        working=max(phase.working for phase in phases),
        gradients=max(phase.gradients for phase in phases),
        activations=max(phase.activations for phase in phases),
        data=batches.values.nbytes,
        images=images,
        images_per_second=per_iteration / seconds,
        sent=max(phase.sent for phase in phases),
        messages=max(phase.messages for phase in phases),
        link=link,
        device=_device_name(device),
        precision=config.train.precision,
        num_steps=sum(phase.num_steps for phase in phases),
    )


@dataclass(frozen=True)
class _Phase:
    """A part of training in which the same players move; its iterations, see `Plan`."""

    share: float
    working: int
    gradients: int
    activations: int
    seconds: float
    sent: int
    messages: int
    num_steps: int

    @classmethod
    def of(
        cls,
        play: TrainStep,
        begin: int,
        share: float,
        device: torch.device,
        traffic: CollectiveTraffic,
    ) -> _Phase:
        """Plays some of it.

        Args:
            play: the game.
            begin: images seen before.
            share: of the training.
            device: of the game.
            traffic: what is sent.
        """
        play.state.images_seen = begin
        active = {name for name in play.players if play.is_active(name)}
        turns = [active.intersection(names) for names in play.state.method.turns]
        play.run_iteration()  # so that optimisers have their moments
        traffic.messages = traffic.sent = 0
        with saved_bytes() as saved:
            play.run_iteration()
        sent, messages = traffic.sent, traffic.messages
        working, seconds = _working(play, device), _timed(play, device)
        return cls(
            share=share,
            working=working,
            gradients=max(_gradient_bytes(play.state.method, names) for names in turns),
            activations=saved.most,
            seconds=median(seconds),
            sent=sent,
            messages=messages,
            num_steps=len(seconds),
        )


def _parts(play: TrainStep, images: int) -> list[tuple[int, float]]:
    """Parts of training between which players begin or end: images seen before, and share."""
    ends = {end for player in play.players.values() for end in player.schedule_window}
    batch = play.settings.batch_size
    marks = {0, *(math.ceil(end * play.total_images / batch) * batch for end in ends)}
    bounds = [*sorted(mark for mark in marks if mark < images), images]
    return [(begin, (end - begin) / images) for begin, end in pairwise(bounds)]


def _check_shared(config: RunConfig, num_processes: int, link: float) -> None:
    if num_processes < 1:
        raise ConfigError(f"{num_processes} processes cannot train; choose 1 or more.")
    if not link > 0:
        raise ConfigError(f"a link of {link / 1e9:g} GB/s carries nothing; choose more than 0.")
    if link == math.inf:
        raise ConfigError("a link of inf GB/s is none that could be planned with; choose a number.")
    share_of(config.train.batch_size, num_processes)


def describe(found: TrainingEstimate) -> list[tuple[str, str]]:
    """A plan as lines of a table."""
    networks = ", ".join(f"{name} {count:,}" for name, count in found.parameters.items())
    memory = {
        "weights": found.weights,
        "optimiser": found.optimizer,
        "average": found.average,
        "while a turn is played": found.working,
    }
    parts = ", ".join(f"{name} {_size(value)}" for name, value in memory.items())
    there = physical_memory()
    room = f" of this machine's {_size(there)}" if math.isfinite(there) else ""
    inside = f"gradients {_size(found.gradients)}, for backward {_size(found.activations)}"
    each = " on each process" if found.num_processes > 1 else ""
    lines = [
        ("parameters", f"{sum(found.parameters.values()):,} ({networks})"),
        ("memory", f"{_size(found.memory)}{each}: {parts} ({inside})"),
        ("data", f"{_size(found.data)}{room}"),
        (
            "rate",
            f"{found.images_per_second:,.0f} images/s on {found.device} in {found.precision}, "
            f"median of {found.num_steps} iterations",
        ),
        ("time", f"{_duration(found.seconds)} for {found.images:,} images"),
    ]
    if found.num_processes > 1:
        told = f"{_size(found.sent)} in {found.messages:,} messages from each of"
        told += f" {found.num_processes} processes in an iteration, at {found.link / 1e9:g} GB/s as"
        told += " assumed"
        lines.insert(-1, ("traffic", told))
    return lines


def _working(play: TrainStep, device: torch.device) -> int:
    """Bytes of what comes and goes in an iteration, at their most."""
    if device.type == "cuda":
        return allocated_bytes(play.run_iteration, device)
    state = play.state
    there = [*state.method.state_dict().values(), play.batches.values]
    there += state.ema.module.state_dict().values() if state.ema else []
    there += [moment for each in state.optimizers.values() for moment in _moments(each)]
    with LiveMemory(there) as live:
        play.run_iteration()
    return live.most


def _timed(play: TrainStep, device: torch.device) -> list[float]:
    """Seconds of each iteration; fewer of them where they are long."""
    seconds: list[float] = []
    for number in range(WARM_UP + NUM_STEPS):
        started = perf_counter()
        play.run_iteration()
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


def _gradient_bytes(method: Method, names: Collection[str]) -> int:
    moving = [player for player in method.players if player.name in names]
    return sum(_bytes(method.player_parameters(player).values()) for player in moving)


def _moments(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [v for state in optimizer.state.values() for v in state.values() if _is_moment(v)]


def _is_moment(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0


def _bytes(tensors: Any) -> int:
    return sum(tensor.nbytes for tensor in tensors)


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
