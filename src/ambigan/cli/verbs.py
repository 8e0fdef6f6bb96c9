"""The verbs that use a run: evaluate, sample, reconstruct, interpolate, embed, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError
from ..core.files import check_writable, write_bytes
from ..data import DataSettings, SourceSplit, Split, first_lines, open_examples
from ..data.splits import split_at
from ..data.tables.outputs import data_columns, row_columns, table_bytes
from ..engine.run_folder import RunFolder
from ..evaluation.result_file import read_folder
from ..report import write_report
from ..run import Run
from .output import logger, say, show_progress
from .parser import Request
from .runs import (
    check_found,
    dataset_of,
    load_run,
    other_data,
    output_paths,
    refuse_settings_alone,
    uses_other_data,
    write_npy,
)


def sample(request: Request) -> int:
    """Generates examples."""
    from ..report.figures import image_grid

    flags, run = request.flags, load_run(request)
    values = run.sample(flags.num, flags.seed)
    picture = image_grid(values) if run.spec.kind == "images" else None
    return _write_arrays(run, flags.out, "samples", values, picture, lambda: (values, {}))


def reconstruct(request: Request) -> int:
    """Encodes data and generates them again: in pairs as an array, alone as a table."""
    from ..report.figures import reconstruction_grid

    flags, run = request.flags, load_run(request)
    run.need("reconstruct")
    split = _first(_split(request, run, "test"), flags.num)
    again = run.reconstruct(split)
    x = run.originals(split)
    picture = reconstruction_grid(x, again) if run.spec.kind == "images" else None
    names = split.label_names if isinstance(split, SourceSplit) else run.label_names
    return _write_arrays(
        run,
        flags.out,
        "reconstructions",
        np.stack([x, again]),
        picture,
        lambda: (again, row_columns(replace(split, labels=None), names)),
    )


def interpolate(request: Request) -> int:
    """Walks straight between latents: of test data if the run encodes, else of the prior."""
    from ..report.figures import interpolation_grid

    flags, run = request.flags, load_run(request)
    run.need("decode")
    if flags.pairs < 1 or flags.steps < 2:
        raise ConfigError("interpolate needs --pairs of 1 or more and --steps of 2 or more.")
    if "encode" in run.capabilities:
        ends = run.encode(_first(dataset_of(run).test, 2 * flags.pairs))
    else:
        ends = run.latents(2 * flags.pairs, flags.seed)
    left, right = ends[0::2], ends[1::2]
    steps = np.linspace(0, 1, flags.steps, dtype=np.float32)[None, :, None]
    walk = left[: len(right), None] * (1 - steps) + right[:, None] * steps
    shown = run.decode(walk.reshape(-1, walk.shape[-1]))
    picture = interpolation_grid(shown, flags.steps) if run.spec.kind == "images" else None
    return _write_arrays(run, flags.out, "interpolations", shown, picture, lambda: (shown, {}))


def embed(request: Request) -> int:
    """Writes features of data to `.npy` or, with labels, ids and rows, `.parquet` or `.csv`."""
    flags, run = request.flags, load_run(request)
    path = output_paths(run, flags.out, "features", (".npy", ".parquet", ".csv"))[0]
    split = _split(request, run, "all")
    features = run.features(split, flags.layer)
    names = split.label_names if isinstance(split, SourceSplit) else run.label_names
    write_features(path, features, split, names)
    say(f"written: {path}, {features.shape[0]:,} x {features.shape[1]:,}")
    return 0


def report(request: Request) -> int:
    """Writes the run's page."""
    run = load_run(request)
    check_writable(run.path)  # before the figures are drawn
    say(f"written: {write_page(run)}")
    return 0


def write_page(run: Run) -> Path:
    """Writes a run's page."""
    folder = RunFolder(run.path)
    return write_report(run, folder, dataset_of(run), read_folder(folder.results))


def _split(request: Request, run: Run, default: str) -> Split:
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
    with show_progress() as progress:
        found = open_examples(settings, run.spec, run.scaling, progress)
    if found.skipped:
        logger.warning(
            f"{len(found.skipped)} files could not be used: {first_lines(found.skipped)}"
        )
    return found


def _first(split: Split, num: int) -> Split:
    if num < 1:
        raise ConfigError(f"cannot take {num} examples; ask for 1 or more.")
    return split_at(split, num)[0]


def _write_arrays(
    run: Run,
    out: str | None,
    name: str,
    values: NDArray[Any],
    picture: NDArray[Any] | None,
    as_table: Callable[[], tuple[NDArray[Any], dict[str, Any]]],
) -> int:
    """Writes the file asked for: `.npy`, `.png` of images, `.csv` or `.parquet` of vectors.

    Args:
        run: The run.
        out: The file; both an array and a picture or table in the run's folder if None.
        name: The name of files in the run's folder.
        values: What an array holds.
        picture: What a picture shows; None for vectors.
        as_table: Function that returns the vectors of a table, and what stands before them.
    """
    from ..report.figures import save_png

    if picture is not None:
        suffixes = default = (".npy", ".png")
    else:
        suffixes, default = (".npy", ".csv", ".parquet"), (".npy", ".csv")
    for path in output_paths(run, out, name, suffixes, default):
        if path.suffix == ".png" and picture is not None:
            save_png(path, picture)
        elif path.suffix == ".npy":
            write_npy(path, values)
        else:
            rows, about = as_table()
            columns = {**about, **data_columns(rows, run.scaling)}
            write_bytes(path, table_bytes(columns, path.suffix))
        say(f"written: {path}")
    return 0


def write_features(
    path: Path, features: NDArray[np.float32], split: Split, label_names: tuple[str, ...] | None
) -> None:
    """Writes `(N, D)` features: the bare array as `.npy`, or a table as `.parquet` or `.csv`.

    The table has a column `row` (where the example stood in its source), `id` where rows have
    names, `file` for images of a folder, `label` where there are labels, and one column `f0`,
    `f1`, ... a dimension.
    """
    if path.suffix == ".npy":
        write_npy(path, features)
        return
    named = {f"f{i}": features[:, i] for i in range(features.shape[1])}
    write_bytes(path, table_bytes({**row_columns(split, label_names), **named}, path.suffix))
