"""Cells as a table: means and deviations over seeds, beside the paper's values and baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from ..values import Value, value_of
from .papers import PaperTable

Result = dict[str, Any]

COSTS = {
    "training, s": "training_seconds",
    "images/s": "images_per_second",
    "measuring, s": "measuring_seconds",
}
"""Rows of a block's costs, and where `read_cost` keeps them."""


@dataclass(frozen=True)
class Line:
    """A row of the table, by column.

    Attributes:
        name: in words.
        key: in files.
        values: by column; None where there is none.
        digits: after the point.
        is_ours: and not something to compare with.
    """

    name: str
    key: str
    values: Mapping[str, Value | None]
    digits: int = 2
    is_ours: bool = False


@dataclass(frozen=True)
class Block:
    """One preset's part of the table."""

    preset: str
    trained: str
    lines: tuple[Line, ...]
    costs: tuple[Line, ...]


@dataclass(frozen=True)
class Summary:
    """A table made again, as far as it is.

    Attributes:
        table: which.
        results: of the cells that are done.
        costs: seconds of each.
        baselines: the record of what needs no training.
        num_cells: planned.
        command: that makes it again, or goes on with it.
        blocks: presets.
    """

    table: PaperTable
    results: tuple[Result, ...]
    costs: tuple[Result, ...]
    baselines: dict[str, Any]
    num_cells: int
    command: str
    blocks: tuple[Block, ...]

    @property
    def title(self) -> str:
        """Of the table, with the data it is made on."""
        return f"{self.table.title}, on {self.baselines['data']['name']}"

    @property
    def published(self) -> Line:
        """The paper's row."""
        values = {
            column.name: None if column.published is None else Value(column.published, None, 1)
            for column in self.table.columns
        }
        is_same = self.baselines["data"]["name"] == self.table.data
        where = "" if is_same else f" on {self.table.data}"
        return Line(f"paper{where}, {self.table.budget}", "paper", values)

    @property
    def floor(self) -> list[tuple[str, float]]:
        """Baselines that are the same in every column, by name."""
        return [(row["features"], row["accuracy"]) for row in self.baselines["rows"]]

    @property
    def floor_lines(self) -> list[Line]:
        """The same as rows of the table."""
        columns = [column.name for column in self.table.columns]
        return [
            Line(name, name, dict.fromkeys(columns, Value(accuracy, None, 1)))
            for name, accuracy in self.floor
        ]


def summarise(
    table: PaperTable,
    results: Sequence[Result],
    costs: Sequence[Result],
    baselines: dict[str, Any],
    num_cells: int,
    command: str,
) -> Summary:
    """Puts cells in their places.

    Args:
        table: which.
        results: as `read_cell` gives them.
        costs: as `read_cost` gives them.
        baselines: the record of what needs no training.
        num_cells: planned.
        command: that makes it again.
    """
    presets = list(dict.fromkeys(result["preset"] for result in results))
    blocks = tuple(_block(table, preset, results, costs) for preset in presets)
    return Summary(table, tuple(results), tuple(costs), baselines, num_cells, command, blocks)


def texts(line: Line, columns: Sequence[str]) -> list[str]:
    """A line's values as texts; a dash where there is none."""
    values = [line.values.get(column) for column in columns]
    return ["–" if value is None else value.text(line.digits) for value in values]


def _block(
    table: PaperTable, preset: str, results: Sequence[Result], costs: Sequence[Result]
) -> Block:
    ours = [result for result in results if result["preset"] == preset]
    spent = [cost for cost in costs if cost["preset"] == preset]

    def line(name: str, key: str, of: Callable[[Result], float | None], **form: Any) -> Line:
        return Line(name, key, _by_column(table, ours, of), **form)

    lines = (
        line("ours, last weights", "raw", lambda r: r["accuracy"].get("raw"), is_ours=True),
        line("ours, averaged weights", "ema", lambda r: r["accuracy"].get("ema"), is_ours=True),
        line("such a network, untrained", "random", lambda r: r["accuracy"]["random"]),
        line("reconstruction ratio, last weights", "ratio_raw", _ratio("raw"), is_ours=True),
        line("reconstruction ratio, averaged", "ratio_ema", _ratio("ema"), is_ours=True),
    )
    cost = tuple(
        Line(name, key, _by_column(table, spent, itemgetter(key)), digits=0)
        for name, key in COSTS.items()
    )
    kept = tuple(line for line in lines if any(line.values.values()))
    return Block(preset, _trained(ours), kept, cost)


def _ratio(weights: str) -> Callable[[Result], float | None]:
    return lambda result: (result["reconstruction_ratio"] or {}).get(weights)


def _by_column(
    table: PaperTable, results: Sequence[Result], of: Callable[[Result], float | None]
) -> dict[str, Value | None]:
    values: dict[str, Value | None] = {}
    for column in table.columns:
        found = [of(result) for result in results if result["column"] == column.name]
        there = [value for value in found if value is not None]
        values[column.name] = value_of(there) if there else None
    return values


def _trained(results: Sequence[Result]) -> str:
    """What one cell was given, such as `25 epochs, bf16, 3 seeds`."""
    epochs = " or ".join(str(n) for n in dict.fromkeys(result["epochs"] for result in results))
    precision = " or ".join(dict.fromkeys(result["precision"] for result in results))
    seeds = len({result["seed"] for result in results})
    unit = "epoch" if epochs == "1" else "epochs"
    return f"{epochs} {unit}, {precision}, {seeds} seed{'s' if seeds > 1 else ''}"
