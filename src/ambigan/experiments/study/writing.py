"""A study as files: JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from typing import Any

from ...core.version import __version__
from ..values import machines, markdown_grid
from .comparison import COST_COLUMNS, SAMPLE_SCORES, Comparison, Finding, of_seed


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything but times."""
    study = comparison.study
    return {
        "study": study.name,
        "title": comparison.title,
        "question": study.question,
        "source": study.source,
        "ambigan": __version__,
        "data": dict(comparison.data),
        "lines": [
            {
                "features": line.name,
                "dim": line.dim,
                "is_baseline": line.is_baseline,
                **{
                    key: {"mean": v.mean, "deviation": v.deviation, "num_seeds": v.num}
                    for key, v in line.values.items()
                },
            }
            for line in comparison.lines
        ],
        "runs": [
            {
                "arm": finding.arm,
                "seed": finding.seed,
                "images": finding.images,
                "precision": finding.cost["precision"],
                "curve": [list(point) for point in finding.points],
                "records": dict(finding.records),
                "drawn": finding.drawn,
                "reconstructed": finding.reconstructed,
            }
            for finding in comparison.findings
        ],
    }


def as_csv(comparison: Comparison) -> str:
    """One line for each features and protocol, then for each measure of what a run draws.

    The latter have a run's name in the place of features, no dimensions, and names such as
    `samples/frechet` and `reconstruction/ratio` in the place of protocols.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("features", "dim", "protocol", "mean", "deviation", "num_seeds"))
    for line in comparison.lines:
        for key, value in line.values.items():
            spread = "" if value.deviation is None else value.deviation
            writer.writerow((line.name, line.dim, key, value.mean, spread, value.num))
    for finding in comparison.findings:
        for key, value in _measures(finding).items():
            writer.writerow((of_seed(finding), "", key, value, "", 1))
    return text.getvalue()


def as_markdown(comparison: Comparison) -> str:
    """The table as it would stand in a README."""
    study = comparison.study
    parts = [f"# {comparison.title}", "", f"{study.question} {study.source}. Accuracy in %.", ""]
    if len(comparison.findings) < comparison.num_runs:
        done = f"{len(comparison.findings)} of {comparison.num_runs} runs"
        parts += [f"**Not finished: {done}.**", ""]
    parts += markdown_grid(
        comparison.columns, [comparison.texts(line) for line in comparison.lines]
    )
    drawn, stand_ins = comparison.drawn_rows()
    if drawn:
        grid = markdown_grid(comparison.drawn_columns, [*drawn, *stand_ins])
        parts += ["", comparison.drawn_words, "", *grid]
    parts += ["", *markdown_grid(COST_COLUMNS, comparison.cost_rows()), ""]
    parts += [comparison.mixture] if comparison.mixture else []
    parts += [f"On {machine}." for machine in machines(comparison.records)]
    return "\n".join(parts).rstrip() + "\n"


def _measures(finding: Finding) -> dict[str, float]:
    """Of samples and reconstructions, by name."""
    found: dict[str, float] = {}
    if finding.drawn:
        row = finding.drawn["rows"][0]
        found |= {f"samples/{name}": row[name] for name in SAMPLE_SCORES}
    if finding.reconstructed:
        found["reconstruction/ratio"] = finding.reconstructed["rows"][0]["ratio_real"]
    return found
