"""What a suite is, as data: experiments on several sets of data, and the tasks of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from ...core.errors import ConfigError, unknown_name
from ...core.registry import Registry
from ..experiment import EXPERIMENTS, Experiment

DATA_FOLDER = "$AMBIGAN_DATA"
"""In settings of a set: the folder of downloaded data."""


@dataclass(frozen=True)
class SuiteSet:
    """A set of data with the experiment on it.

    Attributes:
        name: The name by which it is asked for, and of its folder.
        experiment: What is trained and measured. Its settings may name files in `$AMBIGAN_DATA`.
        place: The file or folder below the folder of data without which the set is left out;
            empty for data that come with the package.
    """

    name: str
    experiment: Experiment
    place: str = ""

    def experiment_at(self, root: Path, seed: int) -> Experiment:
        """The experiment on the division of the data by this seed.

        Args:
            root: The folder of data.
            seed: The seed of the division into training and test split.
        """
        settings = {
            name: text.replace(DATA_FOLDER, str(root))
            for name, text in self.experiment.settings.items()
        }
        return replace(self.experiment, settings={**settings, "data.split_seed": str(seed)})


@dataclass(frozen=True)
class SuiteTask:
    """A task that features or reconstructions are judged by: a table of its own.

    Attributes:
        title: Its name in tables.
        protocol: The protocol that measures it.
        metric: The metric of the protocol that is compared.
        direction: Whether higher or lower values are better.
        few_labels: Whether labels are few, which are counted together as well.
        baseline: What raw values are called, in whose place reconstructions have the training mean.
    """

    title: str
    protocol: str
    metric: str
    direction: Literal["higher", "lower"] = "higher"
    few_labels: bool = False
    baseline: str = "raw values"

    @property
    def form(self) -> str:
        """The format of its values: percent, or ratios, of which lower ones are better."""
        return ".1f" if self.direction == "higher" else ".3f"


@dataclass(frozen=True)
class Suite:
    """The same runs on several sets of data, and one table of all.

    Attributes:
        name: The name by which it is asked for.
        title: One line.
        notes: The question that it answers, in a sentence.
        source: Who asked it.
        sets: The sets, in the order of the table.
        tasks: The tasks, in the order of tables.
        peers: Names of runs that are compared with the others and are no candidates themselves.
        time: What it takes, on which machine; measured, or said not to be.

    Raises:
        ConfigError: Two sets have one name, or a task is measured by none of the experiments.
    """

    name: str
    title: str
    notes: str
    source: str
    sets: tuple[SuiteSet, ...]
    tasks: tuple[SuiteTask, ...]
    peers: tuple[str, ...] = ()
    time: str = "not measured"
    by_name: Mapping[str, SuiteSet] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {each.name: each for each in self.sets})
        measured = {
            name
            for each in self.sets
            for name in (*each.experiment.protocols, *each.experiment.reconstructions)
        }
        if len(self.by_name) < len(self.sets):
            raise ConfigError(f"suite '{self.name}': two sets have one name.")
        if others := [task.title for task in self.tasks if task.protocol not in measured]:
            raise ConfigError(f"suite '{self.name}': no experiment measures '{others[0]}'.")

    @cached_property
    def runs(self) -> list[str]:
        """Names of all runs, in the order in which the sets have them."""
        return list(dict.fromkeys(run.name for x in self.sets for run in x.experiment.runs))

    def page_of(self, name: str) -> str:
        """The name of a set's page, in the folder of each seed."""
        return f"{self.by_name[name].experiment.name}.html"

    def choose(self, names: Sequence[str]) -> list[SuiteSet]:
        """The sets that are named, in the suite's order; all if none is.

        Raises:
            ConfigError: There is no such set.
        """
        for name in names:
            if name not in self.by_name:
                raise unknown_name(f"set of {self.name}", name, self.by_name)
        return [each for each in self.sets if not names or each.name in names]


SUITES: Registry[Suite] = Registry("experiment")
"""All suites by name."""


def register_suite(suite: Suite) -> Suite:
    """Adds a suite to what `reproduce` knows.

    Raises:
        ConfigError: An experiment or another suite has its name.
    """
    if suite.name in EXPERIMENTS:
        raise ConfigError(f"an experiment is named '{suite.name}' already; rename the suite.")
    return SUITES.add(suite.name, suite)
