"""Makes a table: every cell that is not there yet, and after each the table anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.files import held, read_json, write_json
from ..engine.loop import Progress
from ..measuring import Tell, evaluate_baselines
from .cells import Cell, groups_of, make_cells, measure_cell, plan_cells, read_cell, read_cost
from .summary import Summary, summarise
from .tables import PaperTable
from .writing import write_table

Bar = Callable[[], AbstractContextManager[Progress]]
"""Opens a progress bar for one training."""


def reproduce(
    table: PaperTable,
    out: str | Path,
    *,
    presets: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    changes: Mapping[str, str] | None = None,
    bar: Bar,
    tell: Tell = lambda _line: None,
    alarm: Callable[[str], None] = print,
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
    if len(set(seeds)) < len(seeds) or not seeds:
        raise ConfigError(f"seeds {list(seeds)}: give one or more, each once.")
    cells = plan_cells(table, list(dict.fromkeys(presets or table.presets)), seeds, changes, out)
    _claim(table, changes, out)
    with held(out / ".lock") as is_ours:
        if not is_ours:
            raise ConfigError(f"{out} is being made by another process; wait for it or stop it.")
        return _make(table, cells, out, bar, tell, alarm)


def _make(
    table: PaperTable,
    cells: Sequence[Cell],
    out: Path,
    bar: Bar,
    tell: Tell,
    alarm: Callable[[str], None],
) -> Summary:
    done = [cell for cell in cells if cell.is_measured(table.protocol)]
    tell(f"{table.name}: {len(cells)} cells, {len(done)} of them done")
    baselines = _baselines(table, cells[0], out, tell)
    summary = _write(table, cells, baselines, out)
    number = len(done)
    for group in groups_of(cells, table.protocol):
        tell(f"cell {number + 1} of {len(cells)}: {'; '.join(cell.name for cell in group)}")
        with bar() as progress:
            make_cells(group, table.protocol, progress, alarm)
        for cell in group:
            measure_cell(cell, table.protocol, tell)
        number += len(group)
        summary = _write(table, cells, baselines, out)
    return summary


def _claim(table: PaperTable, changes: Mapping[str, str], out: Path) -> None:
    """Notes what the folder is for, or refuses one that is for something else."""
    plan = out / "plan.json"
    ours = {"table": table.name, "changes": dict(sorted(changes.items()))}
    ours["changes"].pop("train.device", None)
    if plan.is_file():
        if (theirs := read_json(plan)) != ours:
            raise ConfigError(
                f"{out} holds {theirs.get('table')} with settings {theirs.get('changes')}, not "
                f"{table.name} with {ours['changes']}; choose another --out."
            )
    elif out.exists() and (not out.is_dir() or any(p.name[0] != "." for p in out.iterdir())):
        raise ConfigError(f"{out} exists and is not an empty folder; choose another --out.")
    else:
        write_json(plan, ours)


def _baselines(table: PaperTable, cell: Cell, out: Path, tell: Tell) -> dict[str, Any]:
    """What needs no training, measured once for the table."""
    path = out / "baselines.json"
    if not path.is_file():
        record = evaluate_baselines(
            cell.config.data,
            table.protocol,
            table.pca_widths,
            device=cell.config.train.device,
            tell=tell,
        )
        write_json(path, record)
    return read_json(path)


def _write(
    table: PaperTable, cells: Sequence[Cell], baselines: dict[str, Any], out: Path
) -> Summary:
    done = [cell for cell in cells if cell.is_measured(table.protocol)]
    results = [read_cell(cell, table.protocol) for cell in done]
    costs = [read_cost(cell) for cell in done]
    summary = summarise(table, results, costs, baselines, len(cells))
    write_table(summary, done, out)
    return summary
