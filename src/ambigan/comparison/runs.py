"""The runs of a comparison: found in folders, and those that differ in their seed alone joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError, ConfigError
from ..core.files import read_sealed
from ..core.settings import dotted
from ..engine.config import RunConfig
from ..engine.log_writers import read_lines
from ..engine.run_folder import RunFolder
from ..evaluation.result import Result
from ..evaluation.result_file import read_folder, read_results_if_whole
from ..hub import PREFIX
from ..model_files import read_config
from ..report.report_data import Lines

MOST_RUNS = 200
_LEVELS = 4
"""How far above a run its experiment's folder may lie."""
_OWN_OF_A_RUN = {"train.seed", "train.device"}
"""Settings in which the runs of one group may differ."""


@dataclass(frozen=True)
class ComparedRun:
    """A run with all that its folder holds but the weights.

    Attributes:
        folder: Where it lies.
        config: Its settings.
        data: What its folder keeps of the data; empty where training did not begin.
        results: The results of all its files.
        stats: The lines of its log.
        timing: How long these took.
    """

    folder: RunFolder
    config: RunConfig
    data: Mapping[str, Any]
    results: tuple[Result, ...]
    stats: Lines
    timing: Lines

    @property
    def seed(self) -> int:
        """The seed of its training."""
        return self.config.train.seed

    @property
    def images_seen(self) -> int:
        """The number of examples that it was shown, by the newest line of its log."""
        return max((int(line["images_seen"]) for line in self.stats), default=0)

    @property
    def data_hash(self) -> str:
        """The hash of the data that it learned from; empty where training did not begin."""
        return str(self.data.get("sha256") or "")


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in their seed alone, in the order of their seeds, under one name."""

    name: str
    runs: tuple[ComparedRun, ...]

    @property
    def first(self) -> ComparedRun:
        """The run that is shown where one stands for all."""
        return self.runs[0]

    @property
    def config(self) -> RunConfig:
        """The settings of the first run."""
        return self.first.config

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All settings by dotted name but the seed and the device."""
        return _identity(self.config)

    @property
    def seeds(self) -> str:
        """The seeds in words, such as `seeds 0, 1, 2`."""
        numbers = ", ".join(str(run.seed) for run in self.runs)
        return f"seed{'s' * (len(self.runs) > 1)} {numbers}"


def find_runs(paths: Sequence[str | Path]) -> tuple[list[ComparedRun], list[Result]]:
    """The runs that folders are or hold, each once, and baselines that experiments measured apart.

    Args:
        paths: Folders of runs, of experiments, or that hold such folders.

    Raises:
        CheckpointError: A folder is not there, holds no run, or a run in it cannot be read.
        ConfigError: There are more than 200 runs.
    """
    folders: dict[Path, None] = {}
    for path in map(Path, paths):
        if str(path).startswith(PREFIX):
            raise ConfigError(
                f"{path} is a model on the hub, which holds neither results nor the course of its"
                " training to compare; name folders of runs."
            )
        if not path.is_dir():
            raise CheckpointError(f"no run at {path}: there is no such folder.")
        found = list(_run_folders(path))
        if not found:
            raise CheckpointError(
                f"{path} is no run and holds none: no config.json is in it. Name folders that"
                " `ambigan train --out` or `ambigan reproduce --out` wrote."
            )
        folders |= dict.fromkeys(folder.resolve() for folder in found)
    if len(folders) > MOST_RUNS:
        raise ConfigError(f"{len(folders)} runs are more than {MOST_RUNS}; name fewer folders.")
    above = dict.fromkeys(each for folder in folders for each in folder.parents[:_LEVELS])
    files = [file for each in above for file in sorted((each / "baselines").glob("*.json"))]
    apart = [result for file in files for result in read_results_if_whole(file)]
    return [_read(folder) for folder in folders], apart


def group_runs(runs: Sequence[ComparedRun]) -> list[RunGroup]:
    """Groups of runs whose settings and data differ in the seed alone, with distinct names.

    A seed that is there twice begins a group of its own.
    """
    groups: list[list[ComparedRun]] = []
    for run in runs:
        for group in groups:
            is_same = _identity(group[0].config) == _identity(run.config)
            is_same = is_same and group[0].data_hash == run.data_hash
            if is_same and run.seed not in {other.seed for other in group}:
                group.append(run)
                break
        else:
            groups.append([run])
    names = distinct_names([[run.folder.path.parts for run in group] for group in groups])
    return [
        RunGroup(name, tuple(sorted(group, key=lambda run: run.seed)))
        for name, group in zip(names, groups, strict=True)
    ]


def distinct_names(groups: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """The shortest ends of paths that tell groups apart.

    Args:
        groups: The parts of the path of each run, by group.
    """
    names = [_common_parts(paths) for paths in groups]
    while len(names) > 1 and len({own[-1] for own in names}) == 1 and min(map(len, names)) > 1:
        names = [own[:-1] for own in names]
    for length in range(1, max(map(len, names), default=1) + 1):
        ends = ["/".join(own[-length:]) for own in names]
        if len(set(ends)) == len(ends):
            return ends
    last = ["/".join(own[-1:]) for own in names]
    return [f"{name} ({last[: place + 1].count(name)})" for place, name in enumerate(last)]


def _common_parts(paths: Sequence[Sequence[str]]) -> list[str]:
    """The parts that the paths of a group share; of parts that differ, the beginning they share.

    A beginning that says no more than that there are seeds is left out: `seed-0` and `seed-1`.
    """
    if len(paths) == 1 or len({len(path) for path in paths}) > 1:
        return list(paths[0])
    found: list[str] = []
    for parts in zip(*paths, strict=True):
        shared = _beginning(min(parts), max(parts))
        if len(set(parts)) > 1:
            shared = shared.rstrip("0123456789").rstrip("-_. =")
            shared = shared.removesuffix("seed").rstrip("-_. =")
        if shared:
            found.append(shared)
    return found or list(paths[0])


def _beginning(first: str, last: str) -> str:
    """The letters that two texts begin with."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in pairs)


def _run_folders(path: Path) -> Iterator[Path]:
    """A folder if it is a run, else the runs below it by name; links are not followed."""
    if (path / "config.json").is_file():
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
            yield from _run_folders(child)


def _read(path: Path) -> ComparedRun:
    folder = RunFolder(path)
    config, _ = read_config(folder)
    data = read_sealed(folder.data_file) if folder.data_file.is_file() else {}
    results = tuple(result for found in read_folder(folder.results) for result in found)
    stats, timing = read_lines(folder.stats_file), read_lines(folder.timing_file)
    return ComparedRun(folder, config, data, results, stats, timing)


def _identity(config: RunConfig) -> dict[str, Any]:
    flat = dotted(config)
    return {name: value for name, value in flat.items() if name not in _OWN_OF_A_RUN}


def names_of(groups: Iterable[RunGroup]) -> str:
    """The names of groups in a sentence."""
    return ", ".join(group.name for group in groups)
