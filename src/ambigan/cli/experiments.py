"""Verbs that need no run: experiments, the benchmark, and the list of presets."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ..core.errors import ConfigError
from ..core.files import write_json
from ..core.machine import num_launched_processes
from .output import cell, note
from .parser import Request

if TYPE_CHECKING:
    from ..experiments import Experiment

MOST_SEEDS = 1000
BENCH_COLUMNS = {
    "name": "a step",
    "milliseconds": "ms",
    "speedup": "times textbook",
    "product_fraction": "of product rate",
    "copy_fraction": "of copy rate",
    "images_per_second": "images/s",
    "working_mib": "MiB to work in",
}


def reproduce(request: Request) -> int:
    """Makes an experiment, or lists those that can be made."""
    from ..engine.trainer import Interrupted
    from ..experiments import EXPERIMENTS, default_folder
    from ..experiments import reproduce as make
    from ..experiments.writers import as_markdown
    from .progress import training_progress

    flags = request.flags
    if flags.list or flags.name is None:
        if flags.name is None and not flags.list:
            raise ConfigError(f"name an experiment: {', '.join(EXPERIMENTS)}.")
        _print_experiments(EXPERIMENTS.values())
        return 0
    if num_launched_processes() > 1:
        raise ConfigError("reproduce runs as one process; start it without torchrun.")
    experiment = EXPERIMENTS.find(flags.name)
    out = Path(flags.out or default_folder(experiment, request.settings))
    try:
        summary = make(
            experiment,
            out,
            seeds=_seeds(flags.seeds),
            changes=request.settings,
            presets=_listed("--presets", flags.presets),
            runs=_listed("--runs", flags.runs),
            render_only=flags.render,
            bar=training_progress,
        )
    except Interrupted as stop:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 128 + stop.signal_number
    print(as_markdown(summary))
    print(f"written: {out / experiment.name}.json, .csv, .md, .html")
    return 0


def bench(request: Request) -> int:
    """Times a step beside the textbook loop and the machine's own rates."""
    from ..bench import run_suite

    flags = request.flags
    if min(flags.repeats, flags.steps) < 1:
        raise ConfigError("bench needs --repeats of 1 or more and --steps of 1 or more.")
    if flags.out and Path(flags.out).suffix != ".json":
        raise ConfigError(f"cannot write '{flags.out}': --out must end in .json.")
    if flags.out and Path(flags.out).parent.exists() and not Path(flags.out).parent.is_dir():
        raise ConfigError(f"cannot write '{flags.out}': {Path(flags.out).parent} is no folder.")
    found = run_suite(flags.game, flags.device, repeats=flags.repeats, steps=flags.steps, tell=note)
    table = Table(box=SIMPLE, pad_edge=False)
    for name, title in BENCH_COLUMNS.items():
        table.add_column(title, justify="left" if name == "name" else "right")
    for row in found["rows"]:
        table.add_row(*[cell(row[name]) for name in BENCH_COLUMNS])
    Console().print(table)
    print(f"{found['title']}: {found['step_gflop']:,} GFLOP a step.")
    print(_machine_of(found))
    for precision, shares in found.get("profile", {}).items():
        listed = "; ".join(f"{group} {share:.0%}" for group, share in shares.items() if share)
        print(f"Where a step with average goes, {precision}: {listed}.")
    if flags.out:
        write_json(Path(flags.out), found)
        print(f"written: {flags.out}")
    return 0


def presets(_request: Request) -> int:
    """Lists published settings."""
    from ..presets import PRESETS

    table = Table(box=None, pad_edge=False)
    for column in ("method", "preset", "score", "time", "hardware", "source"):
        table.add_column(column, overflow="fold")
    for method, named in PRESETS.items():
        for name, preset in named.items():
            table.add_row(method, name, preset.score, preset.time, preset.hardware, preset.source)
    Console().print(table)
    return 0


def _listed(flag: str, text: str | None) -> list[str]:
    """Names between commas; none if the flag was left out."""
    names = [name.strip() for name in (text or "").split(",")]
    if text is not None and not any(names):
        raise ConfigError(f"{flag} '{text}' names none; leave it out for all of them.")
    return [name for name in names if name]


def _seeds(text: str) -> list[int]:
    """`3` counts from 0; a comma lists them, `0,3` or `4,`."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(
            f"--seeds '{text}' is neither a number nor a list such as 0,3."
        ) from error
    if not numbers or min(numbers) < (0 if "," in text else 1):
        raise ConfigError(f"--seeds '{text}': give how many, 1 or more, or a list such as 0,3.")
    if "," not in text and numbers[0] > MOST_SEEDS:
        raise ConfigError(f"--seeds '{text}': no more than {MOST_SEEDS} at once.")
    return numbers if "," in text else list(range(numbers[0]))


def _print_experiments(experiments: Iterable[Experiment]) -> None:
    shown = Table(box=None, pad_edge=False)
    for column in ("experiment", "what", "runs", "time", "source"):
        shown.add_column(column, overflow="fold", no_wrap=column == "experiment")
    for entry in experiments:
        runs = ", ".join(run.name for run in entry.runs)
        shown.add_row(entry.name, entry.title, runs, entry.time, entry.source)
    Console().print(shown)


def _machine_of(found: dict[str, Any]) -> str:
    hardware = found["hardware"]
    rates, layers, stacking = (
        " and ".join(f"{value:,}{unit} in {kind}" for kind, value in found[name].items())
        for name, unit in (
            ("product_gflops", " GFLOP/s"),
            ("layer_gflops", ""),
            ("stacking_speedup", " times as fast"),
        )
    )
    where = hardware["gpu"] or f"{hardware['processor']}, threads: {found['threads']}"
    return (
        f"{where}: products at {rates}, a layer of {layers}, "
        f"copies at {found['copy_gbytes_per_second']:,} GB/s. Three layers stacked into one "
        f"product: {stacking}."
    )
