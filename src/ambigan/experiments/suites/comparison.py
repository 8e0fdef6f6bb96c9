"""The tables of a suite: what each method is worth next to what needs no training, by task."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.files import write_json, write_text
from ...core.version import __version__
from ...evaluation.result import SCHEMA, Result
from ...hub import escape_markdown
from ...report.page import render_template
from ...report.result_tables import ResultTable, TableCell, TableRow
from ..kept_summary import read_summary
from ..run_records import RunResult
from ..summary import Value
from ..writers import markdown_table
from .suite import Suite, SuiteTask

RAW, PCA, UNTRAINED = "raw values", "PCA", "untrained"
UNLEARNED = (RAW, PCA, UNTRAINED)
"""What is compared with methods, and needs no training."""

_LEAD = (
    "Means over seeds, each with a division of the data of its own where none is published, with"
    " the deviation over seeds. Examples that are scored were in no training, and labels are used"
    " to measure alone. PCA is the best of the widths measured, untrained the best of the networks"
    " that were measured before training, each chosen by the value shown, which favours them. Bold"
    " is the best of a row."
)
_WINS = (
    "In how many sets the mean is ahead of all of raw values, PCA and untrained networks;"
    " reconstructions, of the training mean."
)
_AGAINST = (
    "In how many cells of labels, sets by tasks, the mean is ahead of each; few labels, then all."
)


@dataclass(frozen=True)
class SetResults:
    """What was found on a set of data by one seed: finished runs, and baselines."""

    set: str
    seed: int
    runs: tuple[RunResult, ...]
    baselines: tuple[Result, ...]
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A suite as far as it is made; `command` goes on with it.

    `absent` names sets that are not on this machine.
    """

    suite: Suite
    found: tuple[SetResults, ...]
    absent: tuple[str, ...] = ()
    command: str = ""

    @cached_property
    def names(self) -> list[str]:
        """What is compared: baselines, peers, and then methods."""
        peers = self.suite.peers
        return [*UNLEARNED, *peers, *(name for name in self.suite.runs if name not in peers)]

    @cached_property
    def sets(self) -> list[str]:
        """The sets of which something is known, in the suite's order."""
        known = {each.set for each in self.found}
        return [each.name for each in self.suite.sets if each.name in known]

    @cached_property
    def cells(self) -> dict[tuple[str, str], dict[str, Value]]:
        """By set and task: what is compared, with its values over seeds."""
        found: dict[tuple[str, str], dict[str, Value]] = {}
        for name in self.sets:
            for task in self.suite.tasks:
                scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
                for who, variant, value in self._values(name, task):
                    scores[who][variant].append(value)
                best = {who: _best(of.values(), task) for who, of in scores.items()}
                if best:
                    found[name, task.title] = {who: best[who] for who in self.names if who in best}
        return found

    def _values(self, name: str, task: SuiteTask) -> Iterator[tuple[str, str, float]]:
        """Who was measured, as which variant, and the value, seed by seed."""
        for each in self.found:
            if each.set != name:
                continue
            results = [("", result) for result in each.baselines]
            results += [(run.name, result) for run in each.runs for result in run.results]
            seen: set[tuple[str, str]] = set()
            for run, result in results:
                value = result.value(task.metric)
                if result.protocol.name != task.protocol or value is None:
                    continue
                subject = result.subject
                who, variant = run, subject.name
                if subject.kind == "untrained":
                    who, variant = UNTRAINED, f"{run} {subject.name}"
                elif subject.kind == "baseline":
                    who = PCA if subject.name.startswith("pca") else RAW
                    if (who, variant) in seen:  # every run is compared with the same
                        continue
                    seen.add((who, variant))
                yield who, variant, value

    def is_ahead(self, name: str, task: SuiteTask, who: str, other: str) -> bool | None:
        """Whether one mean is better than another as shown; None where one is not known."""
        cell = self.cells.get((name, task.title), {})
        if who not in cell or other not in cell:
            return None
        ours, theirs = (float(f"{cell[x].mean:{task.form}}") for x in (who, other))
        return ours > theirs if task.direction == "higher" else ours < theirs

    def wins(self, who: str, others: Sequence[str], tasks: Sequence[SuiteTask]) -> tuple[int, int]:
        """In how many cells one is ahead of all others that are known there, and of how many cells.

        A cell counts where raw values, or the training mean, and one's own value are known.
        """
        won = of = 0
        for name in self.sets:
            for task in tasks:
                ahead = [self.is_ahead(name, task, who, other) for other in others]
                known = [is_ahead for is_ahead in ahead if is_ahead is not None]
                if known and RAW in self.cells.get((name, task.title), {}):
                    won, of = won + all(known), of + 1
        return won, of

    @cached_property
    def tallies(self) -> dict[str, dict[str, tuple[int, int]]]:
        """By run: cells ahead of all baselines by task, and ahead of each baseline by labels."""
        tasks = self.suite.tasks
        few = [task for task in tasks if task.few_labels]
        of_labels = [task for task in tasks if task.baseline == RAW]
        found: dict[str, dict[str, tuple[int, int]]] = {}
        for who in self.names[len(UNLEARNED) :]:
            own = {t.title: self.wins(who, self._opponents(t), [t]) for t in tasks}
            own |= {"few labels, all": self.wins(who, UNLEARNED, few)}
            for other in (*UNLEARNED, *self.suite.peers):
                own[f"few labels, {other}"] = self.wins(who, (other,), few)
                own[f"all labels, {other}"] = self.wins(who, (other,), of_labels)
            found[who] = own
        return found

    def _opponents(self, task: SuiteTask) -> Sequence[str]:
        """What is to be beaten; of reconstructions the training mean."""
        return UNLEARNED if task.baseline == RAW else (RAW,)

    @property
    def tables(self) -> list[tuple[str, str, ResultTable]]:
        """Title, caption and table: wins, wins against each, and one for each task."""
        columns = [task.title for task in self.suite.tasks]
        found = [("Ahead of all baselines", _WINS, self._tally([*columns, "few labels, all"]))]
        pairs = [
            f"{x} labels, {y}" for x in ("few", "all") for y in (*UNLEARNED, *self.suite.peers)
        ]
        found.append(("Ahead of each", _AGAINST, self._tally(pairs)))
        for task in self.suite.tasks:
            rows = [name for name in self.sets if (name, task.title) in self.cells]
            if rows:
                found.append((task.title, self._task_caption(task), self._task_table(task, rows)))
        return found

    def _task_caption(self, task: SuiteTask) -> str:
        better = "" if task.direction == "higher" else "; lower is better"
        return f"{task.metric.replace('_', ' ')} of {task.protocol}{better}."

    def _tally(self, columns: Sequence[str]) -> ResultTable:
        rows: list[TableRow] = []
        for who, counts in self.tallies.items():
            texts = [f"{counts[x][0]} of {counts[x][1]}" if counts[x][1] else "–" for x in columns]
            rows.append(TableRow(tuple(map(TableCell, (who, *texts))), is_baseline=False))
        return ResultTable(("run", *columns), 1, tuple(rows))

    def _task_table(self, task: SuiteTask, sets: Sequence[str]) -> ResultTable:
        shown = [x for x in self.names if any(x in self.cells[name, task.title] for name in sets)]
        rows: list[TableRow] = []
        for name in sets:
            cell = self.cells[name, task.title]
            texts = {who: cell[who].text(task.form) for who in shown if who in cell}
            means = [cell[who].mean for who in texts]
            best = max(means) if task.direction == "higher" else min(means)
            cells = [TableCell(name)]
            for who in shown:
                is_best = who in texts and f"{cell[who].mean:{task.form}}" == f"{best:{task.form}}"
                cells.append(TableCell(texts.get(who, "–"), is_best))
            rows.append(TableRow(tuple(cells), is_baseline=False))
        heads = [task.baseline if who == RAW else who for who in shown]
        return ResultTable(("set", *heads), 1, tuple(rows))

    @property
    def state(self) -> str:
        """How much is there, and what was changed or is not on this machine."""
        by_name = self.suite.by_name
        done = sum(len(x.runs) == len(by_name[x.set].experiment.runs) for x in self.found)
        seeds = sorted({each.seed for each in self.found})
        texts = [
            f"{len(self.sets)} of {len(self.suite.sets)} sets;"
            f" seeds {', '.join(map(str, seeds))}; {done} of {len(self.found)} finished."
        ]
        if self.absent:
            texts.append(f"Not on this machine: {', '.join(self.absent)}.")
        if changed := dict.fromkeys(text for each in self.found for text in each.changed):
            texts.append(f"Changed from the suite's own settings: {'; '.join(changed)}.")
        return " ".join(texts)


def read_found(suite: Suite, out: Path) -> tuple[SetResults, ...]:
    """What all calls left in the folder, of any seed.

    Raises:
        CheckpointError: A file is damaged.
    """
    found: list[SetResults] = []
    for each in suite.sets:
        names = [path.name.removeprefix("seed-") for path in (out / each.name).glob("seed-*")]
        for seed in sorted(int(name) for name in names if name.isdecimal() and name.isascii()):
            folder = out / each.name / f"seed-{seed}"
            runs, baselines, changed = read_summary(each.experiment, folder)
            if runs or baselines:
                found.append(SetResults(each.name, seed, tuple(runs), baselines, tuple(changed)))
    return tuple(found)


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Writes `NAME.json`, `.csv`, `.md` and `.html` of a suite, each atomically."""
    name = comparison.suite.name
    pages = {
        f"{x.set}, seed {x.seed}": f"{x.set}/seed-{x.seed}/{comparison.suite.page_of(x.set)}"
        for x in comparison.found
    }
    context = {"comparison": comparison, "lead": _LEAD, "pages": pages, "version": __version__}
    page = render_template("suite.html.jinja", context, "experiments/suites")
    write_json(out / f"{name}.json", as_json(comparison))
    write_text(out / f"{name}.csv", comparison_as_csv(comparison))
    write_text(out / f"{name}.md", comparison_as_markdown(comparison))
    write_text(out / f"{name}.html", page)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Cells and counts, without times: equal however often the suite was interrupted."""
    suite = comparison.suite
    cells: Sequence[Mapping[str, Any]] = [
        {"set": name, "task": task, **{who: asdict(value) for who, value in cell.items()}}
        for (name, task), cell in comparison.cells.items()
    ]
    return {
        "schema": SCHEMA,
        "suite": suite.name,
        "title": suite.title,
        "notes": suite.notes,
        "state": comparison.state,
        "ambigan": __version__,
        "tasks": [asdict(task) for task in suite.tasks],
        "tallies": comparison.tallies,
        "cells": cells,
    }


def comparison_as_csv(comparison: Comparison) -> str:
    """A line for each set, task and what is compared."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("set", "task", "name", "mean", "deviation", "low", "high", "num_seeds"))
    for (name, task), cell in comparison.cells.items():
        for who, value in cell.items():
            writer.writerow((name, task, who, *asdict(value).values()))
    return text.getvalue()


def comparison_as_markdown(comparison: Comparison) -> str:
    """The tables as a README would have them."""
    suite = comparison.suite
    parts = [f"# {escape_markdown(suite.title)}", suite.notes, comparison.state, _LEAD]
    for title, caption, table in comparison.tables:
        parts += [f"## {escape_markdown(title)}", escape_markdown(caption), markdown_table(table)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _best(variants: Any, task: SuiteTask) -> Value:
    """The values over seeds of the variant whose mean is best."""
    values = [Value.of(scores) for scores in variants]
    choose = max if task.direction == "higher" else min
    return choose(values, key=lambda value: value.mean)
