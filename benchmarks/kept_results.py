"""Trains every variant at toy size at two commits and compares the results bit for bit.

    python benchmarks/kept_results.py BASE [COMMIT] [--only TEXT] [--out FILE.json]

Both commits are checked out into temporary folders and trained with the interpreter that runs this
script, on one thread, on scikit-learn's digits. What is compared: every tensor and number of the
last checkpoint (weights, running statistics, optimiser states, averaged weights, meters), every
tensor of the saved model, and every value of the log, whose lines are named by images seen.
`RENAMED` lists keys whose names changed on purpose, and `ADDED` what only the later commit may log;
every other difference is printed and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

RENAMED: tuple[tuple[str, str], ...] = (
    (r"(:log/\d+)/watch/", r"\1/diagnostics/"),
    (r"(:log/\d+)/alarms/", r"\1/warnings/"),
)
"""Patterns of keys at the first commit, and what they became."""

IGNORED = (r"^checkpoint/config\b",)
"""Keys that are not compared: settings carry names, and names may change."""

ADDED = {
    r":log/\d+/(diagnostics|warnings)/": "networks are diagnosed at least ten times a run, and how"
    " well they reconstruct is one of the diagnostics",
    r":log/\d+/(images_seen|epoch)$": "a diagnosis between two lines of losses has its own line",
}
"""Patterns of keys that only the later commit may have, with the reason for each."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="the commit whose results must be kept")
    parser.add_argument("commit", nargs="?", default="HEAD", help="the commit to compare with it")
    parser.add_argument("--only", default="", help="text that a variant's name must contain")
    parser.add_argument("--out", type=Path, help="a JSON file for the summary")
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.train:  # inside one checkout, in a process of its own
        print(json.dumps(_train_all(flags.only)))
        return 0
    before = {_renamed(key): value for key, value in _results_at(flags.base, flags.only).items()}
    after = _results_at(flags.commit, flags.only)
    variants = sorted({_variant(key) for key in before})
    if new := sorted({_variant(key) for key in after} - set(variants)):
        print(f"{len(new)} variants of the later commit alone are left out: {', '.join(new)}")
    after = {key: value for key, value in after.items() if _variant(key) in variants}
    extra = sorted(after.keys() - before.keys())
    added = {pattern: [key for key in extra if re.search(pattern, key)] for pattern in ADDED}
    allowed = {key for keys in added.values() for key in keys}
    differing = sorted(
        key for key in (before.keys() | after.keys()) - allowed if before.get(key) != after.get(key)
    )
    summary = {
        "base": _full_name(flags.base),
        "commit": _full_name(flags.commit),
        "variants": variants,
        "values": len(before),
        "added": {ADDED[pattern]: len(keys) for pattern, keys in added.items()},
        "differing": differing,
    }
    for pattern, keys in added.items():
        print(f"{len(keys):,} values are added, as intended: {ADDED[pattern]} ({pattern})")
    for key in differing[:40]:
        print(f"{key}: {before.get(key)} -> {after.get(key)}")
    print(
        f"{len(variants)} variants, {len(before):,} values, {len(differing):,} differ,"
        f" {len({_variant(key) for key in differing})} variants affected"
    )
    if flags.out:
        flags.out.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return 1 if differing else 0


def _results_at(commit: str, only: str) -> dict[str, str]:
    """Digests of everything that the variants of a commit leave, by `VARIANT:PART/KEY`."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        paths = os.pathsep.join(f"{folder}/{part}" for part in ("src", "tests", "examples"))
        single = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [sys.executable, str(Path(__file__).resolve()), "-", "--train", "--only", only]
        done = subprocess.run(
            command, env=os.environ | single, cwd=folder, stdout=subprocess.PIPE, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def _train_all(only: str) -> dict[str, str]:
    import torch

    from ambigan.training import train
    from games import VARIANTS, toy_config  # type: ignore[reportMissingImports]

    torch.set_num_threads(1)
    takes_alarm = "alarm" in inspect.signature(train).parameters  # which warnings once went to
    quiet: dict[str, Any] = {"alarm": lambda _line: None} if takes_alarm else {}
    found: dict[str, str] = {}
    for name in sorted(name for name in VARIANTS if only in name):
        print(name, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            train(toy_config(name), run, **quiet)
            found |= {f"{name}:{key}": value for key, value in _digests(run)}
    return found


def _digests(run: Path) -> Iterator[tuple[str, str]]:
    """Each value that a run left, by its place in the files."""
    import torch
    from safetensors.torch import load_file

    newest = max((run / "checkpoints").glob("*.pt"))
    yield from _flat("checkpoint", torch.load(newest, weights_only=True))
    for file in sorted((run / "model").glob("*.safetensors")):
        yield from _flat(f"model/{file.stem}", load_file(file))
    for text in (run / "stats.jsonl").read_text().splitlines():
        line = json.loads(text)
        yield from _flat(f"log/{line['images_seen']}", line)


def _flat(place: str, value: Any) -> Iterator[tuple[str, str]]:
    import torch

    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{place}/{key}", inner)
    elif isinstance(value, list | tuple):
        for key, inner in enumerate(value):
            yield from _flat(f"{place}/{key}", inner)
    elif any(re.search(pattern, place) for pattern in IGNORED):
        return
    elif isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        kept = hashlib.sha256(content).hexdigest()[:16]
        yield place, f"{value.dtype} {tuple(value.shape)} {kept}"
    else:
        yield place, repr(value)


def _variant(key: str) -> str:
    return key.partition(":")[0]


def _renamed(key: str) -> str:
    for pattern, name in RENAMED:
        key = re.sub(pattern, name, key)
    return key


def _full_name(commit: str) -> str:
    words = ["git", "rev-parse", commit]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
