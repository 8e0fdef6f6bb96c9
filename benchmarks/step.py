"""Steps per second of BiGAN on MNIST's shape, side by side in one run.

    python benchmarks/step.py [--repeats 9] [--steps 10] [--out results/step.json]

Four contestants play in turn, repeat by repeat, so that a machine that slows down slows all:

- textbook: what a tutorial writes. D's update on detached pairs, then G's and E's update with its
  own forward, `loss.backward()` for both, torch's Adam as it comes, fp32.
- textbook, one forward: the same, but G(z) and E(x) are computed once and shared.
- ours, fp32 and bf16: the engine's step.

The fraction of the machine's own rate compares the step's matrix products (counted below) with a
large square product of the same format, timed in the same rounds. Random bytes stand for images:
the arithmetic is the same and no data set is needed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ambigan.core.settings import override
from ambigan.core.spec import DataSpec
from ambigan.data import Batches, Split
from ambigan.engine.state import TrainState
from ambigan.engine.step import play_iteration
from ambigan.methods.bigan import BiGAN
from ambigan.presets import find_preset

BATCH, DATA, WIDTH, LATENT, EXAMPLES = 128, 784, 1024, 50, 60_000


class TextbookEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(DATA, WIDTH, bias=False)
        self.two = nn.Linear(WIDTH, WIDTH, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH, affine=False)
        self.out = nn.Linear(WIDTH, LATENT, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = F.leaky_relu(self.one(x), 0.2)
        h = F.leaky_relu(self.norm(self.two(h)), 0.2)
        return 2 * torch.sigmoid(self.out(h)) - 1


class TextbookGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(LATENT, WIDTH, bias=False)
        self.norm_one = nn.BatchNorm1d(WIDTH, affine=False)
        self.two = nn.Linear(WIDTH, WIDTH, bias=False)
        self.skip = nn.Linear(LATENT, WIDTH, bias=False)
        self.norm_two = nn.BatchNorm1d(WIDTH, affine=False)
        self.out = nn.Linear(WIDTH, DATA, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        h = F.relu(self.norm_one(self.one(z)))
        h = F.relu(self.norm_two(self.two(h) + self.skip(z)))
        return torch.sigmoid(self.out(h))


class TextbookDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(DATA, WIDTH, bias=False)
        self.two = nn.Linear(WIDTH, WIDTH, bias=False)
        self.skip = nn.Linear(LATENT, WIDTH, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH, affine=False)
        self.out = nn.Linear(WIDTH, 1, bias=False)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = F.leaky_relu(self.one(x), 0.2)
        h = F.leaky_relu(self.norm(self.two(h) + self.skip(z)), 0.2)
        return self.out(h)


def textbook(images: Tensor, *, share_forward: bool) -> Callable[[], None]:
    """One step of the alternating loop of the tutorials."""
    D, G, E = TextbookDiscriminator(), TextbookGenerator(), TextbookEncoder()
    adam = {"lr": 2e-4, "betas": (0.5, 0.999), "weight_decay": 2.5e-5}
    opt_d = torch.optim.Adam(D.parameters(), **adam)
    opt_ge = torch.optim.Adam([*G.parameters(), *E.parameters()], **adam)
    loss_of = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step() -> None:
        x = images[torch.randint(EXAMPLES, (BATCH,))].float().div(255).flatten(1)
        z = torch.rand(BATCH, LATENT) * 2 - 1
        if share_forward:
            fake, code = G(z), E(x)
        else:
            with torch.no_grad():
                fake, code = G(z), E(x)
        opt_d.zero_grad()
        loss_d = loss_of(D(x, code.detach()), ones) + loss_of(D(fake.detach(), z), zeros)
        loss_d.backward()
        opt_d.step()
        if not share_forward:
            fake, code = G(z), E(x)
        opt_ge.zero_grad()
        loss_ge = loss_of(D(x, code), zeros) + loss_of(D(fake, z), ones)
        loss_ge.backward()
        opt_ge.step()

    return step


def ours(images: Tensor, **changes: str) -> Callable[[], None]:
    """One iteration of the engine with the preset `official`."""
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    config = override(find_preset("bigan", "official"), changed)
    method = BiGAN(config.settings, DataSpec("images", (1, 28, 28), bounded=True)).train()
    state = TrainState(method, config.train.ema_decay)
    batches = Batches(Split(images.unsqueeze(1), None), seed=0)
    return lambda: play_iteration(state, batches, config.train)


def product(dtype: torch.dtype, size: int = 1024) -> Callable[[], None]:
    """One square matrix product of the asked format."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    return lambda: (a @ b, None)[1]


def step_flops() -> float:
    """Floating-point operations in the matrix products of one of our steps.

    Forward of E, G and twice D; for D's loss the weight gradients and, inside D, the input
    gradients of both pairs; for G's and E's loss D's input gradients again, then weight and input
    gradients of G and E, less the input gradient of x and z, which nobody needs.
    """
    skip = LATENT * WIDTH
    d_first, d_rest = DATA * WIDTH, WIDTH * WIDTH + skip + WIDTH
    e_first, e_rest = DATA * WIDTH, WIDTH * WIDTH + WIDTH * LATENT
    g_first, g_rest = LATENT * WIDTH, WIDTH * WIDTH + WIDTH * DATA
    forward = 2 * (d_first + d_rest) + e_first + e_rest + g_first + g_rest + skip
    d_loss = 2 * (d_first + d_rest) + 2 * (WIDTH * WIDTH + WIDTH)
    ge_through_d = 2 * (WIDTH * WIDTH + WIDTH) + d_first + skip
    ge = (e_first + 2 * e_rest) + (g_first + 2 * g_rest) + skip
    return 2.0 * BATCH * (forward + d_loss + ge_through_d + ge)


def timed(work: Callable[[], None], steps: int) -> float:
    """Seconds a step, over a block of steps."""
    started = perf_counter()
    for _ in range(steps):
        work()
    return (perf_counter() - started) / steps


def measure(repeats: int, steps: int) -> dict[str, object]:
    """Medians of interleaved repeats, and their ratios."""
    images = torch.randint(256, (EXAMPLES, 28, 28), dtype=torch.uint8)
    contestants: dict[str, Callable[[], None]] = {
        "textbook": textbook(images, share_forward=False),
        "textbook, one forward": textbook(images, share_forward=True),
        "ours fp32": ours(images, train__ema_decay="0"),
        "ours fp32 with EMA": ours(images),
        "ours bf16": ours(images, train__precision="bf16", train__ema_decay="0"),
        "ours bf16 with EMA": ours(images, train__precision="bf16"),
        "product fp32": product(torch.float32),
        "product bf16": product(torch.bfloat16),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for work in contestants.values():
        timed(work, 3)
    for _ in range(repeats):
        for name, work in contestants.items():
            seconds[name].append(timed(work, steps))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    rates = {kind: 2 * 1024**3 / medians[f"product {kind}"] for kind in ("fp32", "bf16")}
    return {
        "milliseconds": {n: round(1e3 * v, 2) for n, v in medians.items() if "product" not in n},
        "speedup_over_textbook": {
            name: round(medians["textbook"] / value, 2)
            for name, value in medians.items()
            if "product" not in name
        },
        "speedup_pairwise": {
            name: round(
                statistics.median(
                    t / o for t, o in zip(seconds["textbook"], seconds[name], strict=True)
                ),
                2,
            )
            for name in ("ours fp32", "ours bf16")
        },
        "product_gflops": {kind: round(rate / 1e9) for kind, rate in rates.items()},
        "fraction_of_product_rate": {
            kind: round(step_flops() / medians[f"ours {kind}"] / rate, 2)
            for kind, rate in rates.items()
        },
        "step_gflop": round(step_flops() / 1e9, 2),
        "repeats": repeats,
        "steps": steps,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "processor": platform.processor() or platform.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--out", type=Path)
    flags = parser.parse_args()
    found = measure(flags.repeats, flags.steps)
    text = json.dumps(found, indent=2)
    print(text)
    if flags.out:
        flags.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
