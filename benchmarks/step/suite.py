"""Times a training step next to the textbook loop of the same game and the machine's own rates.

All benchmarks run in turn within each round, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F

from ambigan.core.precision import usable_precisions
from ambigan.core.version import __version__
from ambigan.data import Batches, Split
from ambigan.engine.config import choose_device
from ambigan.engine.graph_capture import TURNS_BEFORE_CAPTURE, TurnGraph
from ambigan.engine.train_state import TrainState, count_parameters
from ambigan.engine.trainer import Trainer
from ambigan.estimate.memory import allocated_bytes
from ambigan.evaluation.provenance import hardware
from ambigan.training import make_method

from .configs import StepConfig, Work, find_config
from .matmul import count_flops
from .operator_profile import time_shares

logger = logging.getLogger(__name__)

PROFILED = "ours with average"
SIZE = 2048
"""Side of the square matrix product that measures the machine's rate."""

LAYER = (128, 1024)
"""Rows and width of the matrix products of one layer."""

SQUARES = ("product", "convolution")
NUM_SIDE_BY_SIDE = 3
COPIED_BYTES = 1 << 28


@dataclass(frozen=True)
class Benchmark:
    """Something that is timed.

    Attributes:
        name: the name in the table.
        work: a function that does one unit of the work.
        steps: the number of steps of one model in a unit.
        precision: the precision of matrix products, `fp32` or `bf16`.
        bytes: the least number of bytes moved outside matrix products; 0 if not counted.
        is_ours: whether it is a step of the engine.
        is_step: whether it is a training step, and not a rate of the machine.
        is_captured: whether it is a CUDA graph, which allocates its memory once and keeps it.
    """

    name: str
    work: Work
    steps: int = 1
    precision: str = "fp32"
    bytes: float = 0.0
    is_ours: bool = False
    is_step: bool = False
    is_captured: bool = False


def run_suite(
    game: str = "bigan",
    device: str = "auto",
    *,
    repeats: int = 9,
    steps: int = 10,
) -> dict[str, Any]:
    """Times a training step and returns medians, ratios and the hardware.

    Random bytes stand for images: the arithmetic is the same, and no data set is needed.

    Args:
        game: the name of the game; see `CONFIGS`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        repeats: the number of rounds; every benchmark is timed once in each.
        steps: the number of units of work in a round.
    """
    where = choose_device(device)
    config = find_config(game, where)
    precisions = usable_precisions(where)
    if "bf16" not in precisions:
        logger.info("bf16 is left out: this device has no instructions for it")
    benchmarks = _benchmarks(config, where, precisions)
    seconds: dict[str, list[float]] = {benchmark.name: [] for benchmark in benchmarks}
    for benchmark in benchmarks:
        logger.info(f"warming up: {benchmark.name}")
        timed(benchmark.work, TURNS_BEFORE_CAPTURE + 2, where)
    for number in range(repeats):
        logger.info(f"round {number + 1} of {repeats}")
        for benchmark in benchmarks:
            taken = timed(benchmark.work, steps, where) / benchmark.steps
            seconds[benchmark.name].append(taken)
    found = _record(config, benchmarks, seconds, where, repeats, steps)
    if where.type == "cpu":
        logger.info("profiling")
        found["profile"] = {
            c.precision: time_shares(c.work, steps)
            for c in benchmarks
            if c.is_ours and c.name.startswith(PROFILED)
        }
    return found


def _benchmarks(
    config: StepConfig, device: torch.device, precisions: Sequence[str]
) -> list[Benchmark]:
    torch.manual_seed(0)
    shape = (config.num_examples, *config.shape)
    images = torch.randint(256, shape, dtype=torch.uint8, device=device)
    found = [
        Benchmark(f"{name}, {precision}", make(images), precision=precision, is_step=True)
        for (name, precision), make in config.textbooks.items()
        if precision in precisions
    ]
    for precision in precisions:
        found += _ours(config, images, precision)
    return found + _hardware_rates(device, precisions)


def _ours(config: StepConfig, images: torch.Tensor, precision: str) -> list[Benchmark]:
    num_weights = count_parameters(make_method(config.run_config(), config.spec))

    def benchmark(
        name: str, work: Work, num: int = 1, *, average: bool = False, captured: bool = False
    ) -> Benchmark:
        moved = _step_bytes(num_weights, bf16=precision == "bf16", average=average)
        title = f"ours{name}, {precision}"
        return Benchmark(title, work, num, precision, moved, True, True, captured)

    play = partial(_our_step, config, images, precision)
    found = [
        benchmark("", play(average=False)),
        benchmark(" with average (EMA)", play(average=True), average=True),
    ]
    if images.device.type == "cuda":
        alone = play(average=True, captured=True)
        found.append(benchmark(" captured, with average", alone, average=True, captured=True))
        together = _side_by_side(config, images, precision)
        name = f" captured, {NUM_SIDE_BY_SIDE} runs side by side"
        found.append(benchmark(name, together, NUM_SIDE_BY_SIDE, average=True, captured=True))
    return found


def _step_bytes(num_weights: int, *, bf16: bool, average: bool) -> float:
    """The least number of bytes that a step moves outside matrix products.

    Per weight the fused optimiser reads the weight, its gradient and two moments and writes all
    but the gradient (28); autocast reads a weight to round it and widens its gradient (12); the
    average is read, written and reads the weight (12). Activations are not counted.
    """
    return float(num_weights) * (28 + 12 * bf16 + 12 * average)


def _our_step(
    config: StepConfig,
    images: torch.Tensor,
    precision: str,
    *,
    average: bool,
    captured: bool = False,
    seed: int = 0,
) -> Work:
    """One iteration of the engine."""
    decay = "0.999" if average else "0"
    run = config.run_config(precision=precision, ema_decay=decay, seed=str(seed))
    method = make_method(run, config.spec)
    state = TrainState(method.to(images.device).train(), run.train.ema_decay)
    batches = Batches(Split(images, None), seed, images.device)
    return Trainer(state, batches, run.train, TurnGraph if captured else None).run_iteration


def _side_by_side(config: StepConfig, images: torch.Tensor, precision: str) -> Work:
    """One iteration of each of several runs, each on its own stream, as in `train_together`."""
    runs = [
        _our_step(config, images, precision, average=True, captured=True, seed=n)
        for n in range(NUM_SIDE_BY_SIDE)
    ]
    streams = [torch.cuda.Stream(images.device) for _ in runs]

    def work() -> None:
        for run, stream in zip(runs, streams, strict=True):
            with torch.cuda.stream(stream):
                run()

    return work


def _hardware_rates(device: torch.device, precisions: Sequence[str]) -> list[Benchmark]:
    """The machine's rates: square products, a layer's products alone and stacked, and copies.

    The square product is also measured as a convolution by 1x1 kernels: on a CPU, torch uses
    different libraries for the two, and either may be the faster one on a given processor.
    """
    found: list[Benchmark] = []
    for name in precisions:
        dtype = torch.bfloat16 if name == "bf16" else torch.float32
        a, b = (torch.randn(SIZE, SIZE, device=device).to(dtype) for _ in range(2))
        image = a.t().reshape(1, SIZE, SIZE, 1).to(memory_format=torch.channels_last)
        kernels = b.t().reshape(SIZE, SIZE, 1, 1)
        x = torch.randn(NUM_SIDE_BY_SIDE, *LAYER, device=device).to(dtype)
        w = torch.randn(NUM_SIDE_BY_SIDE, LAYER[1], LAYER[1], device=device).to(dtype)
        found += [
            Benchmark(f"product, {name}", lambda a=a, b=b: a @ b),
            Benchmark(f"convolution, {name}", lambda i=image, k=kernels: F.conv2d(i, k)),
            Benchmark(f"layer, {name}", lambda x=x, w=w: _one_by_one(x, w), NUM_SIDE_BY_SIDE),
            Benchmark(f"layer, stacked, {name}", lambda x=x, w=w: x @ w, NUM_SIDE_BY_SIDE),
        ]
    source = torch.empty(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return [*found, Benchmark("copy", lambda: target.copy_(source))]


def _one_by_one(x: torch.Tensor, w: torch.Tensor) -> None:
    for index in range(len(x)):
        _ = x[index] @ w[index]


def timed(work: Work, count: int, device: torch.device) -> float:
    """Seconds for one unit of work, as the mean over `count` of them."""
    _wait_for(device)
    started = perf_counter()
    for _ in range(count):
        work()
    _wait_for(device)
    return (perf_counter() - started) / count


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _record(
    config: StepConfig,
    benchmarks: list[Benchmark],
    seconds: dict[str, list[float]],
    device: torch.device,
    repeats: int,
    steps: int,
) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    kinds = tuple(dict.fromkeys(c.precision for c in benchmarks if c.is_step))
    rate = {kind: max(_rate(medians, work, kind) for work in SQUARES) for kind in kinds}
    copied = 2 * COPIED_BYTES / medians["copy"]
    flops = count_flops(next(benchmark.work for benchmark in benchmarks if benchmark.is_ours))
    steps_only = [c for c in benchmarks if c.is_step]
    batch = config.run_config().train.batch_size
    return {
        "game": config.name,
        "title": config.title,
        "ambigan": __version__,
        "torch": str(torch.__version__),
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "steps": steps,
        "step_gflop": round(flops / 1e9, 2),
        "product_gflops": {kind: round(value / 1e9) for kind, value in rate.items()},
        "squares_gflops": {
            work: {kind: round(_rate(medians, work, kind) / 1e9) for kind in rate}
            for work in SQUARES
        },
        "layer_gflops": {
            kind: round(2 * LAYER[0] * LAYER[1] ** 2 / medians[f"layer, {kind}"] / 1e9)
            for kind in kinds
        },
        "copy_gbytes_per_second": round(copied / 1e9, 1),
        "stacking_speedup": {
            kind: round(medians[f"layer, {kind}"] / medians[f"layer, stacked, {kind}"], 2)
            for kind in kinds
        },
        "rows": [
            _row(c, seconds[c.name], seconds[steps_only[0].name])
            | _fractions(c, medians[c.name], flops, rate[c.precision], copied)
            | {"images_per_second": round(batch / medians[c.name])}
            | {"working_mib": None if c.is_captured else _working_mib(c.work, device)}
            for c in steps_only
        ],
    }


def _rate(medians: dict[str, float], work: str, kind: str) -> float:
    """Floating-point operations per second of the square product."""
    return 2 * SIZE**3 / medians[f"{work}, {kind}"]


def _row(benchmark: Benchmark, ours: list[float], textbook: list[float]) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "milliseconds": round(1e3 * statistics.median(ours), 3),
        "lowest": round(1e3 * min(ours), 3),
        "highest": round(1e3 * max(ours), 3),
        "speedup": round(statistics.median(t / o for t, o in zip(textbook, ours, strict=True)), 2),
    }


def _working_mib(work: Work, device: torch.device) -> int:
    """Memory that a step needs on top of what is allocated before it."""
    return round(allocated_bytes(work, device) / 2**20)


def _fractions(
    benchmark: Benchmark, median: float, flops: int, rate: float, copied: float
) -> dict[str, float | None]:
    """The fraction of the machine's rates that our step reaches."""
    if not benchmark.is_ours:
        return {"product_fraction": None, "copy_fraction": None}
    return {
        "product_fraction": float(f"{flops / median / rate:.2g}"),
        "copy_fraction": round(benchmark.bytes / copied / median, 2),
    }
