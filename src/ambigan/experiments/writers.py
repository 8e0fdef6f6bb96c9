"""A summary as JSON, CSV and Markdown; its page is made in `page`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core.files import write_json, write_text
from ..core.version import __version__
from ..evaluation.result import SCHEMA
from ..hub import escape_markdown
from ..report.panels import Section
from ..report.result_tables import ResultTable
from .kept_summary import RESULTS, RUNS
from .page import render
from .summary import Line, Summary


def write_summary(summary: Summary, pictures: Sequence[Section], out: Path) -> None:
    """Writes `NAME.json`, `.csv`, `.md`, `.html` and `NAME-cost.json`, each atomically.

    `NAME.json` and `NAME.csv` hold no times: they are equal however often the experiment was
    interrupted.
    """
    name = summary.experiment.name
    costs = [
        {"name": run.name, "preset": run.preset, "seed": run.seed, **asdict(run.cost)}
        for run in summary.runs
    ]
    write_json(out / f"{name}.json", summary_as_json(summary))
    write_json(out / f"{name}-cost.json", {"runs": costs})
    write_text(out / f"{name}.csv", as_csv(summary))
    write_text(out / f"{name}.md", as_markdown(summary))
    write_text(out / f"{name}.html", render(summary, pictures))


def summary_as_json(summary: Summary) -> dict[str, Any]:
    """Everything but times, and what results tell beside their metrics."""
    experiment = summary.experiment
    aside: Any = {"__all__": {"seconds", "details"}}
    aside_of_runs: Any = {"__all__": {"cost": True, "results": aside}}
    return {
        "schema": SCHEMA,
        "experiment": experiment.name,
        "title": summary.title,
        "notes": experiment.notes,
        "source": experiment.source,
        "published": dict(experiment.published),
        "published_budget": experiment.published_budget,
        "changed": list(summary.changed),
        "ambigan": __version__,
        "data": asdict(summary.results[0].provenance.data),
        "lines": [_line(line) for line in summary.lines],
        "drawn": [_line(line) for line in summary.drawn],
        "runs": RUNS.dump_python(summary.runs, exclude=aside_of_runs),
        "baselines": RESULTS.dump_python(summary.baselines, exclude=aside),
    }


def as_csv(summary: Summary) -> str:
    """A line for each row of the tables and each metric, or value of the paper."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "dim", "metric", "mean", "deviation", "low", "high", "num_seeds"))
    for line in (*summary.lines, *summary.drawn):
        for key, value in line.values.items():
            writer.writerow((line.name, line.dim, key, *asdict(value).values()))
    return text.getvalue()


def as_markdown(summary: Summary) -> str:
    """The tables as they would stand in a README, in which names of data are no markup."""
    experiment = summary.experiment
    lead = " ".join(filter(None, [experiment.notes, f"{experiment.source}."]))
    parts = [f"# {escape_markdown(summary.title)}", lead]
    if len(summary.runs) < summary.num_runs:
        parts.append(f"**Not finished: {len(summary.runs)} of {summary.num_runs} runs.**")
    for caption, table in summary.tables:
        parts += filter(None, [escape_markdown(caption), markdown_table(table)])
    parts += [f"On {escape_markdown(machine)}." for machine in summary.machines]
    return "\n\n".join(parts) + "\n"


def _line(line: Line) -> dict[str, Any]:
    head = {"name": line.name, "dim": line.dim, "is_baseline": line.is_baseline}
    return head | {key: asdict(value) for key, value in line.values.items()}


def markdown_table(table: ResultTable) -> str:
    """A table as Markdown has it."""
    rows = [[cell.text for cell in row.cells] for row in table.rows]
    lines = [f"| {' | '.join(map(escape_markdown, row))} |" for row in (table.columns, *rows)]
    return "\n".join([lines[0], "|" + " --- |" * len(table.columns), *lines[1:]])
