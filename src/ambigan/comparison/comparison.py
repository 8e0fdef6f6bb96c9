"""A comparison of runs: what they differ in, what was measured, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.errors import AmbiganError
from ..core.files import as_typed
from ..core.settings import plain
from ..evaluation.result import Result
from ..evaluation.result_file import results_as_json
from ..model_files import load
from ..report.result_tables import ResultTable
from ..run import Run
from .runs import RunGroup, find_runs, group_runs, names_of
from .tables import (
    cost_table,
    costs_of,
    joint_table,
    own_result,
    results_by_protocol,
    settings_table,
    settings_that_differ,
    summary_table,
)


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; those that differ in their seed alone are one group.

    Attributes:
        groups: The groups, in the order in which their runs were named.
        models: A loaded run by the name of its group, where one could be loaded.
        unloaded: Why others could not, by name.
        results: What was measured by each protocol; see `tables.results_by_protocol`.
    """

    groups: tuple[RunGroup, ...]
    models: Mapping[str, Run]
    unloaded: Mapping[str, str]
    results: Sequence[Sequence[Result]]

    @property
    def settings(self) -> ResultTable:
        """Settings that differ."""
        return settings_table(self.groups)

    @property
    def summary(self) -> ResultTable:
        """The headline of every protocol, for each group, with the best baseline."""
        return summary_table(self.groups, self.results)

    @property
    def costs(self) -> ResultTable:
        """What a run of each group took."""
        return cost_table(self.groups, costs_of(self.groups, self.models))

    @property
    def table(self) -> ResultTable:
        """Settings, results and costs in one, as a terminal shows them."""
        parts = (("settings", self.settings), ("results", self.summary), ("cost", self.costs))
        return joint_table(self.groups, [part for part in parts if part[1].rows])

    @cached_property
    def notes(self) -> list[str]:
        """What a reader must know before the numbers: above all what cannot be compared."""
        found = [*self._notes_on_data(), *self._notes_on_training(), *self._notes_on_results()]
        return found + [
            f"{name} cannot be loaded, and shows no samples: {reason}"
            for name, reason in self.unloaded.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything but curves and pictures, as plain values."""
        names = [group.name for group in self.groups]

        def by_group(values: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
            return {key: dict(zip(names, own, strict=True)) for key, own in values.items()}

        return {
            "groups": [
                {
                    "name": group.name,
                    "runs": [str(run.folder.path) for run in group.runs],
                    "seeds": [run.seed for run in group.runs],
                    "config": plain(group.config),
                    "data": {key: group.first.data.get(key) for key in ("name", "sha256")},
                }
                for group in self.groups
            ],
            "notes": self.notes,
            "settings": by_group(settings_that_differ(self.groups)),
            "results": [results_as_json(results) for results in self.results],
            "costs": by_group(costs_of(self.groups, self.models)),
        }

    def _notes_on_data(self) -> list[str]:
        """Whether all learned from the same examples."""
        by_data: dict[str, list[RunGroup]] = {}
        for group in self.groups:
            by_data.setdefault(group.first.data_hash, []).append(group)
        if len(by_data) < 2:
            return []
        texts = [
            f"{names_of(groups)} from {groups[0].first.data.get('name', 'unknown data')}"
            f" ({groups[0].first.data.get('num_train', 0):,} examples)"
            for groups in by_data.values()
        ]
        return [
            f"They learned from different data: {'; '.join(texts)}. Results on different data stand"
            " in tables of their own, and their losses and reconstructions cannot be compared."
        ]

    def _notes_on_training(self) -> list[str]:
        """Methods whose losses differ in kind, runs that are not finished, budgets, latents."""
        notes: list[str] = []
        if len({group.config.method for group in self.groups}) > 1:
            notes.append(
                "Losses of different methods, or of other terms and weights, measure different"
                " things: compare their course, and not their height."
            )
        shown = {group.first.images_seen for group in self.groups}
        if len(shown) > 1:
            notes.append(
                f"They were shown {min(shown):,} to {max(shown):,} examples: results differ by that"
                " too."
            )
        for group in self.groups:
            begun = [run for run in group.runs if not (run.folder.model / "config.json").is_file()]
            if begun:
                seeds = ", ".join(str(run.seed) for run in begun)
                notes.append(f"{group.name} is not finished (seed {seeds}).")
        priors = {
            (type(run.method.prior).__name__, run.method.prior.dim)
            for run in self.models.values()
            if "sample" in run.capabilities
        }
        if len(priors) > 1:
            notes.append(
                "Latents differ in number or distribution: samples are of the same seed, and not of"
                " the same latents."
            )
        return notes

    def _notes_on_results(self) -> list[str]:
        """Layers that differ, results that some lack, and those of an earlier state."""
        notes: list[str] = []
        names = {x.protocol.title for x in (found[0] for found in self.results)}
        if len({found[0].provenance.data.sha256 for found in self.results}) == 1 and len(
            self.results
        ) > len(names):
            notes.append(
                "Some protocols were followed with different constants, by other versions of"
                " ambigan or other crops: their results stand in tables of their own."
            )
        for results in self.results:
            title = results[0].protocol.title
            lacking = [g for g in self.groups if own_result(results, g.name) is None]
            if lacking and len(names) == len(self.results):
                notes.append(f"Not measured by {title}: {names_of(lacking)}.")
        for group in self.groups:
            for run in group.runs:
                older = {
                    x.protocol.title
                    for x in run.results
                    if x.provenance.images_seen not in (None, run.images_seen) and not x.is_baseline
                }
                if older:
                    notes.append(
                        f"{group.name}, seed {run.seed}, was measured before its training went on:"
                        f" {', '.join(sorted(older))}."
                    )
        if not self.results:
            paths = " ".join(as_typed(run.folder.path) for g in self.groups for run in g.runs[:1])
            notes.append(
                f"Nothing is measured yet: run `ambigan evaluate RUN` for each of {paths}."
            )
        return notes


def make_comparison(paths: Sequence[str | Path], device: str = "auto") -> Comparison:
    """Reads runs, groups those that differ in their seed alone, and loads one of each group.

    Args:
        paths: Folders of runs, or that hold runs, such as an experiment's.
        device: The device of the loaded models.

    Raises:
        CheckpointError: A folder is or holds no run.
    """
    runs, baselines = find_runs(paths)
    groups = group_runs(runs)
    models: dict[str, Run] = {}
    unloaded: dict[str, str] = {}
    for group in groups:
        try:
            models[group.name] = load(group.first.folder.path, device=device)
        except AmbiganError as error:
            unloaded[group.name] = str(error)
    layers = {name: run.method.default_layer for name, run in models.items()}
    results = results_by_protocol(groups, baselines, layers)
    return Comparison(tuple(groups), models, unloaded, results)
