"""What an experiment is, as data: what is trained, by which seeds, and how it is measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..core.errors import ConfigError
from ..core.registry import Registry


@dataclass(frozen=True)
class RunSpec:
    """One training of an experiment, repeated for each seed.

    Attributes:
        name: The name in tables.
        method: A name of the package, or `module:Class`.
        changes: Settings by dotted name, on top of the preset's and the experiment's.
        preset: The preset that it starts from; None to start from each of the experiment's.
        layers: The layers that are measured, the first of them in curves; the method's feature
            layer if empty.
        untrained: Whether the same networks before training are measured as well.
    """

    name: str
    method: str
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    preset: str | None = "images"
    layers: tuple[str, ...] = ()
    untrained: bool = False

    @property
    def slug(self) -> str:
        """The name as a folder has it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


@dataclass(frozen=True)
class Experiment:
    """Runs that are trained on one set of data, each with every seed, and measured alike.

    Attributes:
        name: The name by which it is asked for, in lower case with hyphens.
        title: One line.
        source: The paper, and the place in it.
        runs: What is trained, in the order of the table.
        protocols: The protocols by which features are measured, in the order of columns.
        settings: Settings of every run by dotted name, `data.source` among them.
        notes: The question that it answers, in a sentence.
        presets: The presets of runs that name none, unless others are asked for.
        epochs: How often the network that is measured sees the data, whatever the number of its
            method's turns. None leaves `train.epochs` to presets.
        weights: Which weights are measured: averaged (`ema`), or both if None.
        pca_widths: The numbers of components of the PCA baselines.
        curve: The protocol that is measured at every kept checkpoint, or None.
        cross_validate: Whether protocols of labels divide both splits again where few examples are
            held out; false where seeds have divisions of their own.
        reconstructions: The protocols by which reconstructions of runs that make some are measured.
        reference_model: The name of the run in whose first layer samples of the others are
            compared with data, best one that draws nothing itself; None compares none.
        published: The paper's value of the first protocol, by the name of a run.
        published_budget: What the paper spent for these, in words.
        time: What it takes, on which machine; measured, or said not to be.

    Raises:
        ConfigError: A part is missing, or is of a run that is not there.
    """

    name: str
    title: str
    source: str
    runs: tuple[RunSpec, ...]
    protocols: tuple[str, ...]
    settings: Mapping[str, str]
    notes: str = ""
    presets: tuple[str, ...] = ()
    epochs: int | None = None
    weights: Literal["ema"] | None = "ema"
    pca_widths: tuple[int, ...] = (128,)
    curve: str | None = None
    cross_validate: bool = True
    reconstructions: tuple[str, ...] = ("reconstruction_l2",)
    reference_model: str | None = None
    published: Mapping[str, float] = field(default_factory=dict[str, float])
    published_budget: str = ""
    time: str = "not measured"

    def __post_init__(self) -> None:
        names = {run.name for run in self.runs}
        others = {*self.published, *filter(None, [self.reference_model])} - names
        layers = [run.layers for run in self.runs if run.name == self.reference_model]
        for is_wrong, reason in (
            (len({run.slug for run in self.runs}) < len(self.runs), "two runs have one name"),
            (others, f"it has no run '{''.join(sorted(others)[:1])}'"),
            (not self.protocols, "it names no protocol"),
            (() in layers, "its reference model names no layer"),
            ("data.source" not in self.settings, "its settings have no data.source"),
            (not self.presets and None in {run.preset for run in self.runs}, "a preset is missing"),
        ):
            if is_wrong:
                raise ConfigError(f"experiment '{self.name}': {reason}.")


EXPERIMENTS: Registry[Experiment] = Registry("experiment")
"""All experiments by name, in the order in which they are listed."""


def register_experiment(experiment: Experiment) -> Experiment:
    """Adds an experiment to those that `reproduce` knows, from within the package or outside it.

    Raises:
        ConfigError: Another experiment has its name.
    """
    return EXPERIMENTS.add(experiment.name, experiment)
