"""The runs of a study: its arms with each seed, their settings, and whether they can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from ...core.data_spec import DataSpec
from ...core.errors import ConfigError, unknown_name
from ...core.settings import override
from ...data import Dataset
from ...engine.run_folder import RunFolder
from ...evaluation.protocols import find_protocol
from ...methods import find_method
from ...presets import find_preset
from ...training import check_trainable
from ..run_spec import check_unchanged, folder_name
from .design import Arm, Study
from .runs import Judge, StudyRun

SOME_IMAGES = DataSpec("images", (3, 32, 32), bounded=True)
EPOCHS = "train.epochs"
ARMS = "arms"
"""The folder of a study's runs."""


def plan_runs(
    study: Study, seeds: Sequence[int], changes: Mapping[str, str], out: Path
) -> list[StudyRun]:
    """All runs, every arm with the first seed, then with the next.

    Raises:
        ConfigError: a setting is not one of an arm's, or a run was made with others before.
    """
    judge = Judge(study.judge, _folder(out, study.judge, seeds[0])) if study.judge else None
    runs = [_plan(study, arm, seed, changes, out, judge) for seed in seeds for arm in study.arms]
    for run in runs:
        check_unchanged(run)
    return runs


def shared_folder(study: Study, changes: Mapping[str, str]) -> str:
    """Of all studies on the same data for as many passes: their common arms are trained once."""
    source = {**study.settings, **changes}["data.source"].partition(":")[0]
    return f"runs/studies-{source}-{_passes(study, changes)}"


def _passes(study: Study, changes: Mapping[str, str]) -> str:
    return changes.get(EPOCHS, str(study.passes))


def choose_arms(study: Study, names: Sequence[str]) -> set[str]:
    """Arms by the names of their folders; all if none is named.

    Raises:
        ConfigError: there is no such arm.
    """
    folders = [folder_name(arm) for arm in study.arms]
    for name in names:
        if name not in folders:
            raise unknown_name("arm", name, folders)
    return set(names or folders)


def _plan(
    study: Study, arm: Arm, seed: int, changes: Mapping[str, str], out: Path, judge: Judge | None
) -> StudyRun:
    passes = _passes(study, changes)
    try:
        if not passes.isdecimal():
            raise ConfigError(f"{EPOCHS} '{passes}' is no whole number.")
        if fixed := sorted(set(arm.changes) & set(changes)):
            raise ConfigError(f"{fixed[0]} is what makes this arm; leave it as it is.")
        values = {**study.settings, **arm.changes, **changes, "train.seed": str(seed)}
        values.pop(EPOCHS, None)
        config = override(find_preset(arm.method, arm.preset), values).check()
        turns = _num_turns(config.method, config.settings)
        epochs = str(int(passes) * turns)
        kept = {"train.keep_checkpoints": epochs, **changes, EPOCHS: epochs}  # one an epoch
        config = override(config, kept).check()
        if not config.train.ema_decay:
            raise ConfigError("averaged weights are what is measured; train.ema_decay is above 0.")
    except ConfigError as error:
        raise ConfigError(f"arm '{arm.name}': {error}") from error
    measures = (study.protocols, study.curve, judge)
    return StudyRun(arm, arm.preset, seed, config, _folder(out, arm, seed), turns, *measures)


def _folder(out: Path, arm: Arm, seed: int) -> RunFolder:
    return RunFolder(out / ARMS / folder_name(arm) / f"seed-{seed}")


@cache
def _num_turns(method: str, settings: Any) -> int:
    """How many turns an iteration of the method has, whatever the images."""
    with torch.device("meta"):
        return len(find_method(method)(settings, SOME_IMAGES).turns)


def check_run(run: StudyRun, dataset: Dataset) -> None:
    """Lets what can fail fail before the first hour is spent."""
    try:
        check_trainable(run.config, dataset)
        for name in (*run.measured, run.curve):
            find_protocol(name).check((), dataset)
    except ConfigError as error:
        raise ConfigError(f"arm '{run.variant.name}': {error}") from error
