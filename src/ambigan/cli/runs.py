"""The run a verb is asked to use, and its data."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..core.errors import ConfigError
from ..data import Dataset, DataSettings, for_other, open_dataset
from ..engine.run_folder import RunFolder
from ..game import Method
from ..methods import find_method, is_external, registered_name
from ..run import Run, load
from ..training import check_same_data
from .parser import Request
from .progress import decoding_progress


def load_run(request: Request) -> Run:
    """The run that a request names, on the device and with the weights that it asks for.

    Raises:
        ConfigError: it was trained by another method.
    """
    flags = request.flags
    run = load(flags.run, weights=flags.weights, device=flags.device, method=method_of(request))
    if flags.method and registered_name(flags.method) != run.config.method:
        raise ConfigError(f"{run.path} was trained by {run.config.method}, not {flags.method}.")
    return run


def dataset_of(run: Run) -> Dataset:
    """What a run was trained on.

    Raises:
        CheckpointError: it has changed since.
    """
    with decoding_progress() as progress:
        dataset = open_dataset(run.config.data, progress)
    check_same_data(RunFolder(run.path), dataset)
    return dataset


def other_data(run: Run, source: str, flags: argparse.Namespace) -> DataSettings:
    """How a source beside the run's own data is read: as those are, unless the flags say else."""
    settings = for_other(run.config.data, source)
    if flags.max_corrupt is None:
        return settings
    return replace(settings, max_corrupt=flags.max_corrupt)


def method_of(request: Request) -> type[Method] | None:
    """The class of a method that is named as `module:Class`, whose module is then loaded."""
    name = request.flags.method
    return find_method(name) if name and is_external(name) else None
