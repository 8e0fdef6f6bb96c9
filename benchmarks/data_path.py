"""The data path in numbers: preparing pictures, and how little drawing them costs a step.

    python benchmarks/data_path.py prepare FOLDER --size 64 --out results/data-path.json
    python benchmarks/data_path.py step bigan --preset images --data packed:OUT --out ...

`prepare` packs a folder of pictures, and beside it a plain loop over Pillow makes the same array in
memory: open, convert, resize and crop, into its place. `step` plays turns on batches that are
gathered and augmented, and on one batch that is always the same. The two take turns within each
round, since a machine's speed drifts, and the ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from ambigan.core.files import write_json
from ambigan.core.randomness import Randomness
from ambigan.core.settings import override
from ambigan.data import (
    Batches,
    Dataset,
    DataSettings,
    find_image_source,
    open_dataset,
    prepare_images,
)
from ambigan.engine.config import RunConfig, choose_device, resolve_precision
from ambigan.engine.train_state import TrainState
from ambigan.engine.trainer import Trainer
from ambigan.presets import find_preset
from ambigan.training import make_method


class FixedBatches(Batches):
    """Draws the same batch again and again, as it was drawn first."""

    fixed: torch.Tensor | None = None

    def gather(self, indices: torch.Tensor, noise: Randomness | None = None) -> torch.Tensor:
        if self.fixed is None:
            self.fixed = super().gather(indices, noise)
        return self.fixed


def plain_loop(paths: list[Path], side: int) -> np.ndarray[Any, Any]:
    """What one would write: each picture in turn, into an array."""
    images = np.empty((len(paths), 3, side, side), np.uint8)
    for place, path in enumerate(paths):
        with Image.open(path) as opened:
            image = ImageOps.fit(opened.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        images[place] = np.asarray(image).transpose(2, 0, 1)
    return images


def measure_preparation(folder: Path, side: int, repeats: int) -> dict[str, Any]:
    settings = DataSettings(f"folder:{folder}", size=(side, side))
    gallery = find_image_source(settings)
    paths = [path for path in map(gallery.content, range(gallery.length)) if isinstance(path, Path)]
    rates: dict[str, list[float]] = {"plain": [], "prepare": []}
    busy: dict[str, list[float]] = {"plain": [], "prepare": []}
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        out = Path(temporary) / "out"
        plain_loop(paths, side)  # so that neither has to wait for the disk
        for _ in range(repeats):
            for name, work in (
                ("plain", lambda: plain_loop(paths, side)),
                ("prepare", lambda: prepare_images(settings, gallery, out)),
            ):
                started = time.process_time()
                rates[name].append(len(paths) / seconds(work))
                busy[name].append(len(paths) / (time.process_time() - started))
            shutil.rmtree(out)
    return {
        "pictures": len(paths),
        "megabytes": round(sum(path.stat().st_size for path in paths) / 1e6, 1),
        "side": side,
        "rounds": repeats,
        "images_per_second": {name: round(median(all_), 1) for name, all_ in rates.items()},
        "ratio": median_ratio(rates["prepare"], rates["plain"]),
        # On a machine that others use, what a core does in a second of its time says more.
        "images_per_cpu_second": {name: round(median(all_), 1) for name, all_ in busy.items()},
        "cores_had": {
            name: round(median(r / b for r, b in zip(rates[name], busy[name], strict=True)), 2)
            for name in rates
        },
    }


def measure_steps(config: RunConfig, steps: int, repeats: int) -> dict[str, Any]:
    dataset, device = open_dataset(config.data), choose_device(config.train.device)
    plays = {
        "real data": new_play(config, dataset, Batches, device),
        "one fixed batch": new_play(config, dataset, FixedBatches, device),
    }
    rates: dict[str, list[float]] = {name: [] for name in plays}
    busy: dict[str, list[float]] = {name: [] for name in plays}
    for play in plays.values():
        play_steps(play, 2, device)
    for number in range(repeats):
        for name in list(plays)[:: 1 if number % 2 else -1]:
            started = time.process_time()
            rates[name].append(steps / seconds(lambda n=name: play_steps(plays[n], steps, device)))
            busy[name].append(steps / (time.process_time() - started))
    return {
        "method": config.method,
        "preset": config.preset,
        "source": config.data.source.partition(":")[0],
        "stored": list(
            (dataset.train.values if dataset.train.stored is None else dataset.train.stored).shape
        ),
        "augmentation": {
            "crop": config.data.crop,
            "short_side": config.data.short_side,
            "flip": config.data.flip,
        },
        "batch_size": config.train.batch_size,
        "precision": config.train.precision,
        "device": str(device),
        "rounds": repeats,
        "steps_in_a_round": steps,
        "steps_per_second": {name: round(median(all_), 3) for name, all_ in rates.items()},
        "ratio": median_ratio(rates["real data"], rates["one fixed batch"]),
        "ratio_by_cpu_seconds": median_ratio(busy["real data"], busy["one fixed batch"]),
        "draw_milliseconds": round(draw_milliseconds(config, dataset, device), 2),
    }


def draw_milliseconds(config: RunConfig, dataset: Dataset, device: torch.device) -> float:
    """What one batch costs by itself: gathered, augmented and scaled."""
    batches, size = Batches(dataset.train, 0, device), config.train.batch_size
    taken: list[float] = []
    for number in range(30):
        noise = Randomness(number, device=device)
        taken.append(seconds(lambda n=number, u=noise: draw(batches, n * size, size, u)))
    return 1000 * min(taken)


def draw(batches: Batches, start: int, size: int, noise: Randomness) -> None:
    batches.gather(batches.indices(start, size), noise)
    if batches.device.type == "cuda":
        torch.cuda.synchronize(batches.device)


def new_play(
    config: RunConfig, dataset: Dataset, kind: type[Batches], device: torch.device
) -> Trainer:
    method = make_method(config, dataset.spec).to(device).train()
    batches = kind(dataset.train, config.train.seed, device)
    return Trainer(TrainState(method, config.train.ema_decay), batches, config.train)


def play_steps(play: Trainer, count: int, device: torch.device) -> None:
    for _ in range(count):
        play.run_iteration()
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    return round(median(one / other for one, other in zip(ours, theirs, strict=True)), 3)


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pillow": Image.__version__,
    }


def add(out: Path, name: str, found: dict[str, Any]) -> None:
    """Adds a measurement to those that the file holds."""
    known = json.loads(out.read_text()) if out.is_file() else {}
    write_json(out, known | {name: found | {"machine": machine()}})
    print(json.dumps(found, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    prepare, step = verbs.add_parser("prepare"), verbs.add_parser("step")
    prepare.add_argument("folder", type=Path)
    prepare.add_argument("--size", type=int, default=64)
    step.add_argument("method")
    step.add_argument("--preset")
    step.add_argument("--data", default="digits")
    step.add_argument("--set", action="append", default=[], help="a setting: data.crop=64,64")
    step.add_argument("--steps", type=int, default=10)
    for verb in (prepare, step):
        verb.add_argument("--repeats", type=int, default=7)
        verb.add_argument("--name", help="of the entry in the file")
        verb.add_argument("--out", type=Path, required=True)
    typed = parser.parse_args()
    if typed.verb == "prepare":
        found = measure_preparation(typed.folder, typed.size, typed.repeats)
    else:
        config = find_preset(typed.method, typed.preset, typed.data)
        config = replace(config, data=replace(config.data, source=typed.data))
        config = override(config, dict(item.split("=", 1) for item in typed.set))
        config = resolve_precision(config, choose_device(config.train.device))
        found = measure_steps(config, typed.steps, typed.repeats)
    add(typed.out, typed.name or typed.verb, found)


if __name__ == "__main__":
    main()
