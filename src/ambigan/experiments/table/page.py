"""A table's page: one HTML file, with a chart and pictures of what each column learned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...core.version import __version__
from ...report.figures import theme
from ...report.panels import ChartPanel, Section, chart
from ...report.result_tables import Table, TableRow
from ...report.result_tables import TableCell as Text
from ...report.summary import SummaryItem, duration
from ...report.templates import render_template
from ..values import machines
from .cells import Cell
from .summary import Block, Line, Summary, texts

TEMPLATE = "table.html.jinja"
WIDE, ROW = 1016, 42  # CSS pixels of the chart, and of one of its rows


def render(summary: Summary, pictures: Sequence[Section]) -> str:
    """The page as HTML.

    Args:
        summary: of the table.
        pictures: of what was learned.
    """
    context = {
        "table": summary.table,
        "title": summary.title,
        "version": __version__,
        "facts": _facts(summary),
        "num_cells": summary.num_cells,
        "num_left": summary.num_cells - len(summary.results),
        "blocks": [_block(summary, block) for block in summary.blocks],
        "pictures": pictures,
        "command": summary.command,
        "data": _data(summary),
    }
    return render_template(TEMPLATE, context, "reproduce/table")


def _facts(summary: Summary) -> list[SummaryItem]:
    spent = sum(cost["training_seconds"] + cost["measuring_seconds"] for cost in summary.costs)
    images = sum(result["images_seen"] for result in summary.results)
    return [
        SummaryItem("cells", f"{len(summary.results)}", f"of {summary.num_cells}"),
        SummaryItem("protocol", summary.table.protocol, "accuracy in %"),
        SummaryItem("time", duration(spent) if spent else "–", f"{images:,} images seen"),
        *[
            SummaryItem("hardware", *_split_machine(machine))
            for machine in machines(summary.results)
        ],
        SummaryItem("ambigan", __version__, ""),
    ]


def _split_machine(machine: str) -> tuple[str, str]:
    where, _, torch = machine.rpartition(", ")
    short, _, long = where.partition(" of ")
    return short, ", ".join(filter(None, (long, torch)))


def _block(summary: Summary, block: Block) -> dict[str, Any]:
    columns = [column.name for column in summary.table.columns]
    several = any(v is not None and v.num > 1 for line in block.lines for v in line.values.values())
    how = "Mean and standard deviation over seeds. " if several else ""
    how += (
        "Reconstruction is the error on test data over that of shuffled pairs: 1 knows nothing of "
        "its input, 0 is perfect."
    )
    return {
        "preset": block.preset,
        "trained": block.trained,
        "how": how,
        "table": _table([summary.published, *block.lines, *summary.floor_lines], columns),
        "costs": _table(block.costs, columns),
        "chart": _chart(summary, block),
    }


def _table(lines: Sequence[Line], columns: Sequence[str]) -> Table:
    rows = [
        TableRow(tuple(Text(text) for text in (line.name, *texts(line, columns))), not line.is_ours)
        for line in lines
    ]
    return Table(("", *columns), 1, tuple(rows))


def _chart(summary: Summary, block: Block) -> ChartPanel:
    """Each column on a line: the paper's value, ours, and the network untrained."""
    columns = [column.name for column in summary.table.columns]
    by_key = {line.key: line for line in block.lines} | {"paper": summary.published}
    marks = {
        "paper": (summary.published.name.partition(",")[0], "D", theme.INK, True),
        "raw": ("last weights", "o", theme.ACCENT, False),
        "ema": ("averaged weights", "o", theme.ACCENT, True),
        "random": ("untrained", "s", theme.MUTED, False),
    }
    figure, axes = theme.new_figure(WIDE, ROW * len(columns) + 60)
    for key, (name, marker, colour, filled) in marks.items():
        if key not in by_key:
            continue
        aside = {"raw": 0.14, "random": -0.14}.get(key, 0.0)  # equal values stay apart
        found = [(row + aside, by_key[key].values.get(c)) for row, c in enumerate(columns)]
        points = [(value, row) for row, value in found if value is not None]
        axes.errorbar(
            [value.mean for value, _ in points],
            [row for _, row in points],
            xerr=[value.deviation or 0 for value, _ in points],
            fmt=marker,
            color=colour,
            markerfacecolor=colour if filled else theme.PAPER,
            markersize=8,
            elinewidth=1.4,
            label=name,
        )
    for value in {value for _, value in summary.floor}:
        names = ", ".join(name for name, theirs in summary.floor if theirs == value)
        axes.axvline(value, color=theme.MUTED, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        axes.text(value, -0.72, theme.clean(names), color=theme.MUTED, fontsize=11, ha="center")
    axes.set(ylim=(len(columns) - 0.5, -0.9), yticks=range(len(columns)))
    axes.set_yticklabels([theme.clean(column) for column in columns])
    axes.grid(axis="y", color=theme.RULE, linewidth=1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.legend(
        loc="upper left", bbox_to_anchor=(0, -0.06), ncols=4, frameon=False, fontsize=12,
        labelcolor=theme.INK,
    )  # fmt: skip
    caption = "Dashed lines: what needs no training. Bars are deviations over seeds."
    return chart("Ours beside the paper's", caption, figure)


def first_seeds(cells: Sequence[Cell]) -> list[Cell]:
    """The cell of each preset and column whose pictures are shown."""
    first: dict[tuple[str, str], Cell] = {}
    for cell in sorted(cells, key=lambda cell: cell.seed):
        first.setdefault((cell.preset, cell.variant.name), cell)
    return list(first.values())


def _data(summary: Summary) -> list[tuple[str, str]]:
    found = [result["data"] for result in summary.results] or [summary.baselines["data"]]
    unique = {json.dumps(data, sort_keys=True): data for data in found}
    return [
        line
        for data in unique.values()
        for line in (
            ("Data", data["name"]),
            ("Examples", f"{data['num_train']:,} to learn from, {data['num_test']:,} held out"),
            ("SHA-256", data["sha256"]),
        )
    ]
