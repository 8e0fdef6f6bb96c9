"""Makes a suite: the experiment on each set and seed that is not there yet, and its tables."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...core.errors import ConfigError, NonFiniteError, unknown_name
from ...core.files import check_writable
from ...data import Dataset, DataSettings, open_dataset
from ...data.image_sources.torchvision_datasets import data_root
from ...evaluation.protocols import find_protocol
from ..experiment import Experiment
from ..kept_summary import read_summary
from ..planning import plan_runs
from ..runner import Bar, reproduce
from .comparison import Comparison, read_found, write_comparison
from .suite import DATA_FOLDER, Suite, SuiteSet

logger = logging.getLogger(__name__)

_OWN = {"data.source": "--sets", "data.split_seed": "--seeds"}
"""Settings that a suite has of each set, and the flag that chooses in their place."""


def reproduce_suite(
    suite: Suite,
    out: str | Path,
    *,
    sets: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, str] | None = None,
    runs: Sequence[str] = (),
    render_only: bool = False,
    bar: Bar,
) -> Comparison:
    """Makes the experiment of every set, in `SET/seed-N` of the folder, and the tables of all.

    Each seed has a division into training and test split of its own, where none is published. What
    is finished is never done again, as by `reproduce`. All sets are made with the first seed, then
    with the next. A set that is not on this machine is left out, and so is a training that
    diverges; both are said.

    Args:
        suite: One of `SUITES`, or one that is in no registry.
        out: The folder, new or of this suite.
        sets: The names of sets; all if empty.
        seeds: The seeds of every run and of the division of its data.
        changes: Settings of every run as texts by dotted name.
        runs: The slugs of runs to be made now; all if empty.
        render_only: Whether nothing is trained or measured, and files are written of what is there.
        bar: Opens a progress bar for one training.

    Raises:
        ConfigError: A name or setting is not allowed, or none of the sets is on this machine.
        As `reproduce`.
    """
    out = Path(out)
    changes = {name.replace("-", "_"): text for name, text in (changes or {}).items()}
    for name, flag in _OWN.items():
        if name in changes:
            raise ConfigError(f"{name} is of each set of {suite.name}; choose by {flag}.")
    root = data_root(DataSettings(root=changes.get("data.root")))
    chosen = _with_runs(suite, suite.choose(sets), runs)
    cells = [(each, seed) for seed in seeds for each in chosen]
    if render_only and not out.is_dir():
        raise ConfigError(f"there is no folder {out} to show results of.")
    absent = [] if render_only else _say_absent(suite, chosen, root)
    for each, seed in cells:  # so that what is not allowed fails before the first is trained
        experiment = each.experiment_at(root, seed)
        plan_runs(experiment, _folder(out, each, seed), seeds=(seed,), changes=changes)
    if not render_only:
        check_writable(out)
        _check_folder(suite, out)
    command = _command(suite, out, sets, seeds, changes)
    for each, seed in cells:
        folder = _folder(out, each, seed)
        if each in absent or (render_only and not folder.is_dir()):
            continue
        experiment = each.experiment_at(root, seed)
        dataset = None
        if not render_only:
            planned = plan_runs(experiment, folder, seeds=(seed,), changes=changes)
            dataset = open_dataset(planned[0].config.data)
        try:
            reproduce(
                _measurable(experiment, folder, dataset),
                folder,
                seeds=(seed,),
                changes=changes,
                runs=[run.slug for run in experiment.runs if run.slug in runs],
                render_only=render_only,
                command=command,
                dataset=dataset,
                bar=bar,
            )
        except NonFiniteError as error:
            logger.warning(f"{each.name}, seed {seed}, is left unfinished: {error}")
        else:
            _write(suite, absent, command, out)
    return _write(suite, absent, command, out)


def _write(suite: Suite, absent: Sequence[SuiteSet], command: str, out: Path) -> Comparison:
    """Writes the tables of what all calls have found until now.

    Raises:
        ConfigError: There is nothing.
    """
    found = read_found(suite, out)
    if not found:
        raise ConfigError(f"{out} holds no results of {suite.name}.")
    comparison = Comparison(suite, found, tuple(each.name for each in absent), command)
    write_comparison(comparison, out)
    return comparison


def _command(
    suite: Suite, out: Path, sets: Sequence[str], seeds: Sequence[int], changes: Mapping[str, str]
) -> str:
    """The command that goes on with the suite, as a shell takes it."""
    words = ["ambigan", "reproduce", suite.name, *(["--sets", ",".join(sets)] if sets else [])]
    words += ["--seeds", ",".join(map(str, seeds)) + "," * (len(seeds) == 1), "--out", str(out)]
    for name, value in changes.items():
        words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def _with_runs(suite: Suite, sets: Sequence[SuiteSet], runs: Sequence[str]) -> list[SuiteSet]:
    """The sets that have one of the runs that are named; all if none is.

    Raises:
        ConfigError: No set has such a run.
    """
    slugs = {each.name: [run.slug for run in each.experiment.runs] for each in sets}
    known = list(dict.fromkeys(slug for own in slugs.values() for slug in own))
    for name in runs:
        if name not in known:
            raise unknown_name(f"run of {suite.name}", name, known)
    return [each for each in sets if not runs or not {*runs}.isdisjoint(slugs[each.name])]


def _check_folder(suite: Suite, out: Path) -> None:
    """Refuses a folder that holds something other than the suite.

    Raises:
        ConfigError: It holds files of another kind.
    """
    there = out.iterdir() if out.is_dir() else ()
    names = {path.name for path in there if not path.name.startswith(".")}
    if names and names.isdisjoint((*suite.by_name, f"{suite.name}.json")):
        raise ConfigError(f"{out} exists and is not an empty folder; choose another --out.")


def _folder(out: Path, each: SuiteSet, seed: int) -> Path:
    return out / each.name / f"seed-{seed}"


def _say_absent(suite: Suite, chosen: Sequence[SuiteSet], root: Path) -> list[SuiteSet]:
    """The sets that are not on this machine, with one line that says where they would be.

    Raises:
        ConfigError: None is here.
    """
    absent = [each for each in chosen if each.place and not (root / each.place).exists()]
    if absent:
        places = ", ".join(f"{each.name} ({each.place})" for each in absent)
        line = (
            f"{len(absent)} of {len(chosen)} sets of {suite.name} are not in the folder of data,"
            f" {root}: {places}"
        )
        if len(absent) == len(chosen):
            raise ConfigError(
                f"{line}. Put one there, or name another folder by {DATA_FOLDER} or --data.root."
            )
        logger.warning(f"{line}; they are left out")
    return absent


def _measurable(experiment: Experiment, folder: Path, dataset: Dataset | None) -> Experiment:
    """The experiment by those of its protocols that the data allow.

    Without data, it is by those that were measured before.

    Raises:
        ConfigError: There are none.
    """
    if dataset is None:
        measured = {result.protocol.name for result in read_summary(experiment, folder)[1]}
        protocols = [name for name in experiment.protocols if name in measured]
        return replace(experiment, protocols=tuple(protocols) or experiment.protocols)
    protocols: list[str] = []
    for name in experiment.protocols:
        try:
            find_protocol(name).check((), dataset)
            protocols.append(name)
        except ConfigError as error:
            logger.info(f"{experiment.name}: left out: {error}")
    if not protocols:
        raise ConfigError(f"{experiment.name}: no protocol can measure {dataset.name}.")
    return replace(experiment, protocols=tuple(protocols))
