"""Records of results as tables on the terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ..evaluation.results import title_of
from .output import alarm, cell

WORDS = ("features", "weights", "space", "metric")
HEAD = {"features": "features", "weights": "weights", "space": "in", "dim": "dim", "num": "number"}
SCORES = {
    "accuracy": "accuracy %",
    "deviation": "±",
    "nmi": "NMI %",
    "map": "mAP %",
    "recall_1": "recall@1 %",
    "recall_5": "recall@5 %",
    "recall_10": "recall@10 %",
    "precision_10": "precision@10 %",
    "k": "k",
    "metric": "metric",
    "c": "C",
    "l2": "L2",
    "num_labels": "labels",
    "at_grid_end": "at grid's end",
    "fid": "FID",
    "frechet": "Fréchet",
    "kid": "KID",
    "precision": "precision %",
    "recall": "recall %",
    "inception_score": "IS",
}
RECONSTRUCTION = {
    "features": "of test data",
    "weights": "weights",
    "error_real": "error",
    "error_real_shuffled": "shuffled",
    "ratio_real": "ratio",
    "ratio_generated": "of samples",
    "ratio_latent": "of latents",
}
_FINE = ("c", "l2")
_WIDEST = 1000


def print_records(records: list[dict[str, Any]]) -> None:
    """A table for each record: the columns that say something, rows as they were measured."""
    for record in records:
        title = title_of(record)
        table = Table(box=SIMPLE, title=cell(title), title_justify="left", pad_edge=False)
        columns = columns_of(record["rows"])
        for name, title in columns.items():
            words = name in WORDS
            table.add_column(title, justify="left" if words else "right", no_wrap=words)
        for row in record["rows"]:
            table.add_row(*[_cell(name, row.get(name)) for name in columns])
        console = Console()
        if not console.is_terminal:  # a file has no width to keep to
            console = Console(
                width=max(
                    80,
                    Measurement.get(console, console.options.update(width=_WIDEST), table).maximum,
                )
            )
        console.print(table)
        if stopped := [row["features"] for row in record["rows"] if row.get("converged") is False]:
            alarm(f"{record['protocol']} did not converge on {', '.join(dict.fromkeys(stopped))}")


def columns_of(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Names and titles of the columns of a table."""
    if any("error_real" in row for row in rows):
        return RECONSTRUCTION
    known = {**HEAD, **SCORES, "seconds": "s"}
    return {name: title for name, title in known.items() if _tells(name, rows)}


def _tells(name: str, rows: list[dict[str, Any]]) -> bool:
    values = [row.get(name) for row in rows]
    return any(value is not None and value is not False for value in values)


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if name in _FINE and isinstance(value, float):
        return f"{value:g}"
    if name == "kid" and isinstance(value, float):
        return f"{value:.4f}"
    return cell(value)
