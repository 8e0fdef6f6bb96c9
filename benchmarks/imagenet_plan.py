"""What BigBiGAN on ImageNet would take on N GPUs, counted without running it.

    python benchmarks/imagenet_plan.py --preset revnet --out results/imagenet-plan/revnet.json

The networks of a preset, at their true size, go through one turn of each kind on tensors without
memory, that know their shapes alone, as one of several processes. Counted are the products of a
turn, forward and backward, messages, and the bytes of all tensors at their most. Time and cost
follow from assumptions, which are arguments and stand in the output: nothing here is measured on a
GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ambigan.core.data_spec import DataSpec
from ambigan.core.distributed import average_
from ambigan.core.files import write_json
from ambigan.engine.train_step import compute_gradients, set_requires_grad
from ambigan.estimate.simulated_process_group import simulated_process_group
from ambigan.game import Batch, Method
from ambigan.methods.bigbigan import BigBiGAN
from ambigan.networks import biggan, heads, resnet50
from ambigan.networks.layers import spectral_norm as spectral
from ambigan.presets import find_preset
from live_memory import LiveMemory
from step.matmul import MatmulCounter

SPEC = DataSpec("images", (3, 256, 256), bounded=True)
GPUS = (8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class Assumed:
    """What is not counted.

    Attributes:
        tflops: of dense bf16 products on one GPU, as its vendor states.
        utilisation: share of it that training reaches.
        memory: of a GPU, GiB.
        inside: GB/s between GPUs of one machine.
        across: GB/s for each GPU between machines.
        per_machine: GPUs of one machine.
        latency: microseconds of one message among all.
        price: of a GPU for an hour, in dollars.
    """

    tflops: float = 989.0
    utilisation: float = 0.3
    memory: float = 80.0
    inside: float = 300.0
    across: float = 40.0
    per_machine: int = 8
    latency: float = 50.0
    price: float = 2.5


@dataclass(frozen=True)
class Turn:
    """One turn, counted.

    Attributes:
        players: who moves.
        flops_per_image: of all products.
        working_bytes: of tensors that come and go, at their most, by images on a process.
        gradient_bytes: that processes average.
        messages: to all others: of batch norms, forward and backward, and of the gradients.
    """

    players: tuple[str, ...]
    flops_per_image: float
    working_bytes: dict[int, int]
    gradient_bytes: int
    messages: int


class AnyNoise:
    """A stand-in for a turn's randomness."""

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="revnet", choices=("paper", "revnet"))
    parser.add_argument("--steps", type=int, default=500_000, help="of G and E")
    for name, value in asdict(Assumed()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--out", type=Path)
    flags = parser.parse_args()
    assumed = Assumed(**{name: getattr(flags, name) for name in asdict(Assumed())})
    config = find_preset("bigbigan", flags.preset)
    with weights_left_as_they_are():
        method = BigBiGAN(config.settings, SPEC).train()
    standing = standing_bytes(method)
    without_memory(method, mode := FakeTensorMode())
    sizes = [config.train.batch_size // num for num in GPUS]
    turns = [count_turn(method, turn, sizes, mode) for turn in dict.fromkeys(method.turns)]
    times = [method.turns.count(turn.players) for turn in turns]
    rows = [
        plan(num, turns, times, standing, config.train.batch_size, flags.steps, assumed)
        for num in GPUS
    ]
    print(table(rows))
    if flags.out:
        write_json(
            flags.out,
            {
                "preset": flags.preset,
                "parameters": parameters(method),
                "standing_bytes": standing,
                "turns": [asdict(turn) for turn in turns],
                "steps": flags.steps,
                "assumed": asdict(assumed),
                "torch": torch.__version__,
                "rows": rows,
            },
        )


def plan(
    num: int,
    turns: Sequence[Turn],
    times: Sequence[int],
    standing: int,
    batch_size: int,
    steps: int,
    assumed: Assumed,
) -> dict[str, Any]:
    """One line: a number of GPUs."""
    local = batch_size // num
    speed = assumed.tflops * 1e12 * assumed.utilisation
    link = 1e9 * (assumed.inside if num <= assumed.per_machine else assumed.across)
    played = list(zip(turns, times, strict=True))
    computing = sum(n * turn.flops_per_image * local / speed for turn, n in played)
    sent = sum(n * 2 * turn.gradient_bytes * (num - 1) / num for turn, n in played)
    messages = sum(n * turn.messages for turn, n in played)
    talking = sent / link + messages * assumed.latency / 1e6
    working = max(turn.working_bytes[local] for turn in turns)
    hours = steps * (computing + talking) / 3600
    return {
        "gpus": num,
        "images_each": local,
        "memory_gib": (standing + working) / 2**30,
        "fits": standing + working < 0.9 * assumed.memory * 2**30,
        "computing_s": computing,
        "gradients_gb": sent / 1e9,
        "messages": messages,
        "talking_s": talking,
        "images_per_second": batch_size * sum(times) / (computing + talking),
        "days": hours / 24,
        "cost": hours * num * assumed.price,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As Markdown."""
    head = ["GPUs", "images each", "memory, GiB", "s a step", "of it talking", "images/s"]
    head += ["days", "cost"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        step = row["computing_s"] + row["talking_s"]
        fits = "" if row["fits"] else " (too much)"
        cells = [
            f"{row['gpus']}",
            f"{row['images_each']}",
            f"{row['memory_gib']:.0f}{fits}",
            f"{step:.2f}",
            f"{row['talking_s'] / step:.0%}",
            f"{row['images_per_second']:,.0f}",
            f"{row['days']:.1f}",
            f"{row['cost']:,.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def count_turn(
    method: Method, players: tuple[str, ...], sizes: Sequence[int], mode: FakeTensorMode
) -> Turn:
    """One turn at each number of images, without memory."""
    counted = {size: _play(method, players, size, mode) for size in sizes}
    smallest = min(sizes)
    flops, _, messages = counted[smallest]
    owned = [p for name in players for p in parameters_of(method, name).values()]
    return Turn(
        players,
        flops / smallest,
        {size: most for size, (_, most, _) in counted.items()},
        sum(p.numel() * p.element_size() for p in owned),
        messages,
    )


def _play(
    method: Method, players: tuple[str, ...], size: int, mode: FakeTensorMode
) -> tuple[int, int, int]:
    """Operations of all products, bytes of tensors at their most, and messages to the others."""
    owned = set_requires_grad(method, players)
    with mode:
        x, z = torch.rand(size, *method.spec.shape), torch.randn(size, method.settings.latent_dim)
        products = MatmulCounter()
        with (
            simulated_process_group(GPUS[0]) as traffic,
            products,
            LiveMemory([*method.parameters(), *method.buffers(), x, z]) as live,
        ):
            with torch.autocast("cpu", torch.bfloat16):
                batch = Batch(x, z, AnyNoise())  # pyright: ignore[reportArgumentType]
                losses = method.losses(batch, players)
            kept = compute_gradients(owned, losses)
            average_([gradient for part in kept.values() for gradient in part])
        del kept
    return products.total, live.most, traffic.messages


def without_memory(method: Method, mode: FakeTensorMode) -> None:
    """Puts tensors that know their shapes alone in the place of weights and buffers."""
    for module in method.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(mode.from_tensor(parameter.detach()))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = mode.from_tensor(buffer)


@contextmanager
def weights_left_as_they_are() -> Generator[None]:
    """Networks are built without the minutes that orthogonal weights of their size take."""
    with (
        mock.patch.object(biggan, "init_orthogonal"),
        mock.patch.object(heads, "init_orthogonal"),
        mock.patch.object(resnet50, "init_kaiming"),
        mock.patch.object(spectral, "SETTLING", 0),
    ):
        yield


def standing_bytes(method: Method) -> int:
    """Weights and buffers, their average, and two moments of each weight."""
    state = sum(t.numel() * t.element_size() for t in method.state_dict().values())
    learned = sum(p.numel() * p.element_size() for p in method.parameters())
    return 2 * state + 2 * learned


def parameters(method: Method) -> dict[str, int]:
    """How many, by network."""
    return {
        name: sum(p.numel() for p in parameters_of(method, name).values())
        for name in ("discriminator", "generator", "encoder")
    }


def parameters_of(method: Method, player: str) -> dict[str, nn.Parameter]:
    """A player's; each has the one network of its name."""
    return dict(method.get_submodule(player).named_parameters())


if __name__ == "__main__":
    main()
