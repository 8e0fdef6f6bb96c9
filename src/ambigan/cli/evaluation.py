"""The verbs that measure: evaluate, and reproduce for experiments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as TerminalTable
from rich.text import Text

from ..core.distributed import shared_work, workers
from ..core.errors import ConfigError
from ..core.machine import num_launched_processes
from ..core.settings import build, from_strings, override
from ..data import DataSettings
from ..engine.run_folder import RunFolder
from ..evaluation.config import EvaluationConfig
from ..evaluation.crops import CropSettings
from ..evaluation.result import Result
from ..evaluation.result_file import results_as_json
from ..model_files import read_config
from ..report.result_tables import ResultTable, headline_of, not_ahead, table_of, title_of
from ..run_data import carried
from ..run_evaluation import evaluate as measure
from ..run_evaluation import evaluate_curve
from .output import logger, print_json, say, show_progress
from .parser import Request, between_commas
from .runs import data_values, method_of, refuse_settings_alone

MOST_SEEDS = 1000
WIDEST_TABLE = 1000


def evaluate(request: Request) -> int:
    """Measures a run and prints a table for each protocol, or all results as JSON."""
    flags = request.flags
    config = EvaluationConfig(
        protocols=list(dict.fromkeys(between_commas(flags.protocol))),
        layers=list(dict.fromkeys(between_commas(flags.layer))),
        weights=flags.weights,
        reference_features=list(dict.fromkeys(flags.reference_features or ())),
        inception=flags.inception,
        crops=_crops_of(flags),
        data=data_of(request),
        framing=flags.framing or "run",
        device=flags.device,
    )
    if flags.framing and config.data is None:
        raise ConfigError("--framing is of other data; name them by --data.")
    function = evaluate_curve if flags.curve else measure
    with shared_work(), show_progress() as progress:
        found = function(flags.run, config, method=method_of(request), decoding=progress)
        is_main = workers().is_main
    if not is_main:
        return 0
    if flags.json:
        print_json(results_as_json(found))
        return 0
    if not flags.curve:
        print_results(found)
        _say_not_ahead(by_title(found).values())
    say(f"written: {RunFolder(flags.run).results}")
    return 0


def data_of(request: Request) -> DataSettings | None:
    """The data of `--data` with the settings of `--data.NAME`, or None."""
    flags, values = request.flags, data_values(request)
    if flags.data is None:
        refuse_settings_alone(request)
        return None
    config, _ = read_config(RunFolder(flags.run), method_of(request))
    return replace(override(carried(config.data, flags.data), values), source=flags.data)


def _crops_of(flags: argparse.Namespace) -> CropSettings | None:
    """The views that are asked for, if any are."""
    asked = {
        "num": flags.views,
        "short_side": flags.views_short_side,
        "flip": "true" if flags.views_flip else None,
        "test_crops": flags.test_crops,
    }
    values = {name: from_strings(value) for name, value in asked.items() if value is not None}
    return build(CropSettings, values, "views.") if values else None


def reproduce(request: Request) -> int:
    """Makes an experiment: a paper's table, or methods compared."""
    flags = request.flags
    if flags.json:
        raise ConfigError("--json is for --list; what is made is written as .json anyway.")
    from ..engine.trainer import Interrupted
    from ..experiments import EXPERIMENTS, SUITES

    if flags.experiment is None:
        raise ConfigError(f"name an experiment: {', '.join([*EXPERIMENTS, *SUITES])}.")
    if num_launched_processes() > 1:
        raise ConfigError("reproduce runs as one process; start it without torchrun.")
    make = _reproduce_suite if flags.experiment in SUITES else _reproduce_experiment
    try:
        out, tables = make(request)
    except Interrupted as stop:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 128 + stop.signal_number
    print(tables)
    say(f"written: {out / flags.experiment}.json, .csv, .md, .html")
    return 0


def _reproduce_experiment(request: Request) -> tuple[Path, str]:
    """Makes an experiment on one set of data; returns its folder and its tables."""
    from ..experiments import EXPERIMENTS, SUITES, default_folder
    from ..experiments import reproduce as make
    from ..experiments.writers import as_markdown

    flags = request.flags
    experiment = EXPERIMENTS.find(flags.experiment)
    if flags.sets is not None:
        raise ConfigError(
            f"{experiment.name} is made on one set of data; leave out --sets, which"
            f" {', '.join(SUITES)} takes."
        )
    out = Path(flags.out or default_folder(experiment, request.settings))
    summary = make(
        experiment,
        out,
        presets=_listed("--presets", flags.presets),
        **_what_to_make(request),
    )
    return out, as_markdown(summary)


def _reproduce_suite(request: Request) -> tuple[Path, str]:
    """Makes an experiment on several sets of data; returns its folder and its tables."""
    from ..experiments import SUITES, reproduce_suite
    from ..experiments.suites.comparison import comparison_as_markdown

    flags = request.flags
    suite = SUITES.find(flags.experiment)
    if flags.presets is not None:
        raise ConfigError(
            f"runs of {suite.name} start from presets of their own; leave --presets out."
        )
    out = Path(flags.out or f"runs/{suite.name}")
    comparison = reproduce_suite(
        suite,
        out,
        sets=_listed("--sets", flags.sets),
        **_what_to_make(request),
    )
    return out, comparison_as_markdown(comparison)


def _what_to_make(request: Request) -> dict[str, Any]:
    """What experiments and suites are asked for alike, as arguments."""
    return {
        "seeds": parse_seeds(request.flags.seeds),
        "changes": request.settings,
        "runs": _listed("--runs", request.flags.runs),
        "render_only": request.flags.render,
        "bar": show_progress,
    }


def _listed(flag: str, text: str | None) -> list[str]:
    """Names between commas; none if the flag was left out."""
    names = [name.strip() for name in between_commas(text)]
    if text is not None and not any(names):
        raise ConfigError(f"{flag} '{text}' names none; leave it out for all of them.")
    return [name for name in names if name]


def parse_seeds(text: str) -> list[int]:
    """`3` counts from 0; a comma lists them, `0,3` or `4,`."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise ConfigError(
            f"--seeds '{text}' is neither a number nor a list such as 0,3."
        ) from error
    if not numbers or min(numbers) < (0 if "," in text else 1):
        raise ConfigError(f"--seeds '{text}': give how many, 1 or more, or a list such as 0,3.")
    if "," not in text and numbers[0] > MOST_SEEDS:
        raise ConfigError(f"--seeds '{text}': no more than {MOST_SEEDS} at once.")
    return numbers if "," in text else list(range(numbers[0]))


def by_title(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of each protocol by its title, in the order in which they were measured."""
    titles = dict.fromkeys(title_of([result]) for result in results)
    return {
        title: [result for result in results if title_of([result]) == title] for title in titles
    }


def say_headline(results: Sequence[Result], layer: str) -> None:
    """Says the first protocol's number next to its baselines, and where there is no gain.

    Args:
        results: The results of all protocols.
        layer: The method's own feature layer.
    """
    groups = list(by_title(results).values())
    if found := headline_of(groups, layer):
        number = f"{found.title} {found.value} {found.unit}".rstrip()
        say(f"{found.what}: {number}. {found.baselines} {found.verdict}")
    _say_not_ahead(groups, layer)


def _say_not_ahead(results: Iterable[Sequence[Result]], layer: str = "") -> None:
    """Says in one line which protocols show no gain over the best baseline, if any do."""
    if behind := not_ahead(results, layer):
        say(f"not ahead of the best baseline: {'; '.join(behind)}")


def print_results(results: Sequence[Result]) -> None:
    """A table for each protocol, in the order in which they were measured."""
    for title, mine in by_title(results).items():
        print_table(table_of(mine), title)
        for sign in dict.fromkeys(w for r in mine for w in r.details.get("warnings", ())):
            where = [r.subject.name for r in mine if sign in r.details.get("warnings", ())]
            logger.warning("%s on %s: %s", title, ", ".join(dict.fromkeys(where)), sign)


def print_table(table: ResultTable, title: str) -> None:
    """A table as wide as the terminal, or where there is none as wide as its cells."""
    if title:
        print(title)
    drawn = TerminalTable(box=SIMPLE, pad_edge=False)
    for number, name in enumerate(table.columns):
        is_text = number < table.num_texts
        drawn.add_column(Text(name), justify="left" if is_text else "right", no_wrap=is_text)
    for row in table.rows:
        drawn.add_row(*[Text(cell.text) for cell in row.cells])
    console = Console()
    if not console.is_terminal:  # a file has no width to keep to
        console = Console(width=WIDEST_TABLE)
    console.print(drawn)
