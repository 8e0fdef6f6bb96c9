"""What `train --plan` says, beside the run it plans.

    python benchmarks/plan_against_run.py --out results/plan-against-run.json

For each configuration, by turns and in several rounds, since a machine's speed drifts: the plan's
seconds for an image, and those of a training of the same settings from its first batch to its last,
without saving. Then, once, the plan's peak memory beside what torch's profiler hears of every
allocation in an iteration (on CUDA: what its allocator counts).
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ambigan.core.files import write_json
from ambigan.core.settings import override
from ambigan.data import Batches, open_dataset
from ambigan.engine.config import RunConfig, choose_device, resolve_precision
from ambigan.engine.log_writers import read_lines
from ambigan.engine.train_state import TrainState
from ambigan.engine.trainer import Trainer
from ambigan.estimate.memory import allocated_bytes
from ambigan.estimate.training_cost import estimate_training
from ambigan.evaluation.provenance import hardware
from ambigan.presets import find_preset
from ambigan.training import make_method, train

CONFIGURATIONS: dict[str, tuple[str, str, dict[str, str]]] = {
    "bigan official, digits": ("bigan", "official", {"data.source": "digits"}),
    "bigan images, 32x32": ("bigan", "images", {}),
    "gan images, 32x32": ("gan", "images", {}),
    "bigbigan images, 32x32": ("bigbigan", "images", {}),
    "structural images, 32x32": ("structural", "images", {}),
}
"""Those of 32x32 learn CIFAR-10."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=2000, help="in a training, of all turns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", default="", help="configurations whose name holds this")
    parser.add_argument("--out", type=Path)
    flags = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("configuration                  time of the run / of the plan   memory heard / planned")
    for name, (method, preset, changes) in CONFIGURATIONS.items():
        if flags.only in name:
            config = override(find_preset(method, preset), {**changes, **_short(flags)})
            config = resolve_precision(config, choose_device(flags.device))
            row = {"configuration": name, **compare(config, flags.images, flags.rounds)}
            rows.append(row)
            print(f"{name:30} {row['time']:20.2f} {row['memory']:30.2f}", flush=True)
    if flags.out:
        machine = hardware(choose_device(flags.device))
        torch_ = torch.__version__
        write_json(flags.out, {"rows": rows, "hardware": machine, "torch": torch_})


def _short(flags: argparse.Namespace) -> dict[str, str]:
    return {
        "data.max_train": "1500",
        "train.device": flags.device,
        "train.log_every": "1",
        "train.diagnose_every": "1000000",  # a plan is of training alone: no looks, no checkpoints
        "train.checkpoint_every": "1000000",
        "train.statistics_batches": "0",
    }


def compare(config: RunConfig, num_images: int, rounds: int) -> dict[str, Any]:
    """One configuration: ratios of what is and what was planned, and both."""
    epochs = max(1, round(num_images / 1500))
    short = replace(config, train=replace(config.train, epochs=epochs))
    pairs = [(estimate_training(config), _seconds_per_image(short)) for _ in range(rounds)]
    found, runs = [plan for plan, _ in pairs], [seconds for _, seconds in pairs]
    planned = [1 / each.images_per_second for each in found]
    heard, memory = _heard(config), found[0].memory - found[0].step
    return {
        "time": median(run / plan for run, plan in zip(runs, planned, strict=True)),
        "memory": (memory + heard) / found[0].memory,
        "seconds_per_image": median(runs),
        "planned_seconds_per_image": median(planned),
        "bytes": memory + heard,
        "planned_bytes": found[0].memory,
        "precision": config.train.precision,
    }


def _seconds_per_image(config: RunConfig) -> float:
    """Of a training, but for its first two iterations, in which memory is found."""
    with tempfile.TemporaryDirectory() as folder:
        lines = read_lines(train(config, Path(folder) / "run").timing_file)
    images = lines[-1]["images_seen"] - lines[1]["images_seen"]
    return sum(line["seconds"] for line in lines[2:]) / images


def _heard(config: RunConfig) -> int:
    """Bytes that come and go in an iteration, at their most, as the allocator tells."""
    device, dataset = choose_device(config.train.device), open_dataset(config.data)
    method = make_method(config, dataset.spec).to(device).train()
    state = TrainState(method, config.train.ema_decay)
    play = Trainer(state, Batches(dataset.train, config.train.seed, device), config.train)
    play.run_iteration()
    return allocated_bytes(play.run_iteration, device)


if __name__ == "__main__":
    main()
