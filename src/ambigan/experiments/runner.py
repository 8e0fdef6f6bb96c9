"""Makes an experiment: every run that is not there yet, and its table after each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from ..core.errors import CheckpointError, ConfigError
from ..core.files import check_writable, hold_lock
from ..data import Dataset, open_dataset
from ..engine.checkpoint import list_checkpoints
from ..engine.config import choose_device
from ..engine.trainer import TrainingProgress
from ..evaluation.baselines.feature_baselines import pca_name
from ..evaluation.protocols import find_protocol
from ..evaluation.provenance import check_comparable, data_record
from ..evaluation.result import Provenance, Result, Subject
from ..evaluation.result_file import read_results_if_whole, write_results
from ..report.panels import Section
from ..run_evaluation import evaluate, evaluate_baselines, evaluate_curve
from ..training import train_interleaved_runs
from .experiment import Experiment
from .kept_summary import read_summary
from .page import pictures_of
from .planning import (
    changed_settings,
    check_folder,
    check_runs,
    choose_runs,
    command_of,
    plan_found,
    plan_runs,
)
from .run_records import GENERATION, PlannedRun, RunResult
from .summary import Summary
from .writers import write_summary

logger = logging.getLogger(__name__)

Bar = Callable[[], AbstractContextManager[TrainingProgress]]
"""Opens a progress bar for one training."""

_BASELINES_FOLDER = "baselines"
"""The folder of what needs no training, and with `.json` the file of earlier versions."""

SAMPLE_BASELINES = "sample-baselines.jsonl"
"""What samples of every run are compared with, measured once for the folder."""


def reproduce(
    experiment: Experiment,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, str] | None = None,
    presets: Sequence[str] = (),
    runs: Sequence[str] = (),
    render_only: bool = False,
    command: str | None = None,
    dataset: Dataset | None = None,
    bar: Bar,
) -> Summary:
    """Makes an experiment and writes `NAME.json`, `.csv`, `.md` and `.html`.

    What is finished is never done again, and what was interrupted goes on where it was, so the
    same call may be repeated until all is there; seeds and presets may be added later.
    Experiments that share runs may share a folder: a run is trained once. Several processes may
    work in one folder: each takes the runs that no other is at.

    Args:
        experiment: One of `EXPERIMENTS`, or one that is in no registry.
        out: The folder, new or of experiments.
        seeds: The seeds of every run; samples are compared in features of the first.
        changes: Settings of every run as texts by dotted name, such as `train.epochs`.
        presets: The presets of runs that name none; the experiment's if empty.
        runs: The slugs of runs to be made now; all if empty.
        render_only: Whether nothing is trained or measured, and files are written of what is there.
        command: The command line that makes these runs, as pages show it; None for the
            experiment's own.
        dataset: The data of the experiment, where they are open already.
        bar: Opens a progress bar for one training.

    Raises:
        ConfigError: A setting is not allowed, there is no such run, or `out` holds runs made with
            other settings.
        As `train` and `evaluate`.
    """
    out = Path(out)
    changes = {name.replace("-", "_"): text for name, text in (changes or {}).items()}
    planned = plan_runs(experiment, out, seeds=seeds, changes=changes, presets=presets)
    chosen = choose_runs(experiment, runs)
    if render_only:
        if not out.is_dir():
            raise ConfigError(f"there is no folder {out} to show results of.")
        return Runner(planned, changes, out, None, command).write()
    dataset = dataset or open_dataset(planned[0].config.data)
    check_runs(planned, dataset)
    check_writable(out)
    check_folder(out)
    return Runner(planned, changes, out, dataset, command).make(chosen, bar)


class Runner:
    """An experiment on its way: its runs, the settings that the user changed, and the folder.

    The data set is what all runs learn; None to show what is there, whatever the data.
    """

    def __init__(
        self,
        planned: Sequence[PlannedRun],
        changes: Mapping[str, str],
        out: Path,
        dataset: Dataset | None,
        command: str | None = None,
    ) -> None:
        self.planned, self.changes, self.out, self.dataset = planned, changes, out, dataset
        self.experiment = planned[0].experiment
        self.command = command or command_of(planned, changes, out)
        self.device = planned[0].config.train.device
        self.pictures: dict[Path, Section | None] = {}
        self._warned: set[str] = set()

    def make(self, chosen: Collection[str], bar: Bar) -> Summary:
        """Trains and measures what is left of the chosen runs, and writes the table after each."""
        self._check([run for run, _ in self._done()], [])
        self._measure_baselines()
        left = [run for run in self.planned if run.result is None]
        for run in left:
            if run.spec.slug not in chosen and any(run.run.results.glob("*.json")):
                logger.warning(
                    f"{run.label}, is left out: {run.run.path} has records and no finished model"
                )
        summary = self.write()
        if self._measure_drawn():
            summary = self.write()
        for group in self._groups([run for run in left if run.spec.slug in chosen]):
            self._make(group, bar)
            self._measure_drawn()
            summary = self.write()
        return summary

    def write(self) -> Summary:
        """Writes what all processes have found until now.

        Raises:
            CheckpointError: Results cannot stand in one table.
        """
        with hold_lock(self.out / ".lock", wait=True):
            done = self._done()
            found = {result.key: result for _, result in done}
            protocols = self.experiment.protocols
            baselines: Sequence[Result] = [x for p in protocols for x in self._baselines_of(p)]
            changed: Sequence[str] = changed_settings(self.planned, self.changes)
            if self.dataset is None:
                runs, kept_baselines, kept_changed = read_summary(self.experiment, self.out)
                found |= {run.key: run for run in runs if run.key not in found}
                baselines, changed = baselines or kept_baselines, changed or kept_changed
            if not found and not baselines:
                raise ConfigError(f"{self.out} holds no results of {self.experiment.name}.")
            self._check([run for run, _ in done], baselines)
            planned = {(run.spec.name, run.spec.preset, run.seed) for run in self.planned}
            summary = Summary(
                self.experiment,
                tuple(found.values()),
                tuple(baselines),
                tuple(changed),
                len(planned | found.keys()),
                self.command,
            )
            write_summary(summary, self._pictures([run for run, _ in done]), self.out)
        return summary

    def _done(self) -> list[tuple[PlannedRun, RunResult]]:
        """Finished runs: those planned, and those of other seeds that were made before."""
        runs = [*self.planned, *plan_found(self.planned, self.out, self.changes)]
        return [(run, result) for run in runs if (result := run.result) is not None]

    def _groups(self, left: Sequence[PlannedRun]) -> Iterable[list[PlannedRun]]:
        """What is trained together: a run alone; on CUDA, all seeds of one."""
        if choose_device(self.device).type == "cpu":
            return [[run] for run in left]
        ordered = sorted(left, key=lambda run: (str(run.spec.preset), run.spec.slug))
        return [list(group) for _, group in groupby(ordered, key=lambda run: run.spec)]

    def _make(self, group: Sequence[PlannedRun], bar: Bar) -> None:
        """Trains and measures runs, but for those that another process is at."""
        with ExitStack() as locks:
            ours: list[PlannedRun] = []
            for run in group:
                title = f"run {self.planned.index(run) + 1} of {len(self.planned)}: {run.label}"
                if not locks.enter_context(hold_lock(run.lock_file)):
                    logger.info(f"{title}, is made by another process")
                elif run.result is None:  # still, now that nobody else can be at it
                    logger.info(title)
                    ours.append(run)
            untrained = [(run.config, run.run.path) for run in ours if run.images_trained is None]
            if untrained:
                with bar() as progress:
                    train_interleaved_runs(untrained, progress=progress)
            for run in ours:
                self._measure(run)

    def _measure(self, run: PlannedRun) -> None:
        """Measures a run by what it is not measured by yet."""
        baselines = ("random",) if run.spec.untrained else ()
        config = replace(run.evaluation, reference_features=(), baselines=baselines)
        missing = [name for name in self.experiment.protocols if not run.features_of(name)]
        if missing:
            evaluate(run.run.path, config, protocols=missing)
        if self.experiment.curve and not run.curve:
            if not list_checkpoints(run.run.checkpoints):
                raise CheckpointError(
                    f"{run.run.path} has a model and no checkpoints to draw its curve by; put them"
                    " back, or move the folder away and it is trained again, or leave it out by"
                    " --runs."
                )
            assert run.images_trained is not None, "it is measured when it is trained"
            images_an_epoch = run.images_trained * run.turns // run.config.train.epochs
            evaluate_curve(
                run.run.path,
                replace(config, layers=config.layers[:1], baselines=()),
                protocols=(self.experiment.curve,),
                spacing=1 if run.config.train.checkpoint_every else images_an_epoch,
            )

    def _measure_drawn(self) -> bool:
        """Measures what finished runs draw, samples once there is a reference model."""
        measured = [self._measure_drawn_of(run) for run in self.planned if run.result is not None]
        return any(measured)

    def _measure_drawn_of(self, run: PlannedRun) -> bool:
        """Measures samples and reconstructions that are not measured yet; whether any was."""
        reference, name = run.reference, run.spec.name
        compared = f"{GENERATION}--{reference.spec.slug}-*.json" if reference else ""
        if reference and not reference.space and any(run.run.results.glob(compared)):
            self._warn_once(
                f"what {name} draws is left out: it was compared in features of"
                f" {reference.spec.name}, of which {reference.run.path} has no finished model"
            )
        missing = [protocol for protocol in run.drawn_protocols if not run.drawn(protocol)]
        space = run.evaluation.reference_features if GENERATION in missing else ()
        needed = [run, *([reference] if reference and space else [])]
        gone = [other.spec.name for other in needed if not other.has_weights]
        if missing and gone:
            self._warn_once(f"what {name} draws is not measured: no weights of {gone[0]} here")
        if not missing or gone:
            return False
        with hold_lock(run.lock_file) as is_ours:
            if is_ours and (missing := [x for x in missing if not run.drawn(x)]):
                space = space if GENERATION in missing else ()
                config = replace(run.evaluation, layers=(), reference_features=space)
                config = replace(config, sample_baselines=self.out / SAMPLE_BASELINES)
                evaluate(run.run.path, config, protocols=missing, baselines=("raw", "pca"))
        return is_ours

    def _warn_once(self, line: str) -> None:
        """Warns only once of what is found after every run."""
        if line not in self._warned:
            self._warned.add(line)
            logger.warning(line)

    def _measure_baselines(self) -> None:
        """Measures what needs no training, once for the experiments of the folder."""
        with hold_lock(self.out / ".lock", wait=True):
            for name in self.experiment.protocols:
                try:
                    there = self._baselines_of(name)[0]
                    check_comparable(there, self._as_now(there))
                except (ConfigError, IndexError):  # by other constants, or none
                    data, widths = self.planned[0].config.data, self.experiment.pca_widths
                    found = evaluate_baselines(
                        *(data, name, widths),
                        device=self.device,
                        cross_validate=self.experiment.cross_validate,
                    )
                    write_results(self._baselines_file(name), found)

    def _baselines_file(self, protocol: str) -> Path:
        words = [protocol, *map(pca_name, self.experiment.pca_widths)]
        words += [] if self.experiment.cross_validate else ["test-split"]
        return self.out / _BASELINES_FOLDER / ("--".join(words) + ".json")

    def _baselines_of(self, protocol: str) -> list[Result]:
        """Raw values and PCA of the experiment's widths, of those there are; none if one lacks."""
        found = read_results_if_whole(self._baselines_file(protocol))
        found = found or read_results_if_whole(self.out / f"{_BASELINES_FOLDER}.json")
        ours = {x.subject.name: x for x in found if x.protocol.name == protocol and x.metrics}
        raw = next((result for name, result in ours.items() if not name.startswith("pca")), None)
        if raw is None:
            return []
        most = min(raw.subject.dim or 0, raw.provenance.data.num_train)
        names = [pca_name(min(width, most)) for width in self.experiment.pca_widths]
        return [raw, *(ours[name] for name in names)] if {*names} <= ours.keys() else []

    def _check(self, done: Sequence[PlannedRun], baselines: Sequence[Result]) -> None:
        """Refuses results of other data or constants than the rest."""
        expected: dict[str, Result] = {}
        everything = [(self.out / _BASELINES_FOLDER, result) for result in baselines]
        everything += [(run.run.results, x) for run in done for x in (*run.results, *run.curve)]
        for where, result in everything:
            name = result.protocol.name
            try:
                check_comparable(result, expected.setdefault(name, self._as_now(result)))
            except ConfigError as error:
                raise CheckpointError(
                    f"{where}: {error} Delete the record of {name} there and it is measured again,"
                    " or choose another --out."
                ) from error

    def _as_now(self, like: Result) -> Result:
        """A result of a protocol as it would be measured now; without data, the one given."""
        if self.dataset is None:
            return like
        data, subject = data_record(self.dataset), Subject("this experiment", "baseline")
        protocol = find_protocol(like.protocol.name).record
        return Result(protocol, subject, (), Provenance(None, None, None, None, data, data, {}, {}))

    def _pictures(self, done: Sequence[PlannedRun]) -> list[Section]:
        """What each run draws, of one seed; drawn once."""
        first = {(run.spec.name, run.spec.preset): run for run in reversed(done)}
        shown = [run for run in done if run in first.values()]
        for run in shown:
            if run.run.path not in self.pictures:
                self.pictures[run.run.path] = pictures_of(run, self.dataset)
        return [section for run in shown if (section := self.pictures[run.run.path])]
