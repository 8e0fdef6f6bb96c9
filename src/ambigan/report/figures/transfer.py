"""Accuracy by the number of frozen layers, learned beside random, as a chart and a table."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any, cast

from matplotlib.figure import Figure

from ...core.settings import plain
from ...evaluation.result import Result
from ...transfer import TransferSettings
from ..result_tables import ResultTable, TableCell, TableRow
from . import theme
from .charts import legend_above

_STARTS = {
    "trained": ("layers of this run", theme.ACCENT),
    "untrained": ("the same untrained", theme.MUTED),
    "scaled": ("random, scaled", theme.colour_of(1)),
    "kmeans": ("filters of k-means", theme.colour_of(2)),
}


def transfer_chart(record: Sequence[Result]) -> Figure:
    """Test accuracy over the frozen layers; the dashed line is all trained from scratch."""
    figure, axes = theme.new_figure(theme.FIGURE_WIDTH, 260)
    names = transfer_layer_names(record)
    for start, (label, colour) in _STARTS.items():
        if points := _points(record, start):
            across, up = [x for x, _ in points], [y for _, y in points]
            axes.plot(across, up, "-o", color=colour, linewidth=1.8, markersize=5, label=label)
    for _, level in _points(record, "scratch"):
        line: dict[str, Any] = theme.REFERENCE | {"color": theme.INK}
        axes.axhline(level, label="all from scratch", **line)
    axes.grid(axis="y", color=theme.RULE, linewidth=1)
    axes.set_xticks(range(1, len(names) + 1), [theme.clean(name, 12) for name in names])
    axes.set_xlim(0.7, len(names) + 0.3)
    axes.margins(y=0.1)
    theme.label_axes(axes, "frozen through", "test accuracy, %")
    legend_above(axes)
    return figure


def transfer_table(record: Sequence[Result]) -> ResultTable:
    """One row for each start, one column for each number of frozen layers."""
    names = transfer_layer_names(record)
    lines = [
        _line(record, start, name, names)
        for start, name in {
            **{start: label for start, (label, _) in _STARTS.items()},
            "trained": f"{record[0].protocol.constants['network']}, learned",
            "scratch": "all from scratch",
        }.items()
        if _points(record, start)
    ]
    return ResultTable(("first layers", "0", *names), 1, tuple(lines))


def transfer_layer_names(record: Sequence[Result]) -> list[str]:
    """The last frozen layer of each number of them, from 1."""
    rows = [result.details for result in record]
    found = {row["frozen"]: row["layers"] for row in rows if row["frozen"]}
    return [found[number].rpartition(".")[2].rpartition(" ")[2] for number in sorted(found)]


def flags_of(record: Sequence[Result]) -> str:
    """What to type behind `ambigan transfer RUN` to measure the same again."""
    names = ["network", "weights", "labels", "epochs", "batch_size", "learning_rate", "seed"]
    settings, about = record[0].protocol.constants, record[0].provenance
    if settings["labels"] == about.data.num_train:
        names.remove("labels")  # all of them
    words = [f"--{name.replace('_', '-')} {settings[name]}" for name in names]
    words += [
        f"--task.{name.replace('_', '-')} {_as_typed(settings[name])}"
        for name, usual in plain(TransferSettings()).items()
        if name not in (*names, "flip") and settings.get(name, usual) != usual
    ]
    starts = list(dict.fromkeys(r.details["start"] for r in record if r.details["frozen"]))
    words += [f"--starts {','.join(starts)}"]
    words += [f"--data {shlex.quote(about.asked['data'])}"] if about.asked.get("data") else []
    return " ".join([*words, "--flip" if settings["flip"] else "--no-flip"])


def task_flags(record: Sequence[Result]) -> str:
    """The same of a task, from the flags that were typed and the rows that are there."""
    asked = dict(record[0].provenance.asked)
    details = [result.details for result in record]
    asked["layers"] = list(dict.fromkeys(row["layers"] for row in details))
    asked["starts"] = [
        s for s in dict.fromkeys(row["start"] for row in details) if s != "checkpoint"
    ]
    words: list[str] = []
    for name, value in asked.items():
        text = ",".join(cast(list[str], value)) if isinstance(value, list) else str(value)
        words += [f"--{name.replace('_', '-')}", shlex.quote(text)]
    return " ".join(words)


def _as_typed(value: Any) -> str:
    """A constant as it is typed behind its flag."""
    parts = cast(Sequence[Any], value) if isinstance(value, list | tuple) else [value]
    return ",".join(map(str, parts))


def _points(record: Sequence[Result], start: str) -> list[tuple[int, float]]:
    rows = [result for result in record if result.details["start"] == start]
    return sorted((result.details["frozen"], result.headline.value or 0.0) for result in rows)


def _line(record: Sequence[Result], start: str, name: str, names: list[str]) -> TableRow:
    found = dict(_points(record, start))
    cells = [TableCell(f"{found[i]:.1f}" if i in found else "") for i in range(len(names) + 1)]
    return TableRow((TableCell(name), *cells), is_baseline=start != "trained")
