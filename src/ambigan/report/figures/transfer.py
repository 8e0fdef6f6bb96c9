"""Accuracy by the number of frozen layers, learned beside random, as a chart and a table."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from ..result_tables import Table, TableCell, TableRow
from . import theme
from .charts import legend_above


def transfer_chart(record: dict[str, Any], *, height: int = 260) -> Figure:
    """Test accuracy over the frozen layers; the dashed line is all trained from scratch."""
    figure, axes = theme.new_figure(theme.WIDTH, height)
    names = transfer_layer_names(record)
    for start, colour, label in (
        ("trained", theme.ACCENT, "layers of this run"),
        ("random", theme.MUTED, "random layers"),
    ):
        points = _points(record, start)
        axes.plot(*zip(*points, strict=True) if points else ([], []), color=colour, linewidth=1.8,
                  marker="o", markersize=5, label=label)  # fmt: skip
    scratch = [row["accuracy"] for row in record["rows"] if row["start"] == "scratch"]
    for level in scratch:
        axes.axhline(level, color=theme.INK, linewidth=1, linestyle=(0, (3, 3)),
                     label="all from scratch")  # fmt: skip
    axes.grid(axis="y", color=theme.RULE, linewidth=1)
    axes.set_xticks(range(1, len(names) + 1), [theme.clean(name, 12) for name in names])
    axes.set_xlim(0.7, len(names) + 0.3)
    axes.set_xlabel("frozen through", color=theme.MUTED, fontsize=12)
    axes.margins(y=0.1)
    axes.set_ylabel("test accuracy, %", color=theme.MUTED, fontsize=12)
    legend_above(axes)
    return figure


def transfer_table(record: dict[str, Any]) -> Table:
    """One row for each start, one column for each number of frozen layers."""
    names = transfer_layer_names(record)
    lines = [
        _line(record, "trained", f"{record['settings']['network']}, learned", names),
        _line(record, "random", "random layers", names),
        _line(record, "scratch", "all from scratch", names),
    ]
    return Table(("first layers", "0", *names), 1, tuple(lines))


def transfer_layer_names(record: dict[str, Any]) -> list[str]:
    """The last frozen layer of each number of them, from 1."""
    found = {row["frozen"]: row["layers"] for row in record["rows"] if row["frozen"]}
    return [found[number].rpartition(".")[2].rpartition(" ")[2] for number in sorted(found)]


def flags_of(record: dict[str, Any]) -> str:
    """What to type behind `ambigan transfer RUN` to measure the same again."""
    names = ["network", "weights", "labels", "epochs", "batch_size", "learning_rate", "seed"]
    settings = record["settings"]
    if settings["labels"] == record.get("data", {}).get("num_train"):
        names.remove("labels")  # all of them
    words = [f"--{name.replace('_', '-')} {settings[name]}" for name in names]
    return " ".join([*words, "--flip" if settings["flip"] else "--no-flip"])


def _points(record: dict[str, Any], start: str) -> list[tuple[int, float]]:
    rows = [row for row in record["rows"] if row["start"] == start]
    return sorted((row["frozen"], row["accuracy"]) for row in rows)


def _line(record: dict[str, Any], start: str, name: str, names: list[str]) -> TableRow:
    found = dict(_points(record, start))
    cells = [TableCell(f"{found[i]:.1f}" if i in found else "") for i in range(len(names) + 1)]
    return TableRow((TableCell(name), *cells), is_baseline=start != "trained")
