"""A table as JSON, CSV and Markdown; its page is made in `page`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.files import write_json, write_text
from ...core.version import __version__
from ...report.panels import Section
from ..values import machines, markdown_grid
from .page import render
from .summary import Line, Summary, texts


def write_table(summary: Summary, pictures: Sequence[Section], out: Path) -> None:
    """Writes `table.json`, `table.csv`, `table.md`, `table.html` and `cost.json`, each atomically.

    `table.json` and `table.csv` hold no times: they are equal however often the making was
    interrupted.

    Args:
        summary: of the table.
        pictures: of what was learned, for the page.
        out: the folder.
    """
    write_json(out / "table.json", as_json(summary))
    write_json(out / "cost.json", {"cells": list(summary.costs)})
    write_text(out / "table.csv", as_csv(summary))
    write_text(out / "table.md", as_markdown(summary))
    write_text(out / "table.html", render(summary, pictures))


def as_json(summary: Summary) -> dict[str, Any]:
    """Everything but times."""
    table = summary.table
    return {
        "table": table.name,
        "title": summary.title,
        "source": table.source,
        "protocol": table.protocol,
        "ambigan": __version__,
        "published": {column.name: column.published for column in table.columns},
        "budget": table.budget,
        "baselines": dict(summary.floor),
        "lines": [
            {
                "preset": block.preset,
                "line": line.key,
                "column": column,
                "mean": value.mean,
                "deviation": value.deviation,
                "num_seeds": value.num,
            }
            for block in summary.blocks
            for line in block.lines
            for column, value in line.values.items()
            if value is not None
        ],
        "cells": list(summary.results),
    }


def as_csv(summary: Summary) -> str:
    """One line for each cell and kind of weights."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("preset", "column", "seed", "weights", "accuracy", "reconstruction_ratio", "published")
    writer.writerow(names)
    published = {column.name: column.published for column in summary.table.columns}
    for result in summary.results:
        ratios = result["reconstruction_ratio"] or {}
        for weights, accuracy in result["accuracy"].items():
            column = result["column"]
            ratio = ratios.get(weights)
            writer.writerow(
                [result["preset"], column, result["seed"], weights, accuracy]
                + ["" if value is None else value for value in (ratio, published[column])]
            )
    return text.getvalue()


def as_markdown(summary: Summary) -> str:
    """The table as it would stand in a README."""
    table = summary.table
    columns = [column.name for column in table.columns]
    parts = [f"# {summary.title}", "", f"{table.source}. Protocol `{table.protocol}`, in %.", ""]
    if len(summary.results) < summary.num_cells:
        parts += [f"**Not finished: {len(summary.results)} of {summary.num_cells} cells.**", ""]
    for block in summary.blocks:
        parts += [f"## Preset `{block.preset}`: {block.trained}", ""]
        parts += _grid(columns, [summary.published, *block.lines, *summary.floor_lines])
        parts += ["", *_grid(columns, block.costs), ""]
    parts += [f"On {machine}." for machine in machines(summary.results)]
    return "\n".join(parts).rstrip() + "\n"


def _grid(columns: Sequence[str], lines: Sequence[Line]) -> list[str]:
    return markdown_grid(["", *columns], ([line.name, *texts(line, columns)] for line in lines))
