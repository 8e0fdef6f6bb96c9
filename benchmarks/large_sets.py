"""Sets larger than memory, and photographs of a megapixel against a plain loop.

    python benchmarks/large_sets.py memory --gigabytes 5 --limit 2 --out results/large-sets.json
    python benchmarks/large_sets.py photographs --num 2000 --out results/large-sets.json

`memory` packs random images and trains on them in a process that may not allocate more than the
limit: the system refuses it memory beyond that (RLIMIT_DATA). What is mapped of the file is not
counted by it, since the system takes such pages back whenever others need them; both are sampled
from /proc and stated apart. `photographs` draws pictures of 1024x1024 as JPEG, and prepares them in
turn with a plain loop over Pillow, as `data_path.py` does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ambigan.configuration import make_config
from ambigan.core.files import sha256_of
from ambigan.core.version import __version__
from ambigan.data.packed.index import PackedIndex, write_index
from ambigan.data.packed.manifest import IMAGES, INDEX, MANIFEST_FORMAT, Manifest
from ambigan.data.packed.pixel_file import PixelFile
from ambigan.training import train
from data_path import add, measure_preparation

SHAPE = (3, 64, 64)
BYTES = 3 * 64 * 64
AT_ONCE = 4096


def write_pack(out: Path, num: int) -> None:
    """A packed folder of random images; its hash stands for the seed and is not of the pixels."""
    draw = np.random.default_rng(0)
    out.mkdir()
    with PixelFile(out / IMAGES, SHAPE, 0) as file:
        for start in range(0, num, AT_ONCE):
            file.append_bytes(draw.bytes(min(AT_ONCE, num - start) * BYTES))
        file.finish(num)
    held = num // 10
    splits = ["test"] * held + ["train"] * (num - held)
    index = PackedIndex((), None, splits, range(num))
    Manifest(
        format=MANIFEST_FORMAT,
        ambigan=__version__,
        asked={"source": "random"},
        shape=SHAPE,
        train=(held, num),
        test=(0, held),
        num_skipped=0,
        label_names=None,
        sha256=sha256_of(f"random images, {num}".encode()),
        index_sha256=write_index(out / INDEX, index, None),
        skipped=(),
    ).write(out)


class Enough(Exception):
    """Training has gone on for long enough."""


def train_in(pack: Path, limit: float, steps: int) -> dict[str, Any]:
    """Trains a process that may allocate so many bytes, and says what it had in memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
    most: dict[str, float] = {"RssAnon": 0, "RssFile": 0}
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines()
            for name, value in (line.split(":") for line in lines if line.startswith("Rss")):
                if name in most:
                    most[name] = max(most[name], int(value.split()[0]) * 1024 / 1e9)

    changes = {"train.batch_size": "64", "settings.network.width": "8", "train.device": "cpu"}
    changes |= {"data.source": f"packed:{pack}", "train.precision": "fp32"}
    config, seen_last = make_config("bigan", preset="images", changes=changes), 0

    def stop(seen: int, _total: int, _losses: object = None) -> None:
        nonlocal seen_last
        seen_last = seen
        if seen >= steps * 64:
            raise Enough

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as out, suppress(Enough):
        train(config, Path(out) / "run", progress=stop)
    taken = time.perf_counter() - started
    done.set()
    watcher.join()
    return {
        "images_seen": seen_last,
        "seconds": round(taken, 1),
        "limit_gigabytes": limit / 1e9,
        "peak_allocated_gigabytes": round(most["RssAnon"], 2),
        "peak_mapped_gigabytes": round(most["RssFile"], 2),
    }


def measure_memory(gigabytes: float, limit: float, steps: int) -> dict[str, Any]:
    num = int(gigabytes * 1e9 / BYTES)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        pack = Path(folder) / "pack"
        write_pack(pack, num)
        words = ["_train", str(pack), str(limit * 1e9), str(steps)]
        told = subprocess.run(
            [sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True
        )
    found = json.loads(told.stdout.splitlines()[-1])
    return {"images": num, "gigabytes": gigabytes, "shape": list(SHAPE), **found}


def draw_photographs(folder: Path, num: int) -> None:
    """Smooth noise as JPEG of quality 90, about 300 KB each."""
    draw = torch.Generator().manual_seed(0)
    for number in range(num):
        coarse = torch.rand(1, 3, 128, 128, generator=draw)
        fine = torch.nn.functional.interpolate(coarse, (1024, 1024), mode="bicubic")
        pixels = (fine[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{number:05}.jpg", quality=90)


def measure_photographs(num: int, side: int, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        photographs = Path(folder) / "photographs"
        photographs.mkdir()
        draw_photographs(photographs, num)
        return measure_preparation(photographs, side, repeats)


def main() -> None:
    if sys.argv[1:2] == ["_train"]:
        pack, limit, steps = sys.argv[2:]
        print(json.dumps(train_in(Path(pack), float(limit), int(steps))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    memory, photographs = verbs.add_parser("memory"), verbs.add_parser("photographs")
    memory.add_argument("--gigabytes", type=float, default=5)
    memory.add_argument("--limit", type=float, default=2, help="gigabytes")
    memory.add_argument("--steps", type=int, default=200)
    photographs.add_argument("--num", type=int, default=2000)
    photographs.add_argument("--size", type=int, default=64)
    photographs.add_argument("--repeats", type=int, default=3)
    for verb in (memory, photographs):
        verb.add_argument("--out", type=Path, required=True)
    typed = parser.parse_args()
    if typed.verb == "memory":
        found = measure_memory(typed.gigabytes, typed.limit, typed.steps)
    else:
        found = measure_photographs(typed.num, typed.size, typed.repeats)
    add(typed.out, typed.verb, found)


if __name__ == "__main__":
    main()
