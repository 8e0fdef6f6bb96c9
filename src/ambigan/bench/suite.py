"""The contestants, timed in turn, repeat by repeat, so that a machine that slows down slows all."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch

from ..core.settings import override
from ..core.spec import DataSpec
from ..core.version import __version__
from ..data import Batches, Split
from ..engine.capture import TurnGraph
from ..engine.config import choose_device
from ..engine.state import TrainState
from ..engine.step import TURNS_BEFORE_CAPTURE, Play
from ..evaluation.results import hardware
from ..presets import find_preset
from ..training import make_method
from .counts import step_bytes, step_flops
from .profile import shares_of
from .textbook import BATCH, WIDTH, textbook_step

NUM_EXAMPLES = 60_000
TEXTBOOK = "textbook loop, fp32"
PROFILED = "ours with average"
SIZE = 2048  # of the square product that stands for the machine's rate
NUM_TOGETHER = 3
COPIED = 1 << 28  # bytes

Work = Callable[[], object]


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
    """

    name: str
    work: Work
    steps: int = 1
    precision: str = "fp32"
    bytes: float = 0.0
    is_ours: bool = False


def run_suite(
    device: str = "auto",
    *,
    repeats: int = 9,
    steps: int = 10,
    tell: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Times BiGAN's step on MNIST's shape and returns medians, ratios and the hardware.

    Random bytes stand for images: the arithmetic is the same, and no data set is needed.

    Args:
        device: as in `train.device`.
        repeats: rounds in which everything is timed once.
        steps: units in a round.
        tell: told what is done, one line each.
    """
    where = choose_device(device)
    contestants = _contestants(where)
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        tell(f"warming up: {contestant.name}")
        _timed(contestant.work, TURNS_BEFORE_CAPTURE + 2, where)
    for number in range(repeats):
        tell(f"round {number + 1} of {repeats}")
        for contestant in contestants:
            taken = _timed(contestant.work, steps, where) / contestant.steps
            seconds[contestant.name].append(taken)
    found = _record(contestants, seconds, where, repeats, steps)
    if where.type == "cpu":
        tell("profiling")
        found["profile"] = {
            c.precision: shares_of(c.work) for c in contestants if c.name.startswith(PROFILED)
        }
    return found


def _contestants(device: torch.device) -> list[Contestant]:
    torch.manual_seed(0)
    images = torch.randint(256, (NUM_EXAMPLES, 1, 28, 28), dtype=torch.uint8, device=device)
    found = [
        Contestant(TEXTBOOK, textbook_step(images)),
        Contestant("textbook loop, one forward, fp32", textbook_step(images, share_forward=True)),
        Contestant("textbook loop, bf16", textbook_step(images, autocast=True), 1, "bf16"),
    ]
    for precision in ("fp32", "bf16"):
        found += _ours(images, precision)
    return found + _rates(device)


def _ours(images: torch.Tensor, precision: str) -> list[Contestant]:
    def contestant(name: str, work: Work, num: int = 1, *, average: bool = False) -> Contestant:
        moved = step_bytes(bf16=precision == "bf16", average=average)
        return Contestant(f"ours{name}, {precision}", work, num, precision, moved, True)

    found = [
        contestant("", _play(images, precision, average=False)),
        contestant(" with average (EMA)", _play(images, precision, average=True), average=True),
    ]
    if images.device.type == "cuda":
        captured = _play(images, precision, average=True, captured=True)
        found.append(contestant(" captured, with average", captured, average=True))
        together = _together(images, precision)
        name = f" captured, {NUM_TOGETHER} runs side by side"
        found.append(contestant(name, together, NUM_TOGETHER, average=True))
    return found


def _play(
    images: torch.Tensor, precision: str, *, average: bool, captured: bool = False, seed: int = 0
) -> Work:
    """One iteration of the engine with the preset `official`."""
    decay = "0.999" if average else "0"
    changes = {"train.precision": precision, "train.ema_decay": decay, "train.seed": str(seed)}
    config = override(find_preset("bigan", "official"), changes)
    method = make_method(config, DataSpec("images", (1, 28, 28), bounded=True))
    state = TrainState(method.to(images.device).train(), config.train.ema_decay)
    batches = Batches(Split(images, None), seed, images.device)
    return Play(state, batches, config.train, TurnGraph if captured else None).iterate


def _together(images: torch.Tensor, precision: str) -> Work:
    """Runs on streams of their own, an iteration of each in turn, as `train_together` has them."""
    runs = [
        _play(images, precision, average=True, captured=True, seed=n) for n in range(NUM_TOGETHER)
    ]
    streams = [torch.cuda.Stream(images.device) for _ in runs]

    def work() -> None:
        for run, stream in zip(runs, streams, strict=True):
            with torch.cuda.stream(stream):
                run()

    return work


def _rates(device: torch.device) -> list[Contestant]:
    """The machine's own: square products, the step's products alone and stacked, and copies."""
    found: list[Contestant] = []
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(SIZE, SIZE, device=device).to(dtype) for _ in range(2))
        x = torch.randn(NUM_TOGETHER, BATCH, WIDTH, device=device).to(dtype)
        w = torch.randn(NUM_TOGETHER, WIDTH, WIDTH, device=device).to(dtype)
        found += [
            Contestant(f"product, {name}", lambda a=a, b=b: a @ b),
            Contestant(f"layer, {name}", lambda x=x, w=w: _one_by_one(x, w), NUM_TOGETHER),
            Contestant(f"layer, stacked, {name}", lambda x=x, w=w: x @ w, NUM_TOGETHER),
        ]
    source = torch.empty(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return [*found, Contestant("copy", lambda: target.copy_(source))]


def _one_by_one(x: torch.Tensor, w: torch.Tensor) -> None:
    for index in range(len(x)):
        _ = x[index] @ w[index]


def _timed(work: Work, count: int, device: torch.device) -> float:
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
    contestants: list[Contestant],
    seconds: dict[str, list[float]],
    device: torch.device,
    repeats: int,
    steps: int,
) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rate = {kind: 2 * SIZE**3 / medians[f"product, {kind}"] for kind in ("fp32", "bf16")}
    copied = 2 * COPIED / medians["copy"]
    is_step = [c for c in contestants if c.is_ours or c.name.startswith("textbook")]
    return {
        "ambigan": __version__,
        "torch": str(torch.__version__),
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "steps": steps,
        "step_gflop": round(step_flops() / 1e9, 2),
        "product_gflops": {kind: round(value / 1e9) for kind, value in rate.items()},
        "layer_gflops": {
            kind: round(2 * BATCH * WIDTH**2 / medians[f"layer, {kind}"] / 1e9)
            for kind in ("fp32", "bf16")
        },
        "copy_gbytes_per_second": round(copied / 1e9, 1),
        "stacking_speedup": {
            kind: round(medians[f"layer, {kind}"] / medians[f"layer, stacked, {kind}"], 2)
            for kind in ("fp32", "bf16")
        },
        "rows": [_row(c, seconds, rate, copied) for c in is_step],
    }


def _row(
    contestant: Contestant,
    seconds: dict[str, list[float]],
    rate: dict[str, float],
    copied: float,
) -> dict[str, Any]:
    ours, textbook = seconds[contestant.name], seconds[TEXTBOOK]
    median = statistics.median(ours)
    fraction = step_flops() / median / rate[contestant.precision]
    return {
        "name": contestant.name,
        "milliseconds": round(1e3 * median, 3),
        "lowest": round(1e3 * min(ours), 3),
        "highest": round(1e3 * max(ours), 3),
        "speedup": round(statistics.median(t / o for t, o in zip(textbook, ours, strict=True)), 2),
        "product_fraction": round(fraction, 2) if contestant.is_ours else None,
        "copy_fraction": (
            round(contestant.bytes / copied / median, 2) if contestant.bytes else None
        ),
        "images_per_second": round(BATCH / median),
    }
