"""Makes a study: every run that is not there yet, and after each the comparison anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ...core.errors import CheckpointError
from ...core.files import check_writable, hold_lock, read_if_whole, write_json, write_text
from ...data import Dataset, open_dataset
from ...engine.checkpoint import list_checkpoints
from ...evaluation.baselines.feature_baselines import pca_name, pca_width
from ...evaluation.protocols import find_protocol
from ...evaluation.results import is_current, result_record
from ...measuring import Tell, evaluate, evaluate_baselines, evaluate_curve
from ...report.panels import Section
from ..pictures import pictures_of
from ..run_spec import (
    Alarm,
    Bar,
    check_folder,
    check_measured_on,
    check_same_column,
    check_seeds,
    command_of,
    folder_name,
    train_planned,
)
from .comparison import Comparison
from .design import Study
from .page import render
from .planning import ARMS, check_run, choose_arms, plan_runs
from .runs import ACCURACY, DRAWING, WEIGHTS, Judge, StudyRun, has_weights
from .writing import as_csv, as_json, as_markdown

BASELINES = "baselines.json"
"""What needs no training."""

STAND_INS = "stand-ins.jsonl"
"""What stands beside the samples of every arm, measured once for the folder."""


def compare(
    study: Study,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, str] | None = None,
    arms: Sequence[str] = (),
    bar: Bar,
    tell: Tell = lambda _line: None,
    alarm: Alarm = print,
) -> Comparison:
    """Makes a study and writes `NAME.json`, `.csv`, `.md` and `.html`.

    What is finished is never done again, and what was interrupted goes on where it was. Studies
    that share arms may share a folder: an arm is trained once. Several processes may work in one
    folder: each takes the runs that no other is at.

    Args:
        study: one of `STUDIES`.
        out: the folder, new or of a study.
        seeds: of every arm.
        changes: settings by dotted name, for every arm; `train.epochs` counts how often the network
            that is measured sees the data, whatever the number of turns.
        arms: to be made now, named as their folders are; all if there are none.
        bar: opens a progress bar for one training.
        tell: told what is done, one line each.
        alarm: told of each sign of collapse.

    Raises:
        ConfigError: a setting is not allowed, there is no such arm, or `out` holds arms made
            otherwise.
        As `train` and `evaluate`.
    """
    out, changes = Path(out), dict(changes or {})
    check_seeds(seeds, changes)
    runs = plan_runs(study, seeds, changes, out)
    chosen = choose_arms(study, arms)
    dataset = open_dataset(runs[0].config.data)
    for run in runs[: len(study.arms)]:  # other seeds differ in nothing that could fail
        check_run(run, dataset)
    check_writable(out)
    check_folder(out, (BASELINES, ARMS))
    command = command_of(["ambigan", "reproduce", study.name], seeds, changes, out)
    return Maker(study, runs, out, dataset, command, tell).make(chosen, bar, alarm)


class Maker:
    """A study on its way.

    Args:
        study: which.
        runs: planned.
        out: the folder.
        dataset: that all runs learn.
        command: that makes it.
        tell: told what is done.
    """

    def __init__(
        self,
        study: Study,
        runs: Sequence[StudyRun],
        out: Path,
        dataset: Dataset,
        command: str,
        tell: Tell,
    ) -> None:
        self.study, self.runs, self.out = study, runs, out
        self.dataset, self.command, self.tell = dataset, command, tell
        self.pictures: dict[Path, Section | None] = {}
        self.not_judged: set[Path] = set()

    def make(self, chosen: Collection[str], bar: Bar, alarm: Alarm) -> Comparison:
        """Trains and measures what is left of the chosen arms, and writes the study after each."""
        with self._alone():
            baselines = self._baselines()
            comparison = self._write(baselines)
        for number, run in enumerate(self.runs):
            is_new = folder_name(run.variant) in chosen and run.finding is None
            if is_new:
                title = f"run {number + 1} of {len(self.runs)}: {run.variant.name}, seed {run.seed}"
                self._make(run, title, bar, alarm)
            elif run.finding is None and run.has_results:
                self.tell(
                    f"{run.variant.name}, seed {run.seed}, is left out: {run.run.path} has records"
                    " and no finished model"
                )
            if self._judge_all() or is_new:
                with self._alone():
                    comparison = self._write(baselines)
        return comparison

    def _alone(self) -> AbstractContextManager[bool]:
        """In which no other process writes what is of the whole folder."""
        return hold_lock(self.out / ".lock", wait=True)

    def _make(self, run: StudyRun, title: str, bar: Bar, alarm: Alarm) -> None:
        """Trains and measures a run, if no other process is at it."""
        with hold_lock(run.lock_file) as is_ours:
            if not is_ours:
                self.tell(f"{title}, is made by another process")
            elif run.finding is None:  # still, now that nobody else can be at it
                self.tell(title)
                with bar() as progress:
                    train_planned([run], progress, alarm)
                _measure(run, self.tell)

    def _judge_all(self) -> bool:
        """Measures what the finished runs draw, samples once there is a judge; whether any was."""
        judged = [self._judge(run) for run in self.runs if run.finding is not None]
        return any(judged)

    def _judge(self, run: StudyRun) -> bool:
        """Measures what a run draws, if it is not measured yet; whether anything was."""
        if lost := run.lost_judge:
            self._tell_once(
                run,
                f"what {run.variant.name} draws is left out: it was compared in features of"
                f" {lost.arm.name}, of which {lost.run.path} has no finished model",
            )
        with hold_lock(run.lock_file) as is_ours:
            missing = [protocol for protocol in run.drawn_files if run.drawn(protocol) is None]
            judge = run.judge if DRAWING in missing else None
            if not is_ours or not missing or not self._can_judge(run, judge):
                return False
            evaluate(
                run.run.path,
                protocols=missing,
                weights=WEIGHTS,
                baselines=("raw", "pca"),
                spaces=(f"{judge.name}={judge.run.path}:{judge.arm.layers[0]}",) if judge else (),
                stand_ins=self.out / STAND_INS,
                device=run.config.train.device,
                tell=self.tell,
            )
        return True

    def _can_judge(self, run: StudyRun, judge: Judge | None) -> bool:
        """Whether all models it takes are there; tells once of one that is not."""
        models = {run.variant.name: run.run}
        if judge is not None:
            models[judge.arm.name] = judge.run
        gone = [name for name, folder in models.items() if not has_weights(folder)]
        if gone:
            self._tell_once(
                run, f"what {run.variant.name} draws is not measured: no weights of {gone[0]} here"
            )
        return not gone

    def _tell_once(self, run: StudyRun, line: str) -> None:
        """What is so after every arm is told after the first."""
        if run.run.path not in self.not_judged:
            self.not_judged.add(run.run.path)
            self.tell(line)

    def _baselines(self) -> dict[str, dict[str, Any]]:
        """What needs no training, by protocol, measured once for the folder.

        Another study's PCA may be of other widths: they lie in the same file, and are not shown.
        """
        path, config = self.out / BASELINES, self.runs[0].config
        found = read_if_whole(path)
        values, widths = self.dataset.train.values, self.study.pca_widths
        pca = {pca_name(pca_width(values, width)) for width in widths}
        ours: dict[str, dict[str, Any]] = {}
        for name in self.study.protocols:
            rows: dict[str, Any] = {}
            if is_current(found.get(name), find_protocol(name), ACCURACY):
                check_measured_on(path, found[name], self.dataset)
                rows = {row["features"]: row for row in found[name]["rows"]}
            if not rows or pca - rows.keys():
                device = config.train.device
                record = evaluate_baselines(
                    config.data, name, widths, device=device, tell=self.tell
                )
                rows |= {row["features"]: row for row in record["rows"]}
                found[name] = record | {"rows": [*rows.values()]}
                write_json(path, found)
            shown = [row for key, row in rows.items() if key in pca or not key.startswith("pca")]
            ours[name] = found[name] | {"rows": shown}
        return ours

    def _write(self, baselines: dict[str, dict[str, Any]]) -> Comparison:
        """What all processes have found until now."""
        done = [(run, run.finding) for run in self.runs]
        for run, finding in done:
            for record in run.records if finding else ():
                check_same_column(run, record, self._as_now(record["protocol"]))
        findings = tuple(finding for _, finding in done if finding is not None)
        found = Comparison(self.study, findings, baselines, len(self.runs), self.command)
        pictures = self._pictures([run for run, finding in done if finding is not None])
        name = self.study.name
        write_json(self.out / f"{name}.json", as_json(found))
        write_text(self.out / f"{name}.csv", as_csv(found))
        write_text(self.out / f"{name}.md", as_markdown(found))
        write_text(self.out / f"{name}.html", render(found, pictures))
        return found

    def _as_now(self, protocol: str) -> dict[str, Any]:
        """A record without rows, as it would be measured by now."""
        found = find_protocol(protocol)
        return result_record(
            found, (), method="this study", preset=None, images_seen=0, dataset=self.dataset
        )

    def _pictures(self, done: Sequence[StudyRun]) -> list[Section]:
        """What each arm draws, of its first seed; drawn once."""
        for run in done:
            if run.seed == self.runs[0].seed and run.run.path not in self.pictures:
                self.pictures[run.run.path] = _pictures_of(run, self.dataset)
        return [section for section in self.pictures.values() if section and section.panels]


def _pictures_of(run: StudyRun, dataset: Dataset) -> Section | None:
    """What an arm draws; nothing if its model was deleted after it was measured."""
    try:
        return pictures_of(run, dataset)
    except CheckpointError:
        return None


def _measure(run: StudyRun, tell: Tell) -> None:
    """Measures a run by what it is not measured by yet."""
    device, path = run.config.train.device, run.run.path
    missing = [name for name in run.measured if run.record_of(name) is None]
    if missing:
        evaluate(
            path,
            protocols=missing,
            layers=run.variant.layers,
            weights=WEIGHTS,
            baselines=("random",) if run.variant.untrained else (),
            device=device,
            tell=tell,
        )
    if run.points is None:
        if not list_checkpoints(run.run.checkpoints):
            raise CheckpointError(
                f"{path} has a model and no checkpoints to draw its curve by; put them back, or"
                " move the folder away and it is trained again, or leave it out by --arms."
            )
        evaluate_curve(
            path,
            protocols=(run.curve,),
            layers=run.variant.layers[:1],
            weights=WEIGHTS,
            baselines=(),
            spacing=1 if run.config.train.checkpoint_every else run.images_a_pass,
            device=device,
            tell=tell,
        )
