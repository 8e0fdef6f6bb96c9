"""What a verb is asked to work on and to write: a run, its data or others, and files."""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.distributed import main_first
from ..core.errors import ConfigError, DataError
from ..core.files import check_writable, write_bytes
from ..core.settings import override
from ..data import (
    Dataset,
    DataSettings,
    SourceSplit,
    Split,
    first_lines,
    for_other,
    open_dataset,
    open_examples,
)
from ..data.opening.registry import READ
from ..data.splits import split_at
from ..engine.run_folder import RunFolder
from ..game import Method
from ..methods import find_method, is_external, registered_name
from ..model_files import load
from ..run import Run
from ..run_data import describe_framing
from ..trainable import check_same_data
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


def data_values(request: Request) -> dict[str, str]:
    """The settings of other data that were typed, by name.

    Raises:
        ConfigError: One is of training.
    """
    if others := [name for name in request.settings if not name.startswith("data.")]:
        flag = others[0].replace("_", "-")
        raise ConfigError(f"--{flag} is of training; {request.verb} takes --data.NAME alone.")
    return {name.removeprefix("data."): text for name, text in request.settings.items()}


def refuse_settings_alone(request: Request) -> None:
    """Refuses settings of other data where the run's own are used."""
    for name in data_values(request):
        flag = f"--data.{name.replace('_', '-')}"
        raise ConfigError(
            f"{flag} is of other data; give --data as well, or leave it out without --data."
        )


def other_data(run: Run, source: str, request: Request) -> DataSettings:
    """How other data than the run's own are read; one line says what is changed of images.

    Images that are far larger or smaller than the run's are refused without `--framing run`.

    Raises:
        ConfigError: A setting is decided by the run, or images are too far off.
    """
    flags, values = request.flags, data_values(request)
    for name in values:
        if name not in READ:
            raise ConfigError(
                f"--data.{name.replace('_', '-')} is decided by the run; {request.verb} takes:"
                f" {', '.join(sorted(READ)).replace('_', '-')}."
            )
    settings = override(for_other(run.config.data, source), values)
    line, is_far_off = describe_framing(run, settings)
    if flags.framing is None and is_far_off:
        raise ConfigError(
            f"{line}: so far from what the run was trained on, features say little; give --framing"
            " run to take them all the same."
        )
    if line:
        logger.info(line)
    return settings


def check_found(split: SourceSplit, source: str, request: Request) -> None:
    """Refuses columns that were asked for by name and that the data do not have.

    Raises:
        DataError: There is no such column.
    """
    values = data_values(request)
    for name, is_there in (
        ("label_column", split.labels is not None),
        ("id_column", bool(split.ids)),
        ("target_column", split.targets is not None),
    ):
        if name in values and not is_there:
            raise DataError(f"{source} has no column '{values[name]}' for --data.{name}.")


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


def output_folder(run: Run, out: str | None, name: str) -> Path:
    """The folder that `--out` names, or one of the given name in the run's.

    Raises:
        ConfigError: It is a file.
        StorageError: It cannot be written to.
    """
    folder = Path(out) if out else run.path / name
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; name a folder with --out.")
    check_writable(folder)
    return folder


def write_npy(path: Path, values: NDArray[Any]) -> None:
    """Writes an array atomically as `.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def chosen_examples(request: Request, run: Run, default: str) -> Split:
    """The examples a verb is asked to use: of the run's data or, scaled like them, of others."""
    flags = request.flags
    if uses_other_data(flags):
        found = _examples(other_data(run, flags.data, request), run)
        check_found(found, flags.data, request)
        return found
    refuse_settings_alone(request)
    which = flags.split or default
    dataset = dataset_of(run)
    if which == "all":
        return _examples(run.config.data, run)
    return dataset.train if which == "train" else dataset.test


def _examples(settings: DataSettings, run: Run) -> SourceSplit:
    with show_progress() as progress, main_first():
        found = open_examples(settings, run.spec, run.scaling, progress)
    if found.skipped:
        logger.warning(
            f"{len(found.skipped)} files could not be used: {first_lines(found.skipped)}"
        )
    return found


def first_examples(split: Split, num: int) -> Split:
    """The first examples of a split, at most `num`."""
    if num < 1:
        raise ConfigError(f"cannot take {num} examples; ask for 1 or more.")
    return split_at(split, num)[0]
