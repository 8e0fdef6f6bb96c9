"""The contestants, timed in turn, repeat by repeat, so that a machine that slows down slows all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F

from ..core.precision import usable_precisions
from ..core.version import __version__
from ..data import Batches, Split
from ..engine.config import choose_device
from ..engine.graph_capture import TurnGraph
from ..engine.train_state import TrainState, count_parameters
from ..engine.train_step import TURNS_BEFORE_CAPTURE, TrainStep
from ..estimate.memory import allocated_bytes
from ..evaluation.provenance import hardware
from ..training import make_method
from .products import count_flops
from .profile import shares_of
from .subjects import Subject, Work, find_subject

PROFILED = "ours with average"
SIZE = 2048  # of the square product that stands for the machine's rate
LAYER = (128, 1024)  # rows and width of the products of one layer
SQUARES = ("product", "convolution")
NUM_TOGETHER = 3
COPIED = 1 << 28  # bytes


@dataclass(frozen=True)
class Contestant:
    """Something that is timed.

    Attributes:
        name: in the table.
        work: one unit of it.
        steps: how many steps of one model a unit is.
        precision: of its products.
        bytes: that it moves beside its products, at the least; 0 if not counted.
        is_ours: a step of the engine.
        is_step: a step at all, and not a rate of the machine.
        is_captured: a CUDA graph's, whose memory is taken once and kept.
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
    subject: str = "bigan",
    device: str = "auto",
    *,
    repeats: int = 9,
    steps: int = 10,
    tell: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Times a game's step and returns medians, ratios and the hardware.

    Random bytes stand for images: the arithmetic is the same, and no data set is needed.

    Args:
        subject: which game; see `SUBJECTS`.
        device: as in `train.device`.
        repeats: rounds in which everything is timed once.
        steps: units in a round.
        tell: told what is done, one line each.
    """
    where = choose_device(device)
    game = find_subject(subject, where)
    precisions = usable_precisions(where)
    if "bf16" not in precisions:
        tell("bf16 is left out: it is slower than fp32 on this device")
    contestants = _contestants(game, where, precisions)
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        tell(f"warming up: {contestant.name}")
        timed(contestant.work, TURNS_BEFORE_CAPTURE + 2, where)
    for number in range(repeats):
        tell(f"round {number + 1} of {repeats}")
        for contestant in contestants:
            taken = timed(contestant.work, steps, where) / contestant.steps
            seconds[contestant.name].append(taken)
    found = _record(game, contestants, seconds, where, repeats, steps)
    if where.type == "cpu":
        tell("profiling")
        found["profile"] = {
            c.precision: shares_of(c.work, steps)
            for c in contestants
            if c.is_ours and c.name.startswith(PROFILED)
        }
    return found


def _contestants(
    game: Subject, device: torch.device, precisions: Sequence[str]
) -> list[Contestant]:
    torch.manual_seed(0)
    shape = (game.num_examples, *game.shape)
    images = torch.randint(256, shape, dtype=torch.uint8, device=device)
    found = [
        Contestant(f"{name}, {precision}", make(images), precision=precision, is_step=True)
        for (name, precision), make in game.textbooks.items()
        if precision in precisions
    ]
    for precision in precisions:
        found += _ours(game, images, precision)
    return found + _rates(device, precisions)


def _ours(game: Subject, images: torch.Tensor, precision: str) -> list[Contestant]:
    num_weights = count_parameters(make_method(game.config(), game.spec))

    def contestant(
        name: str, work: Work, num: int = 1, *, average: bool = False, captured: bool = False
    ) -> Contestant:
        moved = _step_bytes(num_weights, bf16=precision == "bf16", average=average)
        title = f"ours{name}, {precision}"
        return Contestant(title, work, num, precision, moved, True, True, captured)

    play = partial(_play, game, images, precision)
    found = [
        contestant("", play(average=False)),
        contestant(" with average (EMA)", play(average=True), average=True),
    ]
    if images.device.type == "cuda":
        alone = play(average=True, captured=True)
        found.append(contestant(" captured, with average", alone, average=True, captured=True))
        together = _together(game, images, precision)
        name = f" captured, {NUM_TOGETHER} runs side by side"
        found.append(contestant(name, together, NUM_TOGETHER, average=True, captured=True))
    return found


def _step_bytes(num_weights: int, *, bf16: bool, average: bool) -> float:
    """Bytes that a step moves beside its products, at the least.

    Per weight the fused optimiser reads the weight, its gradient and two moments and writes all
    but the gradient (28); autocast reads a weight to round it and widens its gradient (12); the
    average is read, written and reads the weight (12). Activations are not counted.
    """
    return float(num_weights) * (28 + 12 * bf16 + 12 * average)


def _play(
    game: Subject,
    images: torch.Tensor,
    precision: str,
    *,
    average: bool,
    captured: bool = False,
    seed: int = 0,
) -> Work:
    """One iteration of the engine."""
    decay = "0.999" if average else "0"
    config = game.config(precision=precision, ema_decay=decay, seed=str(seed))
    method = make_method(config, game.spec)
    state = TrainState(method.to(images.device).train(), config.train.ema_decay)
    batches = Batches(Split(images, None), seed, images.device)
    return TrainStep(state, batches, config.train, TurnGraph if captured else None).run_iteration


def _together(game: Subject, images: torch.Tensor, precision: str) -> Work:
    """Runs on streams of their own, an iteration of each in turn, as `train_together` has them."""
    runs = [
        _play(game, images, precision, average=True, captured=True, seed=n)
        for n in range(NUM_TOGETHER)
    ]
    streams = [torch.cuda.Stream(images.device) for _ in runs]

    def work() -> None:
        for run, stream in zip(runs, streams, strict=True):
            with torch.cuda.stream(stream):
                run()

    return work


def _rates(device: torch.device, precisions: Sequence[str]) -> list[Contestant]:
    """The machine's own: square products, a layer's products alone and stacked, and copies.

    The square product is also asked for as a convolution by 1x1 kernels: on a CPU torch has the
    two done by two libraries, either of which may be the faster one on a given processor.
    """
    found: list[Contestant] = []
    for name in precisions:
        dtype = torch.bfloat16 if name == "bf16" else torch.float32
        a, b = (torch.randn(SIZE, SIZE, device=device).to(dtype) for _ in range(2))
        image = a.t().reshape(1, SIZE, SIZE, 1).to(memory_format=torch.channels_last)
        kernels = b.t().reshape(SIZE, SIZE, 1, 1)
        x = torch.randn(NUM_TOGETHER, *LAYER, device=device).to(dtype)
        w = torch.randn(NUM_TOGETHER, LAYER[1], LAYER[1], device=device).to(dtype)
        found += [
            Contestant(f"product, {name}", lambda a=a, b=b: a @ b),
            Contestant(f"convolution, {name}", lambda i=image, k=kernels: F.conv2d(i, k)),
            Contestant(f"layer, {name}", lambda x=x, w=w: _one_by_one(x, w), NUM_TOGETHER),
            Contestant(f"layer, stacked, {name}", lambda x=x, w=w: x @ w, NUM_TOGETHER),
        ]
    source = torch.empty(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return [*found, Contestant("copy", lambda: target.copy_(source))]


def _one_by_one(x: torch.Tensor, w: torch.Tensor) -> None:
    for index in range(len(x)):
        _ = x[index] @ w[index]


def timed(work: Work, count: int, device: torch.device) -> float:
    """Seconds for one unit, over a block of them."""
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
    game: Subject,
    contestants: list[Contestant],
    seconds: dict[str, list[float]],
    device: torch.device,
    repeats: int,
    steps: int,
) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    kinds = tuple(dict.fromkeys(c.precision for c in contestants if c.is_step))
    rate = {kind: max(_rate(medians, work, kind) for work in SQUARES) for kind in kinds}
    copied = 2 * COPIED / medians["copy"]
    flops = count_flops(next(contestant.work for contestant in contestants if contestant.is_ours))
    steps_only = [c for c in contestants if c.is_step]
    batch = game.config().train.batch_size
    return {
        "game": game.name,
        "title": game.title,
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
    """Operations per second of the square product."""
    return 2 * SIZE**3 / medians[f"{work}, {kind}"]


def _row(contestant: Contestant, ours: list[float], textbook: list[float]) -> dict[str, Any]:
    return {
        "name": contestant.name,
        "milliseconds": round(1e3 * statistics.median(ours), 3),
        "lowest": round(1e3 * min(ours), 3),
        "highest": round(1e3 * max(ours), 3),
        "speedup": round(statistics.median(t / o for t, o in zip(textbook, ours, strict=True)), 2),
    }


def _working_mib(work: Work, device: torch.device) -> int:
    """Memory that a step takes beside what is there before it."""
    return round(allocated_bytes(work, device) / 2**20)


def _fractions(
    contestant: Contestant, median: float, flops: int, rate: float, copied: float
) -> dict[str, float | None]:
    """What our step reaches of the machine's rates."""
    if not contestant.is_ours:
        return {"product_fraction": None, "copy_fraction": None}
    return {
        "product_fraction": float(f"{flops / median / rate:.2g}"),
        "copy_fraction": round(contestant.bytes / copied / median, 2),
    }
