"""The runs of an experiment: their settings and folders, and whether they can be made."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.distributed import world
from ..core.errors import ConfigError, unknown_name
from ..core.settings import dotted, override, typed_value
from ..data import Dataset
from ..engine.config import RunConfig, as_fitted, differences_of_runs, with_epochs_asked_for
from ..engine.run_folder import RunFolder
from ..evaluation.protocols import find_protocol
from ..methods import find_method
from ..presets import find_preset
from ..trainable import check_trainable, fit_to_data, trained_rows
from .experiment import Experiment, RunSpec
from .run_records import PlannedRun

SOME_IMAGES = DataSpec("images", (3, 32, 32), bounded=True)
EPOCHS = "train.epochs"
KEEP = "train.keep_checkpoints"
_RUN_FOLDERS = ("runs/{preset}/{slug}", "arms/{slug}", "cells/{preset}/{slug}")
"""Where the seeds of a run lie, and where earlier versions put them."""


def plan_runs(
    experiment: Experiment,
    out: Path,
    *,
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, str] | None = None,
    presets: Sequence[str] = (),
) -> list[PlannedRun]:
    """All runs, every one with the first seed, then with the next; arguments as of `reproduce`.

    Raises:
        ConfigError: A seed, preset or setting is not allowed, or a run was made with other
            settings before.
    """
    changes = changes or {}
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ConfigError(f"seeds {list(seeds)}: give one or more, each once.")
    if "train.seed" in changes:
        raise ConfigError("train.seed is of one run; an experiment takes its seeds by --seeds.")
    specs = _specs(experiment, presets)
    planned = [_plan(experiment, spec, s, seeds[0], changes, out) for s in seeds for spec in specs]
    for run in planned:
        _check_unchanged(run)
    return planned


def plan_found(
    planned: Sequence[PlannedRun], out: Path, changes: Mapping[str, str]
) -> list[PlannedRun]:
    """The runs of other seeds and presets that earlier calls left in the folder.

    Raises:
        ConfigError: One of them was made with other settings.
    """
    experiment, first_seed = planned[0].experiment, planned[0].seed
    there = {run.run.path for run in planned}
    specs = {spec.slug: spec for spec in experiment.runs}
    patterns = [pattern.format(preset="*", slug="*") + "/seed-*" for pattern in _RUN_FOLDERS]
    found: list[PlannedRun] = []
    for path in (path for pattern in patterns for path in sorted(out.glob(pattern))):
        seed, slug, preset = path.name.removeprefix("seed-"), *path.parts[-2:-4:-1]
        if slug not in specs or not seed.isdecimal() or path in there:
            continue
        spec = replace(specs[slug], preset=specs[slug].preset or preset)
        try:
            run = _plan(experiment, spec, int(seed), first_seed, changes, out)
        except ConfigError:  # there is no such preset any more
            continue
        if run.run.path == path:
            _check_unchanged(run)
            found.append(run)
    return found


def default_folder(experiment: Experiment, changes: Mapping[str, str]) -> str:
    """Where an experiment lies if no folder is named.

    Experiments on the same data for as many epochs share a folder: a run that is part of several
    of them is trained once.
    """
    if experiment.epochs is None:
        return f"runs/{experiment.name}"
    values = {**experiment.settings, EPOCHS: str(experiment.epochs), **changes}
    return f"runs/studies-{values['data.source'].partition(':')[0]}-{values[EPOCHS]}"


def choose_runs(experiment: Experiment, names: Sequence[str]) -> set[str]:
    """Slugs of the runs that are named; of all if none is.

    Raises:
        ConfigError: There is no such run.
    """
    slugs = [spec.slug for spec in experiment.runs]
    for name in names:
        if name not in slugs:
            raise unknown_name(f"run of {experiment.name}", name, slugs)
    return set(names or slugs)


def changed_settings(runs: Iterable[PlannedRun], changes: Mapping[str, str]) -> list[str]:
    """What the user changed of the experiment's own settings: `name: theirs instead of own`.

    The device is left out, and so is a value that is the experiment's own.
    """
    found: dict[str, None] = {}
    for name in (name.replace("-", "_") for name in changes):
        pairs = [(_setting(run, run.config, name), _setting(run, run.own, name)) for run in runs]
        if name != "train.device" and (others := [own for ours, own in pairs if own != ours]):
            ours = pairs[0][0]
            found[f"{name} {ours} instead of {' or '.join(dict.fromkeys(others))}"] = None
    return list(found)


def command_of(runs: Sequence[PlannedRun], changes: Mapping[str, str], out: Path) -> str:
    """The command that makes these runs again, or goes on with them, as a shell takes it."""
    experiment, seeds = runs[0].experiment, list(dict.fromkeys(run.seed for run in runs))
    words = ["ambigan", "reproduce", experiment.name]
    if experiment.presets:
        words += ["--presets", ",".join(dict.fromkeys(str(run.spec.preset) for run in runs))]
    words += ["--seeds", ",".join(map(str, seeds)) + ("," if len(seeds) == 1 else "")]
    words += ["--out", str(out)]
    for name, value in changes.items():
        words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def check_runs(runs: Sequence[PlannedRun], dataset: Dataset) -> None:
    """Lets what can fail fail before the first hour is spent.

    Raises:
        ConfigError: A run cannot be trained, or the data lack what a protocol needs.
    """
    for run in {(run.spec.name, run.spec.preset): run for run in runs}.values():
        protocols = {*run.experiment.protocols, *filter(None, [run.experiment.curve])}
        try:
            is_own = run.config.train.batch_size == run.own.train.batch_size
            fitted, rows = _fitted(run, dataset)
            check_trainable(fitted if is_own else run.config, dataset, rows)
            for name in sorted(protocols):
                find_protocol(name).check((), dataset)
        except ConfigError as error:
            raise ConfigError(f"run '{run.spec.name}': {error}") from error
    for run in runs:
        _check_unchanged(run, _fitted(run, dataset)[0])
    if len(dataset.test) < 2:
        raise ConfigError(
            f"{dataset.name} holds out {len(dataset.test)} examples; an experiment needs 2 or more."
        )


def _fitted(run: PlannedRun, dataset: Dataset) -> tuple[RunConfig, Tensor | None]:
    """The settings as training fits them to the data, and the rows that it takes."""
    config, method = run.config, find_method(run.config.method)
    rows = trained_rows(config, method, dataset.train)
    return fit_to_data(config, method, dataset, rows, world(), quiet=True), rows


def check_folder(out: Path) -> None:
    """Refuses a folder that holds something other than an experiment.

    Raises:
        ConfigError: It is a file, or holds files of another kind.
    """
    if not out.exists():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else {"a file"}
    ours = {"baselines", "baselines.json", *(pattern.partition("/")[0] for pattern in _RUN_FOLDERS)}
    if any(not name.startswith(".") for name in names) and not names & ours:
        raise ConfigError(f"{out} exists and is not an empty folder; choose another --out.")


def _specs(experiment: Experiment, presets: Sequence[str]) -> list[RunSpec]:
    """Every run; one that names no preset, once for each of these that its method has."""
    if presets and not experiment.presets:
        raise ConfigError(
            f"runs of {experiment.name} start from presets of their own; leave --presets out."
        )
    specs = [spec for spec in experiment.runs if spec.preset]
    for preset in dict.fromkeys(presets or experiment.presets):
        ours = [replace(s, preset=preset) for s in experiment.runs if _has_preset(s, preset)]
        if not ours:
            find_preset(experiment.runs[0].method, preset)  # raises, and suggests another
        specs += ours
    return specs


def _has_preset(spec: RunSpec, preset: str) -> bool:
    """Whether a run that names no preset can start from this one."""
    try:
        find_preset(spec.method, preset)
    except ConfigError:
        return False
    return spec.preset is None


def _plan(
    experiment: Experiment,
    spec: RunSpec,
    seed: int,
    first_seed: int,
    changes: Mapping[str, str],
    out: Path,
) -> PlannedRun:
    try:
        if fixed := sorted(set(spec.changes) & set(changes)):
            raise ConfigError(f"{fixed[0]} is what makes this run; leave it as it is.")
        config, turns = _config(experiment, spec, seed, changes)
        own, _ = _config(experiment, spec, seed, {})
    except ConfigError as error:
        raise ConfigError(f"run '{spec.name}': {error}") from error
    run = PlannedRun(experiment, spec, seed, config, own, _folder(out, spec, seed), turns)
    for other in experiment.runs:
        if other.name == experiment.reference_model:
            folder = _folder(out, other, first_seed)
            reference = replace(run, spec=other, seed=first_seed, run=folder)
            return replace(run, reference=reference)
    return run


def _config(
    experiment: Experiment, spec: RunSpec, seed: int, changes: Mapping[str, str]
) -> tuple[RunConfig, int]:
    """All settings of a run, and the number of turns by which its epochs were multiplied."""
    values = {**experiment.settings, **spec.changes, **changes, "train.seed": str(seed)}
    values = dict(with_epochs_asked_for(values))
    turns, epochs = 1, values.get(EPOCHS, str(experiment.epochs))
    if experiment.epochs is not None:
        values.pop(EPOCHS, None)
        if not epochs.isdecimal():
            raise ConfigError(f"{EPOCHS} '{epochs}' is no whole number.")
    config = override(find_preset(spec.method, spec.preset), values).check()
    if experiment.epochs is not None:
        turns = _num_turns(config.method, config.settings)
        config = override(config, {EPOCHS: str(int(epochs) * turns)}).check()
    if experiment.curve and KEEP not in changes:  # one an epoch
        config = override(config, {KEEP: str(config.train.epochs)}).check()
    if experiment.weights == "ema" and not config.train.ema_decay:
        raise ConfigError("averaged weights are what is measured; train.ema_decay is above 0.")
    return config, turns


@cache
def _num_turns(method: str, settings: Any) -> int:
    """How many turns an iteration of the method has, whatever the images."""
    with torch.device("meta"):
        return len(find_method(method)(settings, SOME_IMAGES).turns)


def _folder(out: Path, spec: RunSpec, seed: int) -> RunFolder:
    """The folder of a run, or the one in which an earlier version made it."""
    places = [p.format(preset=spec.preset, slug=spec.slug) for p in _RUN_FOLDERS]
    paths = [out / place / f"seed-{seed}" for place in places]
    return RunFolder(next((path for path in paths if path.is_dir()), paths[0]))


def _check_unchanged(planned: PlannedRun, fitted: RunConfig | None = None) -> None:
    """Refuses a run that was made with other settings; see `differences_of_runs`.

    Args:
        planned: The run as it is asked for.
        fitted: Its settings fitted to the data; None where these are not open, and the run may have
            been fitted to any.
    """
    if not planned.run.config_file.is_file():
        return
    there = RunConfig.from_json(planned.run.read_config())
    if changed := differences_of_runs(fitted or as_fitted(planned.config, there), there):
        raise ConfigError(
            f"{planned.run.path} was made with other settings ({'; '.join(changed)}); repeat them"
            " or choose another --out."
        )


def _setting(run: PlannedRun, config: RunConfig, name: str) -> str:
    """A setting as it is typed; epochs as the user counts them."""
    if name == EPOCHS and run.experiment.epochs is not None:
        is_own, count = config is run.own, run.config.train.epochs // run.turns
        return str(run.experiment.epochs if is_own else count)
    return typed_value(dotted(config)[name])
