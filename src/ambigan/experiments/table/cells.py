"""The cells of a table: a column, preset and seed each, trained and measured in its own folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, unknown_name
from ...core.files import read_if_whole
from ...core.settings import override
from ...engine.config import choose_device
from ...engine.run_folder import RunFolder
from ...evaluation.results import is_whole
from ...measuring import Tell, evaluate
from ...methods import METHODS
from ...presets import PRESETS, find_preset
from ..run_spec import PlannedRun, check_unchanged, folder_name
from .papers import Column, PaperTable

RECONSTRUCTION = "reconstruction_l2"


class Cell(PlannedRun):
    """One run of a table: its column, its row, which is a preset, and one of several seeds."""

    def protocols(self, protocol: str) -> tuple[str, ...]:
        """All it is measured by: the table's, and reconstruction where the method can."""
        able = "reconstruct" in METHODS[self.config.method].capabilities
        return (RECONSTRUCTION, protocol) if able else (protocol,)

    def record(self, protocol: str) -> dict[str, Any] | None:
        """What was measured of the saved model; None if nothing was, or of another state."""
        record = read_if_whole(self.run.results / f"{protocol}.json")
        is_ours = record.get("images_seen") == self.images_trained
        return record if is_ours and is_whole(record) else None

    def is_measured(self, protocol: str) -> bool:
        """Whether nothing is left to do: trained to the end, and that model measured."""
        return all(self.record(name) is not None for name in self.protocols(protocol))


def plan_cells(
    table: PaperTable,
    presets: Sequence[str],
    seeds: Sequence[int],
    changes: Mapping[str, str],
    out: Path,
) -> list[Cell]:
    """All cells, a whole row of columns for the first seed, then for the next.

    Args:
        table: which.
        presets: its rows; a column whose method has no such preset stays empty.
        seeds: of each.
        changes: settings by dotted name, for every cell.
        out: the table's folder.

    Raises:
        ConfigError: no column has a preset, a setting is not one of a column's, or a cell was
            made with other settings before.
    """
    cells: list[Cell] = []
    for preset in presets:
        columns = [column for column in table.columns if preset in PRESETS[column.method]]
        if not columns:
            known = sorted({name for column in table.columns for name in PRESETS[column.method]})
            raise unknown_name(f"preset of {table.name}", preset, known)
        for seed in seeds:
            cells += [_plan(table, column, preset, seed, changes, out) for column in columns]
    for cell in cells:
        check_unchanged(cell)
    return cells


def finished_cells(
    table: PaperTable, changes: Mapping[str, str], out: Path, planned: Sequence[Cell]
) -> list[Cell]:
    """The cells that are done: those planned, and those that were made before beside them."""
    there = {cell.run.path for cell in planned}
    cells = list(planned)
    columns = {folder_name(column): column for column in table.columns}
    for path in sorted((out / "cells").glob("*/*/seed-*")):
        preset, column, seed = path.parts[-3], columns.get(path.parts[-2]), path.name[5:]
        if path not in there and column and seed.isdigit() and preset in PRESETS[column.method]:
            cells.append(_plan(table, column, preset, int(seed), changes, out))
    return [cell for cell in cells if cell.is_measured(table.protocol)]


def _plan(
    table: PaperTable,
    column: Column,
    preset: str,
    seed: int,
    changes: Mapping[str, str],
    out: Path,
) -> Cell:
    values = {"data.source": table.data, **column.changes, **changes, "train.seed": str(seed)}
    try:
        config = override(find_preset(column.method, preset), values).check()
    except ConfigError as error:
        raise ConfigError(f"column '{column.name}': {error}") from error
    run = RunFolder(out / "cells" / preset / folder_name(column) / f"seed-{seed}")
    return Cell(column, preset, seed, config, run)


def groups_of(cells: Sequence[Cell], protocol: str) -> Iterable[list[Cell]]:
    """What is left to do, in order: one cell after another; on CUDA, a column's seeds at once."""
    left = [cell for cell in cells if not cell.is_measured(protocol)]
    if not left or choose_device(left[0].config.train.device).type == "cpu":
        return ([cell] for cell in left)
    left.sort(key=_place)
    return (list(group) for _, group in groupby(left, key=_place))


def _place(cell: Cell) -> tuple[str, str]:
    return cell.preset, cell.variant.name


def measure_cell(cell: Cell, protocol: str, tell: Tell) -> None:
    """Measures a cell by what it is not measured by yet."""
    missing = [name for name in cell.protocols(protocol) if cell.record(name) is None]
    if missing:
        device = cell.config.train.device
        evaluate(cell.run.path, protocols=missing, baselines=("random",), device=device, tell=tell)


def read_cell(cell: Cell, protocol: str) -> dict[str, Any]:
    """What was measured of a cell, without its times.

    Returns:
        `accuracy` and `ratio` (of reconstruction errors; None where there is none) by weights,
        `raw` and `ema`; `accuracy` also of `random`, the untrained network; and what was trained.
    """
    measured, reconstructed = cell.record(protocol), cell.record(RECONSTRUCTION)
    assert measured is not None, "only cells that are measured are read"
    accuracy = {_weights(row): row["accuracy"] for row in measured["rows"]}
    rows = reconstructed["rows"] if reconstructed else []
    ratio = {_weights(row): row["ratio_real"] for row in rows if row["kind"] == "model"}
    return {
        "preset": cell.preset,
        "column": cell.variant.name,
        "seed": cell.seed,
        "epochs": cell.config.train.epochs,
        "images_seen": measured["images_seen"],
        "precision": cell.precision,
        "accuracy": accuracy,
        "reconstruction_ratio": ratio or None,
        "features": measured["rows"][0]["features"],
        "data": measured["data"],
        "torch": measured["torch"],
        "hardware": measured["hardware"],
    }


def _weights(row: dict[str, Any]) -> str:
    return row["weights"] or "random"
