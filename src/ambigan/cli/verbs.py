"""What each verb does: reads its request, calls the library, says what was written and where."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ..core.errors import ConfigError
from ..core.files import as_typed
from ..core.machine import num_launched_processes
from ..core.settings import override
from ..data import DataSettings, SourceSplit, Split, located, open_examples
from ..engine.config import RunConfig
from ..engine.run_folder import RunFolder
from ..engine.trainer import Interrupted
from ..estimate.training_cost import LINK, describe, estimate_training
from ..evaluation.result_file import read_folder
from ..methods import find_method, is_external
from ..presets import PRESETS, find_preset
from ..report import write_report
from ..run import Run, load, read_config
from ..run_evaluation import evaluate as measure
from ..training import resume as resume_training
from ..training import train as start_training
from ..training import train_interleaved_runs
from .output import alarm, note
from .parser import Request
from .progress import decoding_progress, run_progress
from .runs import dataset_of, load_run, other_data
from .tables import print_results

DEMO_OUT = "runs/demo"


def demo(request: Request) -> int:
    """Trains a BiGAN on digits, measures it, and writes its page."""
    flags = request.flags
    config = override(find_preset("bigan", flags.preset or "small"), request.settings)
    out = Path(flags.out or _free(DEMO_OUT))
    print(f"a BiGAN learns {config.data.source} in {out}, without labels")
    status = _train(config, out)
    if status or not _is_main():
        return status
    results = measure(out, device=config.train.device)
    print_results(results)
    page = _write_page(load(out, device=config.train.device))
    print(f"look at it: {page.resolve().as_uri()}")
    typed = as_typed(out)
    print(f"use it: ambigan sample {typed}; ambigan embed {typed}; ambigan.load({str(out)!r})")
    return 0


def train(request: Request) -> int:
    """Trains a new run, or continues one."""
    flags = request.flags
    if flags.name and flags.method and flags.name != flags.method:
        raise ConfigError(f"two methods, '{flags.name}' and '{flags.method}'; name one.")
    name = flags.name or flags.method
    if not flags.plan and (flags.processes, flags.link) != (None, None):
        raise ConfigError(
            "--processes and --link are of --plan; to train on several processes, start with"
            " torchrun --nproc-per-node N -m ambigan train ..."
        )
    if flags.plan:
        _check_plan(flags)
    if flags.resume:
        return _resume(request, name)
    if name is None:
        raise ConfigError(f"name a method: {', '.join(sorted(PRESETS))} or module:Class.")
    source = request.settings.get("data.source")
    config = override(find_preset(name, flags.preset, source), request.settings)
    if flags.plan:
        return _plan(config, flags)
    kind = config.data.source.partition(":")[0]
    out = Path(flags.out or f"runs/{name.replace(':', '.')}-{kind}")
    status = _train(config, out, go_on=flags.go_on)
    if status == 0 and _is_main():
        _tell_trained(out)
    return status


def _tell_trained(out: Path) -> None:
    typed = as_typed(out)
    print(f"trained: {out}. Next: ambigan evaluate {typed}; ambigan report {typed}")


def _check_plan(flags: argparse.Namespace) -> None:
    """Refuses what a plan has no use for.

    Raises:
        ConfigError: a flag of trainings, or several processes of torchrun.
    """
    for name, value in (("--continue", flags.go_on), ("--out", flags.out)):
        if value:
            raise ConfigError(f"--plan trains nothing and writes nothing; leave out {name}.")
    if num_launched_processes() > 1:
        raise ConfigError(
            "--plan runs as one process; start it without torchrun, and give --processes N."
        )


def _plan(config: RunConfig, flags: argparse.Namespace) -> int:
    table = Table(box=None, show_header=False, pad_edge=False)
    link = LINK if flags.link is None else flags.link * 1e9
    num_processes = 1 if flags.processes is None else flags.processes
    note("a few iterations are played, to plan by")
    for name, value in describe(estimate_training(config, num_processes, link)):
        table.add_row(name, value)
    Console().print(table)
    return 0


def _resume(request: Request, name: str | None) -> int:
    flags = request.flags
    if flags.go_on:
        raise ConfigError("--resume goes on anyway; leave out --continue.")
    if flags.plan:
        raise ConfigError("--plan is of a new training; leave out --resume.")
    run = RunFolder(flags.resume)
    if flags.out and Path(flags.out) != run.path:
        raise ConfigError("--resume goes on in the run's own folder; leave out --out.")
    method = find_method(name) if name and is_external(name) else None
    config, _ = read_config(run, method)
    for flag, typed, is_so in (
        ("method", name, config.method),
        ("preset", flags.preset, config.preset),
    ):
        if typed not in (None, is_so):
            raise ConfigError(
                f"{run.path} was made with other settings ({flag}: '{typed}' against '{is_so}'); "
                "resume it without them or train anew with another --out."
            )
    status = _guarded(
        lambda progress, decoding: resume_training(
            run.path,
            method_class=method,
            expected=lambda theirs: _asked(theirs, request.settings),
            progress=progress,
            alarm=alarm,
            decoding=decoding,
        ),
        run.path,
    )
    if status == 0 and _is_main():
        _tell_trained(run.path)
    return status


def sample(request: Request) -> int:
    """Generates examples."""
    flags, run = request.flags, load_run(request)
    return _write_examples(run, flags.out, "samples", run.sample(flags.num, flags.seed))


def reconstruct(request: Request) -> int:
    """Encodes data and generates them again, in pairs of rows."""
    from ..report.figures import reconstruction_grid

    flags, run = request.flags, load_run(request)
    run.need("reconstruct")
    split = _first(_split(request, run, "test"), flags.num)
    again = run.reconstruct(split)
    x = run.originals(split)
    picture = reconstruction_grid(x, again) if run.spec.kind == "images" else None
    return _write_arrays(run, flags.out, "reconstructions", np.stack([x, again]), picture)


def interpolate(request: Request) -> int:
    """Walks straight between latents: of test data if the run encodes, else of the prior."""
    from ..report.figures import interpolation_grid

    flags, run = request.flags, load_run(request)
    run.need("decode")
    if flags.pairs < 1 or flags.steps < 2:
        raise ConfigError("interpolate needs --pairs of 1 or more and --steps of 2 or more.")
    if "encode" in run.capabilities:
        ends = run.encode(_first(dataset_of(run).test, 2 * flags.pairs))
    else:
        ends = run.latents(2 * flags.pairs, flags.seed)
    left, right = ends[0::2], ends[1::2]
    steps = np.linspace(0, 1, flags.steps, dtype=np.float32)[None, :, None]
    walk = left[: len(right), None] * (1 - steps) + right[:, None] * steps
    shown = run.decode(walk.reshape(-1, walk.shape[-1]))
    picture = interpolation_grid(shown, flags.steps) if run.spec.kind == "images" else None
    return _write_arrays(run, flags.out, "interpolations", shown, picture)


def embed(request: Request) -> int:
    """Writes features of data to `.npy` or, with labels and rows, `.parquet`."""
    from .embed import write_features

    flags, run = request.flags, load_run(request)
    path = Path(flags.out or run.path / "features.npy")
    if path.suffix not in (".npy", ".parquet"):
        raise ConfigError(f"cannot write '{path.name}': --out must end in .npy or .parquet.")
    split = _split(request, run, "all")
    features = run.features(split, flags.layer)
    names = split.label_names if isinstance(split, SourceSplit) else run.label_names
    write_features(path, features, split, names)
    print(f"written: {path}, {features.shape[0]:,} x {features.shape[1]:,}")
    return 0


def report(request: Request) -> int:
    """Writes the run's page."""
    page = _write_page(load_run(request))
    print(f"written: {page}")
    return 0


def _train(config: RunConfig, out: Path, *, go_on: bool = False) -> int:
    config = _located(config)
    if go_on:
        return _guarded(
            lambda progress, decoding: train_interleaved_runs(
                [(config, out)], progress=progress, alarm=alarm, decoding=decoding
            ),
            out,
            again="the same command",
        )
    return _guarded(
        lambda progress, decoding: start_training(
            config, out, progress=progress, alarm=alarm, decoding=decoding
        ),
        out,
    )


def _asked(theirs: RunConfig, settings: dict[str, str]) -> RunConfig:
    config = override(theirs, settings)
    return _located(config) if "data.source" in settings else config


def _located(config: RunConfig) -> RunConfig:
    """The config with its data found from any folder."""
    return replace(config, data=located(config.data))


def _guarded(work: Any, out: Path, again: str = "") -> int:
    """Runs training under a progress bar; a signal becomes its exit status."""
    try:
        with run_progress(quiet=not _is_main()) as (progress, decoding):
            work(progress, decoding)
    except Interrupted as stop:
        if _is_main():
            again = again or f"ambigan train --resume {as_typed(out)}"
            note(f"stopped; continue with: {again}")
        return 128 + stop.signal_number
    return 0


def _is_main() -> bool:
    """Whether this process speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _free(path: str) -> Path:
    """The path, or the first of `path-2`, `path-3`, ... that is not taken."""
    number, free = 1, Path(path)
    while free.exists():
        number += 1
        free = Path(f"{path}-{number}")
    return free


def _split(request: Request, run: Run, default: str) -> Split:
    """The examples a verb is asked to use: of the run's data or, scaled like them, of others."""
    flags = request.flags
    if flags.data:
        if flags.split not in (None, "all"):
            raise ConfigError("--split is of the run's own data; leave it out beside --data.")
        return _examples(other_data(run, flags.data, flags), run)
    if flags.max_corrupt is not None:
        raise ConfigError("--data.max-corrupt is of other data; leave it out without --data.")
    which = flags.split or default
    dataset = dataset_of(run)
    if which == "all":
        return _examples(run.config.data, run)
    return dataset.train if which == "train" else dataset.test


def _examples(settings: DataSettings, run: Run) -> Split:
    with decoding_progress() as progress:
        found = open_examples(settings, run.spec, run.scaling, progress)
    if found.skipped:
        alarm(f"{len(found.skipped)} files could not be used, the first: {found.skipped[0]}")
    return found


def _first(split: Split, num: int) -> Split:
    if num < 1:
        raise ConfigError(f"cannot take {num} examples; ask for 1 or more.")
    labels = None if split.labels is None else split.labels[:num]
    return Split(split.values[:num], labels)


def _write_page(run: Run) -> Path:
    folder = RunFolder(run.path)
    return write_report(run, folder, dataset_of(run), read_folder(folder.results))


def _write_examples(run: Run, out: str | None, name: str, values: np.ndarray[Any, Any]) -> int:
    from ..report.figures import image_grid

    picture = image_grid(values) if run.spec.kind == "images" else None
    return _write_arrays(run, out, name, values, picture)


def _write_arrays(
    run: Run,
    out: str | None,
    name: str,
    values: np.ndarray[Any, Any],
    picture: np.ndarray[Any, Any] | None,
) -> int:
    """Writes the file asked for, `.npy` or `.png`; both into the run's folder by default."""
    from ..report.figures import save_png
    from .embed import write_npy

    suffixes = [".npy"] + ([".png"] if picture is not None else [])
    if out and Path(out).suffix not in suffixes:
        raise ConfigError(f"cannot write '{out}': --out must end in {' or '.join(suffixes)}.")
    paths = [Path(out)] if out else [run.path / f"{name}{suffix}" for suffix in suffixes]
    for path in paths:
        if path.suffix == ".png" and picture is not None:
            save_png(path, picture)
        else:
            write_npy(path, values)
        print(f"written: {path}")
    return 0
