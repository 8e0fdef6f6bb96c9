"""The verb transfer: what a run's layers are worth to a task with labels, boxes or masks."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, unknown_name
from ..core.settings import from_strings
from ..evaluation.config import EvaluationConfig
from ..evaluation.result_file import results_as_json
from ..report.figures import save_figure
from ..report.figures.transfer import transfer_chart, transfer_table
from ..report.result_tables import table_of
from ..run import Run
from ..run_data import open_measured
from ..transfer.frozen_layers import STARTS, measure_transfer
from ..transfer.tasks import measure_task, task_settings
from ..transfer.tasks.measure import result_path
from ..transfer.tasks.settings import LAYERS
from ..transfer.voc import open_voc
from ..transfer.voc.annotations import VOID
from .evaluation import data_of, print_table
from .output import print_json, say, show_progress
from .parser import Request, between_commas
from .runs import load_run

_OF_FROZEN = ("labels", "flip")
_TOLD = ("backbone", "train_split", "test_split", "void", "proposals")
"""Flags of tasks that results and the name of their file tell; rows of one file are not told."""
_OF_TASKS = ("layers", *_TOLD)
_CONSTANTS = ("epochs", "batch_size", "learning_rate", "flip", "seed")


def transfer(request: Request) -> int:
    """Measures what a run's layers are worth to a task, and prints the table."""
    flags = request.flags
    is_frozen = flags.task == "frozen"
    for name in _OF_TASKS if is_frozen else _OF_FROZEN:
        if getattr(flags, name) is not None:
            flag, task = f"--{name.replace('_', '-')}", flags.task
            remedy = "give --task as well" if is_frozen else "leave it out"
            raise ConfigError(f"{flag} is not of --task {task}; {remedy}.")
    return _frozen(request) if is_frozen else _task(request)


def _frozen(request: Request) -> int:
    """Freezes more and more layers and trains the rest with labels."""
    flags = request.flags
    of_task = {n: text for n, text in request.settings.items() if n.startswith("task.")}
    of_data = {n: text for n, text in request.settings.items() if n not in of_task}
    asked = _constants(replace(request, settings=of_task))
    settings = _settings_of("frozen", asked)
    request = replace(request, settings=of_data)
    run, data = load_run(request), data_of(request)
    with show_progress() as progress:
        measured = open_measured(run, data, decoding=progress)
    found = measure_transfer(
        run,
        measured,
        network=flags.network,
        labels=flags.labels,
        settings=settings,
        starts=_starts(flags) or STARTS[:2],
        suffix=_suffix(flags, asked),
        asked=EvaluationConfig(data=data).asked,
    )
    if flags.json:
        print_json(results_as_json(found))
        return 0
    title = "transfer: test accuracy, %, by the last frozen layer"
    print_table(transfer_table(found), f"{title}, on {data.source}" if data else title)
    stem = f"transfer{_suffix(flags, asked)}{f'--on-{measured.tag}' if data else ''}"
    say(f"written: {run.path / 'results' / stem}.json")
    picture = run.path / f"{stem}.png"
    save_figure(picture, transfer_chart(found))
    say(f"written: {picture}")
    return 0


def _task(request: Request) -> int:
    """Trains on images with boxes or masks."""
    flags = request.flags
    constants = _constants(request)
    settings = _settings_of(flags.task, constants)
    if flags.data is None:
        raise ConfigError(
            f"--task {flags.task} needs images with annotations; give --data voc:DIR."
        )
    layers = _chosen("--layers", flags.layers, LAYERS) or ["all"]
    run: Run = load_run(request)
    splits = {"train": flags.train_split, "test": flags.test_split}
    data = open_voc(
        flags.data, flags.task, **splits, void=VOID if flags.void is None else flags.void
    )
    asked: dict[str, Any] = {"task": flags.task, "data": flags.data}
    asked |= {name: getattr(flags, name) for name in (*_TOLD, "network", "weights")}
    asked |= {f"task.{name}": value for name, value in constants.items()}
    asked = {name: value for name, value in asked.items() if value is not None}
    suffix = _task_suffix(asked)
    if flags.proposals is not None and flags.task != "detection":
        raise ConfigError(f"--proposals is not of --task {flags.task}; leave it out.")
    with show_progress() as progress:
        found = measure_task(
            run,
            data,
            settings,
            network=flags.network,
            layers=layers,
            starts=_starts(flags) or STARTS,
            checkpoint=flags.backbone and Path(flags.backbone),
            proposals=flags.proposals and Path(flags.proposals),
            suffix=suffix,
            asked=asked,
            searching=progress,
        )
    if flags.json:
        print_json(results_as_json(found))
        return 0
    print_table(table_of(found), f"{flags.task} on {flags.data}, {data.splits[1]}")
    say(f"written: {result_path(run, data, suffix)}")
    return 0


def _constants(request: Request) -> dict[str, Any]:
    """The constants of a task that were typed, as flags or by dotted name."""
    flags = request.flags
    given = {name: getattr(flags, name) for name in _CONSTANTS}
    constants = {name: value for name, value in given.items() if value is not None}
    for name, text in request.settings.items():
        short = name.removeprefix("task.")
        if short in constants:
            raise ConfigError(f"--{short.replace('_', '-')} and --task.{short} are one; give one.")
        constants[short] = from_strings(text)
    return constants


def _settings_of(task: str, constants: dict[str, Any]) -> Any:
    """The constants of a task; a value that is not allowed is told by its flag."""
    try:
        return task_settings(task, **constants)
    except ConfigError as error:
        name, _, rest = str(error).partition(" ")
        if not name.startswith("task."):
            raise
        short = name.removeprefix("task.")
        flag = (short if short in _CONSTANTS else name).replace("_", "-")
        raise ConfigError(f"--{flag} {rest}") from error


def _starts(flags: argparse.Namespace) -> list[Any]:
    """What layers are asked to start from; nothing where it is not said."""
    return _chosen("--starts", flags.starts, STARTS)


def _chosen(flag: str, typed: list[str] | None, known: tuple[Any, ...]) -> list[Any]:
    """Names between commas, each of which is known."""
    names = list(dict.fromkeys(name.strip() for name in between_commas(typed)))
    for name in names:
        if name not in known:
            raise unknown_name(f"{flag} name", name, known)
    return names


def _suffix(flags: argparse.Namespace, asked: dict[str, Any]) -> str:
    """What of a file's name says what was asked for."""
    given = {"": flags.network, "weights-": flags.weights}
    given |= {"labels-": flags.labels} | {f"{name}-": value for name, value in asked.items()}
    return "".join(f"--{name}{value}" for name, value in given.items() if value is not None)


def _task_suffix(asked: dict[str, Any]) -> str:
    """The same of a task; rows share a file, so what they are is left out."""
    words = {
        name.removeprefix("task."): Path(str(value)).name
        for name, value in asked.items()
        if name not in ("task", "data")
    }
    return "".join(f"--{name.replace('_', '-')}-{value}" for name, value in words.items())
