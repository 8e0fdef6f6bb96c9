"""Makes a table: every cell that is not there yet, and after each the table anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError
from ...core.files import hold_lock, read_if_whole, read_json, write_json
from ...core.settings import from_strings
from ...data import Dataset, open_dataset
from ...evaluation.protocols import find_protocol
from ...evaluation.results import is_current
from ...measuring import Tell, evaluate_baselines
from ...report.panels import Section
from ...training import check_trainable
from ..pictures import pictures_of
from ..run_spec import (
    Alarm,
    Bar,
    check_folder,
    check_measured_on,
    check_same_column,
    check_seeds,
    command_of,
    measuring_seconds,
    read_cost,
    train_planned,
)
from .cells import Cell, finished_cells, groups_of, measure_cell, plan_cells, read_cell
from .page import first_seeds
from .papers import PaperTable
from .summary import Summary, summarise
from .writing import write_table


def reproduce(
    table: PaperTable,
    out: str | Path,
    *,
    presets: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, str] | None = None,
    bar: Bar,
    tell: Tell = lambda _line: None,
    alarm: Alarm = print,
) -> Summary:
    """Makes a table again and writes `table.json`, `.csv`, `.md` and `.html`.

    What is finished is never done again, and what was interrupted goes on where it was, so the
    same call may be repeated until the table is whole; presets and seeds may be added later.

    Args:
        table: one of `TABLES`.
        out: the table's folder, new or its own.
        presets: rows; the table's own if empty.
        seeds: of every cell.
        changes: settings by dotted name, for every cell, such as `train.epochs`.
        bar: opens a progress bar for one training.
        tell: told what is done, one line each.
        alarm: told of each sign of collapse.

    Raises:
        ConfigError: a setting is not allowed, or `out` holds another table.
        As `train` and `evaluate`.
    """
    out, changes = Path(out), dict(changes or {})
    check_seeds(seeds, changes)
    cells = plan_cells(table, list(dict.fromkeys(presets or table.presets)), seeds, changes, out)
    dataset = open_dataset(cells[0].config.data)
    _check(table, cells, dataset)
    check_folder(out, ("plan.json", "cells"))
    with hold_lock(out / ".lock") as is_ours:
        if not is_ours:
            raise ConfigError(f"{out} is being made by another process; wait for it or stop it.")
        _claim(table, changes, out)
        maker = Maker(table, cells, changes, out, dataset, tell)
        return maker.make(bar, alarm)


def _check(table: PaperTable, cells: Sequence[Cell], dataset: Dataset) -> None:
    """Lets what can fail fail before the first hour is spent."""
    for cell in {(cell.preset, cell.variant.name): cell for cell in cells}.values():
        try:
            check_trainable(cell.config, dataset)
        except ConfigError as error:
            raise ConfigError(f"column '{cell.variant.name}': {error}") from error
    if "labels" in find_protocol(table.protocol).needs and not dataset.has_labels:
        raise ConfigError(
            f"{table.name} needs labels, and {dataset.name} has none; name their column by "
            "--data.label-column."
        )
    if len(dataset.test) < 2:
        raise ConfigError(
            f"{dataset.name} holds out {len(dataset.test)} examples; a table needs 2 or more."
        )


class Maker:
    """A table on its way.

    Args:
        table: which.
        cells: planned.
        changes: settings of every cell.
        out: the folder.
        dataset: that all cells learn.
        tell: told what is done.
    """

    def __init__(
        self,
        table: PaperTable,
        cells: Sequence[Cell],
        changes: Mapping[str, str],
        out: Path,
        dataset: Dataset,
        tell: Tell,
    ) -> None:
        self.table, self.cells, self.changes, self.out = table, cells, changes, out
        self.dataset, self.tell = dataset, tell
        self.pictures: dict[Path, Section | None] = {}

    def make(self, bar: Bar, alarm: Alarm) -> Summary:
        """Trains and measures what is left, and writes the table after each cell."""
        protocol = self.table.protocol
        number = sum(cell.is_measured(protocol) for cell in self.cells)
        self.tell(f"{self.table.name}: {len(self.cells)} cells, {number} of them done")
        baselines = self._baselines()
        summary = self._write(baselines)
        for group in groups_of(self.cells, protocol):
            names = "; ".join(cell.name for cell in group)
            self.tell(f"cell {number + 1} of {len(self.cells)}: {names}")
            with bar() as progress:
                train_planned(group, progress, alarm)
            for cell in group:
                measure_cell(cell, protocol, self.tell)
            number += len(group)
            summary = self._write(baselines)
        return summary

    def _baselines(self) -> dict[str, Any]:
        """What needs no training, measured once for the table."""
        path, config = self.out / "baselines.json", self.cells[0].config
        record = read_if_whole(path)
        if not is_current(record, find_protocol(self.table.protocol)):
            record = evaluate_baselines(
                config.data,
                self.table.protocol,
                self.table.pca_widths,
                device=config.train.device,
                tell=self.tell,
            )
            write_json(path, record)
        check_measured_on(path, record, self.dataset)
        return record

    def _write(self, baselines: dict[str, Any]) -> Summary:
        done = finished_cells(self.table, self.changes, self.out, self.cells)
        for cell in done:
            record = cell.record(self.table.protocol)
            assert record is not None
            check_same_column(cell, record, baselines)
        results = [read_cell(cell, self.table.protocol) for cell in done]
        costs = [read_cost(cell) | {"measuring_seconds": measuring_seconds(cell)} for cell in done]
        num_cells = len({cell.run.path for cell in (*self.cells, *done)})
        command = command_for(self.table, self.cells, self.changes, self.out)
        summary = summarise(self.table, results, costs, baselines, num_cells, command)
        write_table(summary, self._pictures(done), self.out)
        return summary

    def _pictures(self, done: Sequence[Cell]) -> list[Section]:
        """What each column learned; a cell's are drawn once."""
        shown = first_seeds(done)
        for cell in shown:
            if cell.run.path not in self.pictures:
                self.pictures[cell.run.path] = pictures_of(cell, self.dataset)
        found = [self.pictures[cell.run.path] for cell in shown]
        return [section for section in found if section is not None]


def command_for(
    table: PaperTable, cells: Sequence[Cell], changes: Mapping[str, str], out: Path
) -> str:
    """What makes these cells again, or goes on with them."""
    seeds = sorted({cell.seed for cell in cells})
    words = ["ambigan", "reproduce", table.name, "--presets"]
    words += [",".join(dict.fromkeys(cell.preset for cell in cells))]
    return command_of(words, seeds, changes, out)


def _claim(table: PaperTable, changes: Mapping[str, str], out: Path) -> None:
    """Notes what the folder is for, or refuses one that is for something else."""
    plan = out / "plan.json"
    settings = {name: from_strings(text) for name, text in sorted(changes.items())}
    settings.pop("train.device", None)
    ours = {"table": table.name, "changes": settings}
    if plan.is_file():
        theirs = read_json(plan)
        if theirs.get("table") != table.name:
            raise ConfigError(f"{out} holds {theirs.get('table')}; choose another --out.")
        before = theirs.get("changes") or {}
        if changed := sorted(n for n in settings | before if settings.get(n) != before.get(n)):
            pairs = [f"{n}: {before.get(n)} there, {settings.get(n)} here" for n in changed]
            listed = "; ".join(pairs)
            raise ConfigError(f"{out} was made otherwise ({listed}); choose another --out.")
    else:
        write_json(plan, ours)
