"""The verbs that measure a run: evaluate, and transfer by frozen layers."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from typing import Any

from ..core.errors import ConfigError
from ..core.settings import build, from_strings, override
from ..data import DataSettings
from ..engine.run_folder import RunFolder
from ..evaluation.config import EvaluationConfig
from ..evaluation.crops import CropSettings
from ..evaluation.result_file import results_as_json
from ..report.figures import save_figure
from ..report.figures.transfer import transfer_chart, transfer_table
from ..run_data import open_measured
from ..run_evaluation import evaluate as measure
from ..run_evaluation import evaluate_curve
from ..transfer.frozen_layers import measure_transfer, transfer_settings
from .output import print_json, say
from .parser import Request
from .progress import decoding_progress
from .runs import load_run, method_of
from .tables import print_results, print_table


def evaluate(request: Request) -> int:
    """Measures a run and prints a table for each protocol, or all results as JSON."""
    flags = request.flags
    config = EvaluationConfig(
        protocols=_names(flags.protocol),
        layers=_names(flags.layer),
        weights=flags.weights,
        reference_features=list(dict.fromkeys(flags.reference_features or ())),
        inception=flags.inception,
        crops=_crops_of(flags),
        data=_data_of(request),
        framing=flags.framing or "run",
        device=flags.device,
    )
    if flags.framing and config.data is None:
        raise ConfigError("--framing is of other data; name them by --data.")
    function = evaluate_curve if flags.curve else measure
    with decoding_progress() as progress:
        found = function(flags.run, config, method=method_of(request), decoding=progress)
    if flags.json:
        print_json(results_as_json(found))
        return 0
    if not flags.curve:
        print_results(found)
    say(f"written: {RunFolder(flags.run).results}")
    return 0


def transfer(request: Request) -> int:
    """Freezes more and more layers, trains the rest with labels, and prints the table."""
    flags, run, data = request.flags, load_run(request), _data_of(request)
    names = ("epochs", "batch_size", "learning_rate", "flip", "seed")
    asked = {name: getattr(flags, name) for name in names}
    with decoding_progress() as progress:
        measured = open_measured(run, data, decoding=progress)
    found = measure_transfer(
        run,
        measured,
        network=flags.network,
        labels=flags.labels,
        settings=transfer_settings(**asked),
        suffix=_suffix(flags, asked),
        asked=EvaluationConfig(data=data).asked,
    )
    title = "transfer: test accuracy, %, by the last frozen layer"
    print_table(transfer_table(found), f"{title}, on {data.source}" if data else title)
    stem = f"transfer{_suffix(flags, asked)}{f'--on-{measured.tag}' if data else ''}"
    say(f"written: {run.path / 'results' / stem}.json")
    picture = run.path / f"{stem}.png"
    save_figure(picture, transfer_chart(found))
    say(f"written: {picture}")
    return 0


def _names(words: list[str] | None) -> list[str]:
    """Names from flags that may be repeated, each of one name or several with commas."""
    return list(dict.fromkeys(name for word in words or () for name in word.split(",")))


def _data_of(request: Request) -> DataSettings | None:
    """The data of `--data` with the settings of `--data.NAME`, or None."""
    source, settings = request.flags.data, request.settings
    if others := [name for name in settings if not name.startswith("data.")]:
        raise ConfigError(f"--{others[0]} is of training; {request.verb} takes --data.NAME alone.")
    if source is None:
        if settings:
            raise ConfigError(f"--{next(iter(settings))} is of other data; give --data as well.")
        return None
    values = {name.removeprefix("data."): text for name, text in settings.items()}
    return replace(override(DataSettings(), values), source=source)


def _crops_of(flags: argparse.Namespace) -> CropSettings | None:
    """The views that are asked for, if any are."""
    asked = {
        "num": flags.views,
        "short_side": flags.views_short_side,
        "flip": "true" if flags.views_flip else None,
        "test_crops": flags.test_crops,
    }
    values = {name: from_strings(value) for name, value in asked.items() if value is not None}
    defaults = {field.name: field.default for field in fields(CropSettings)}
    return build(CropSettings, defaults | values, "views.") if values else None


def _suffix(flags: argparse.Namespace, asked: dict[str, Any]) -> str:
    """What of a file's name says what was asked for."""
    given = {"": flags.network, "weights-": flags.weights}
    given |= {"labels-": flags.labels} | {f"{name}-": value for name, value in asked.items()}
    return "".join(f"--{name}{value}" for name, value in given.items() if value is not None)
