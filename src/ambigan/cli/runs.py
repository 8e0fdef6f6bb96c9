"""What a verb is asked to work on and to write: a run, its data or others, and files."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.distributed import main_first
from ..core.errors import ConfigError
from ..core.files import write_bytes
from ..data import Dataset, DataSettings, for_other, open_dataset
from ..engine.run_folder import RunFolder
from ..game import Method
from ..methods import find_method, is_external, registered_name
from ..model_files import load
from ..run import Run
from ..run_data import describe_framing
from ..training import check_same_data
from .output import logger, show_progress
from .parser import Request


def load_run(request: Request) -> Run:
    """The run that a request names, on the device and with the weights that it asks for."""
    flags = request.flags
    run = load(flags.run, weights=flags.weights, device=flags.device, method=method_of(request))
    if flags.method and registered_name(flags.method) != run.config.method:
        raise ConfigError(f"{run.path} was trained by {run.config.method}, not {flags.method}.")
    return run


def dataset_of(run: Run) -> Dataset:
    """What a run was trained on; an error if it has changed since."""
    with show_progress() as progress, main_first():
        dataset = open_dataset(run.config.data, progress)
    check_same_data(RunFolder(run.path), dataset)
    return dataset


def uses_other_data(flags: argparse.Namespace) -> bool:
    """Whether `--data` names other data than the run's own; `--split` is then refused."""
    if flags.data and flags.split not in (None, "all"):
        raise ConfigError("--split is of the run's own data; leave it out with --data.")
    return bool(flags.data)


def other_data(run: Run, source: str, flags: argparse.Namespace) -> DataSettings:
    """How other data than the run's own are read; one line says what is changed of images.

    Images that are far larger or smaller than the run's are refused without `--framing run`.
    """
    settings = for_other(run.config.data, source)
    if flags.max_corrupt is not None:
        settings = replace(settings, max_corrupt=flags.max_corrupt)
    line, is_far_off = describe_framing(settings, run.spec)
    if flags.framing is None and is_far_off:
        raise ConfigError(
            f"{line}: so far from what the run was trained on, features say little; give --framing"
            " run to take them all the same."
        )
    if line:
        logger.info(line)
    return settings


def method_of(request: Request) -> type[Method] | None:
    """The class of a method that is named as `module:Class`, whose module is then loaded."""
    name = request.flags.method
    return find_method(name) if name and is_external(name) else None


def output_paths(
    run: Run,
    out: str | None,
    name: str,
    suffixes: Sequence[str],
    default: Sequence[str] | None = None,
) -> list[Path]:
    """The file that `--out` names; if it is left out, one of each default suffix.

    Args:
        run: The run, in whose folder files are written that are not named.
        out: The file that is named.
        name: The name of others.
        suffixes: What the name may end in.
        default: The suffixes of files that are not named; all of them if None.

    Raises:
        ConfigError: The file that is named has none of the suffixes.
    """
    if not out:
        return [run.path / f"{name}{suffix}" for suffix in default or suffixes]
    if Path(out).suffix not in suffixes:
        raise ConfigError(f"cannot write '{out}': --out must end in {' or '.join(suffixes)}.")
    return [Path(out)]


def write_npy(path: Path, values: NDArray[Any]) -> None:
    """Writes an array atomically as `.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    write_bytes(path, buffer.getvalue())
