"""What tables and studies are made of: runs that are planned, trained, and resumed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError, ConfigError
from ..core.files import read_json
from ..data import Dataset
from ..engine.config import RunConfig, differences_of_runs
from ..engine.log_writers import read_lines
from ..engine.run_folder import RunFolder
from ..engine.trainer import TrainingProgress
from ..evaluation.results import is_whole, same_column
from ..training import train_interleaved_runs

Alarm = Callable[[str], None]
Bar = Callable[[], AbstractContextManager[TrainingProgress]]
"""Opens a progress bar for one training."""


@dataclass(frozen=True)
class Variant:
    """A method, and what is changed of a preset.

    Attributes:
        name: for people.
        method: of the package.
        changes: settings by dotted name, on top of the preset's.
    """

    name: str
    method: str
    changes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class PlannedRun:
    """One training.

    Attributes:
        variant: column of a table, or arm of a study.
        preset: that it starts from.
        seed: one of several.
        config: what is trained.
        run: its folder.
    """

    variant: Variant
    preset: str
    seed: int
    config: RunConfig
    run: RunFolder

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.variant.name}, {self.preset}, seed {self.seed}"

    @property
    def precision(self) -> str:
        """In which it was trained; what is planned if it was not yet."""
        if not self.run.config_file.is_file():
            return self.config.train.precision
        return str(self.run.read_config()["train"]["precision"])

    @property
    def images_trained(self) -> int | None:
        """Images seen by the saved model, which is written when training has ended; else None."""
        try:
            return int(read_json(self.run.model / "config.json")["images_seen"])
        except (CheckpointError, KeyError, TypeError, ValueError):
            return None


def folder_name(variant: Variant) -> str:
    """Where its runs lie."""
    return re.sub(r"[^a-z0-9]+", "-", variant.name.lower()).strip("-")


def check_unchanged(planned: PlannedRun) -> None:
    """Refuses a run that was made with other settings; see `differences_of_runs`."""
    if not planned.run.config_file.is_file():
        return
    there = RunConfig.from_json(planned.run.read_config())
    if changed := differences_of_runs(planned.config, there):
        raise ConfigError(
            f"{planned.run.path} was made with other settings ({'; '.join(changed)}); repeat them"
            " or choose another --out."
        )


def train_planned(runs: Sequence[PlannedRun], progress: TrainingProgress, alarm: Alarm) -> None:
    """Trains runs side by side, from where each was; those that are trained stay as they are."""
    untrained = [planned for planned in runs if planned.images_trained is None]
    if untrained:
        entries = [(planned.config, planned.run.path) for planned in untrained]
        train_interleaved_runs(entries, progress=progress)


def read_cost(planned: PlannedRun) -> dict[str, Any]:
    """Seconds spent on a run's training; what an interruption lost is not counted."""
    timing = read_lines(planned.run.timing_file)
    seconds = sum(float(line["seconds"]) for line in timing)
    return {
        "preset": planned.preset,
        "column": planned.variant.name,
        "seed": planned.seed,
        "training_seconds": round(seconds, 1),
        "precision": planned.precision,
        "images_per_second": round(timing[-1]["images_seen"] / seconds) if seconds else None,
    }


def measuring_seconds(planned: PlannedRun) -> float:
    """Spent on a run's records."""
    records = [record for record in planned.run.read_results() if is_whole(record)]
    return round(sum(row["seconds"] for record in records for row in record["rows"]), 1)


def check_seeds(seeds: Sequence[int], changes: Mapping[str, str]) -> None:
    """Refuses seeds given twice, not at all, or as a setting.

    Raises:
        ConfigError: they are.
    """
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ConfigError(f"seeds {list(seeds)}: give one or more, each once.")
    if "train.seed" in changes:
        raise ConfigError("train.seed is of one run; a table takes its seeds by --seeds.")


def check_measured_on(path: Path, record: Mapping[str, Any], dataset: Dataset) -> None:
    """Refuses a record of other data than there are now.

    Raises:
        CheckpointError: naming where it stands.
    """
    if record["data"]["sha256"] != dataset.sha256:
        raise CheckpointError(
            f"{path} was measured on other data than {record['data']['name']} holds now; put "
            "the old data back or choose another --out."
        )


def check_same_column(
    planned: PlannedRun, record: Mapping[str, Any], baselines: Mapping[str, Any]
) -> None:
    """Refuses a run's record that cannot stand above the baselines: of other data or constants.

    Raises:
        CheckpointError: naming where the run lies.
    """
    try:
        same_column(record, baselines)
    except ConfigError as error:
        raise CheckpointError(
            f"{planned.run.results}: {error} Delete the record of {record['protocol']} there and"
            " it is measured again, or choose another --out."
        ) from error


def command_of(
    words: Sequence[str], seeds: Sequence[int], changes: Mapping[str, str], out: Path
) -> str:
    """A command with its seeds, folder and settings, as a shell takes it."""
    words = [*words, "--seeds"]
    words += [",".join(map(str, seeds)) + ("," if len(seeds) == 1 else ""), "--out", str(out)]
    for name, value in changes.items():
        words += [f"--{name.replace('_', '-')}", value]
    return shlex.join(words)


def check_folder(out: Path, ours: Collection[str]) -> None:
    """Refuses a folder that holds something, but for what was begun there before.

    Args:
        out: where a table or study is to be made.
        ours: names of files and folders of which one is there as soon as it was begun.

    Raises:
        ConfigError: it is a file, or holds what is of another kind.
    """
    if not out.exists():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else {"a file"}
    if any(not name.startswith(".") for name in names) and not names & set(ours):
        raise ConfigError(f"{out} exists and is not an empty folder; choose another --out.")
