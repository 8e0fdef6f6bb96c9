"""Estimates the memory and time of a training by playing a few of its steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from ..core.distributed import share_of, world
from ..core.errors import ConfigError
from ..core.machine import physical_memory
from ..data import Batches, open_dataset
from ..engine.config import RunConfig, choose_device, resolve_precision
from ..engine.durations import duration
from ..engine.train_state import TrainState, count_parameters
from ..engine.trainer import Trainer
from ..evaluation.provenance import hardware
from ..methods import find_method
from ..trainable import check_trainable, fit_to_data, trained_rows
from ..training import make_method
from .memory import allocated_bytes, saved_bytes
from .simulated_process_group import CollectiveTraffic, simulated_process_group

WARM_UP = 2
NUM_STEPS = 8
MOST_SECONDS = 20.0
LINK = 50e9
"""Default bandwidth between two processes in bytes per second: a link of 400 Gbit/s."""


@dataclass(frozen=True)
class TrainingEstimate:
    """What a training needs. Memory is in bytes, for tensors only, on each process.

    Attributes:
        num_processes: the number of processes that share a batch.
        num_parameters: the number of parameters by network.
        parameters: memory of parameters and buffers.
        optimizer: memory of the optimisers' states.
        ema: memory of the averaged copy.
        step: peak memory of the tensors that come and go during an iteration.
        gradients: memory of the gradients of the players that move together, at most; part of
            `step`.
        activations: memory that autograd keeps for the backward pass, at most; part of `step`, but
            not at the same moment as all gradients.
        data: memory of the examples on the device.
        num_images: the number of images that training sees.
        images_per_second: the rate of all processes over the whole training, from the median time
            of a few iterations after a warm-up and the time to exchange the bytes of `sent`.
        sent: bytes that each process sends, and as many that it receives, in an iteration, at most.
        num_messages: the number of messages that carry them.
        link: the assumed bandwidth between processes in bytes per second.
        device: the name of the device.
        precision: the precision of matrix products.
        num_steps: the number of iterations that were timed.
    """

    num_processes: int
    num_parameters: dict[str, int]
    parameters: int
    optimizer: int
    ema: int
    step: int
    gradients: int
    activations: int
    data: int
    num_images: int
    images_per_second: float
    sent: int
    num_messages: int
    link: float
    device: str
    precision: str
    num_steps: int

    @property
    def memory(self) -> int:
        """All memory except that of the data."""
        return self.parameters + self.optimizer + self.ema + self.step

    @property
    def seconds(self) -> float:
        """The time of the whole training, without checkpoints and diagnostics."""
        return self.num_images / self.images_per_second


def estimate_training(
    config: RunConfig, num_processes: int = 1, link: float = LINK
) -> TrainingEstimate:
    """Plays a few iterations of a training, writes nothing, and estimates the whole.

    Of several processes it plays one, on its part of a batch, in a simulated process group. The
    time of their messages follows from the bytes alone: the latency of each of many small messages,
    such as those of batch norm, is not included.

    Args:
        config: all settings.
        num_processes: the number of processes that share each batch.
        link: the bandwidth between two of them in bytes per second.

    Raises:
        ConfigError, DataError: `train` would raise it, or a batch does not divide over processes.
    """
    config = config.check()
    if num_processes < 1:
        raise ConfigError(f"{num_processes} processes cannot train; choose 1 or more.")
    if not 0 < link < math.inf:
        raise ConfigError(f"a link of {link / 1e9:g} GB/s cannot be used; choose a number above 0.")
    share_of(config.train.batch_size, num_processes)
    with simulated_process_group(num_processes) as traffic:
        return _estimate(config, traffic, num_processes, link)


def _estimate(
    config: RunConfig, traffic: CollectiveTraffic, num_processes: int, link: float
) -> TrainingEstimate:
    device = choose_device(config.train.device)
    config = resolve_precision(config, device)
    dataset = open_dataset(config.data)
    method_class = find_method(config.method)
    rows = trained_rows(config, method_class, dataset.train)
    config = fit_to_data(config, method_class, dataset, rows, world())
    check_trainable(config, dataset, rows)
    method = make_method(config, dataset.spec).to(device).train()
    state = TrainState(method, config.train.ema_decay)
    batches = Batches(dataset.train, config.train.seed, device, rows)
    play = Trainer(state, batches, config.train)
    phases: list[dict[str, int]] = []
    seconds, num_steps = 0.0, 0
    for begin, share in _phases(play):
        counts, times = _measure(play, begin, traffic)
        phases.append(counts)
        seconds += share * (median(times) + counts["sent"] / link)
        num_steps += len(times)
    networks = [name for player in method.players for name in player.networks]
    optimizers = (values for each in state.optimizers.values() for values in each.state.values())
    moments = (value for values in optimizers for value in values.values())
    about = hardware(device)
    return TrainingEstimate(
        num_processes=num_processes,
        num_parameters={name: count_parameters(method.get_submodule(name)) for name in networks},
        parameters=_bytes(method.state_dict().values()),
        optimizer=_bytes(m for m in moments if isinstance(m, Tensor) and m.ndim > 0),
        ema=_bytes(state.ema.module.state_dict().values()) if state.ema else 0,
        data=batches.values.nbytes,
        num_images=play.total_images,
        images_per_second=play.images_per_iteration / seconds,
        link=link,
        device=about["gpu"] or f"{about['processor']}, threads: {torch.get_num_threads()}",
        precision=config.train.precision,
        num_steps=num_steps,
        **{name: max(counts[name] for counts in phases) for name in phases[0]},
    )


def _phases(play: Trainer) -> list[tuple[int, float]]:
    """The parts of training in which the same players move: images seen before, and share."""
    ends = {end for player in play.players.values() for end in player.schedule_window}
    batch, total = play.settings.batch_size, play.total_images
    marks = {0, *(math.ceil(end * play.planned_images / batch) * batch for end in ends)}
    bounds = [*sorted(mark for mark in marks if mark < total), total]
    return [(begin, (end - begin) / total) for begin, end in pairwise(bounds)]


def _measure(
    play: Trainer, begin: int, traffic: CollectiveTraffic
) -> tuple[dict[str, int], list[float]]:
    """Plays some iterations of the part of training that begins after `begin` images.

    Returns fields of `TrainingEstimate` for that part, and the seconds of each iteration.
    """
    method = play.state.method
    play.state.images_seen = begin
    sizes = {p.name: _bytes(method.player_parameters(p).values()) for p in method.players}
    turns = [[name for name in turn if play.is_active(name)] for turn in method.turns]
    play.run_iteration()  # allocates the optimisers' states
    traffic.messages = traffic.sent = 0
    with saved_bytes() as saved:
        play.run_iteration()
    counts = {
        "gradients": max(sum(sizes[name] for name in turn) for turn in turns),
        "activations": saved.most,
        "sent": traffic.sent,
        "num_messages": traffic.messages,
        "step": allocated_bytes(play.run_iteration, play.device),
    }
    return counts, _timed(play)


def _timed(play: Trainer) -> list[float]:
    """Seconds of each iteration; fewer iterations where they are long."""
    seconds: list[float] = []
    for number in range(WARM_UP + NUM_STEPS):
        started = perf_counter()
        play.run_iteration()
        if play.device.type == "cuda":
            torch.cuda.synchronize(play.device)
        if number >= WARM_UP or perf_counter() - started > MOST_SECONDS / 4:
            seconds.append(perf_counter() - started)
        if sum(seconds) > MOST_SECONDS:
            break
    return seconds


def estimate_rows(found: TrainingEstimate) -> list[tuple[str, str]]:
    """The rows of a table that shows an estimate."""
    networks = ", ".join(f"{name} {count:,}" for name, count in found.num_parameters.items())
    each = " on each process" if found.num_processes > 1 else ""
    ram = physical_memory()
    rows = {
        "parameters": f"{sum(found.num_parameters.values()):,} ({networks})",
        "memory": (
            f"{_size(found.memory)}{each}: parameters {_size(found.parameters)}, optimizer"
            f" {_size(found.optimizer)}, EMA {_size(found.ema)}, peak of a step {_size(found.step)}"
            f" (gradients {_size(found.gradients)}, activations {_size(found.activations)})"
        ),
        "data": _size(found.data) + (f" of {_size(ram)} RAM" if math.isfinite(ram) else ""),
        "rate": (
            f"{found.images_per_second:,.0f} images/s on {found.device} in {found.precision}, "
            f"median of {found.num_steps} iterations"
        ),
    }
    if found.num_processes > 1:
        rows["traffic"] = (
            f"{_size(found.sent)} in {found.num_messages:,} messages from each of"
            f" {found.num_processes} processes in an iteration, at {found.link / 1e9:g} GB/s"
            " (assumed)"
        )
    rows["time"] = f"{duration(found.seconds)} for {found.num_images:,} images"
    return list(rows.items())


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _size(count: float) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
