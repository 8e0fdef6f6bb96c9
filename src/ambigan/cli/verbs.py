"""The verbs that use a run: sample, reconstruct, interpolate, embed, report, export, push."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.distributed import (
    by_main,
    from_workers,
    gather_rows,
    own_rows,
    shared_work,
    workers,
)
from ..core.errors import ConfigError
from ..core.files import check_writable, write_bytes
from ..data import SourceSplit, Split
from ..data.splits import split_at
from ..data.tables.outputs import data_columns, row_columns, table_bytes
from ..engine.run_folder import RunFolder
from ..evaluation.result_file import read_folder
from ..report import write_report
from ..run import Run
from .output import print_json, say
from .parser import Request, between_commas
from .runs import (
    chosen_examples,
    dataset_of,
    first_examples,
    load_run,
    output_paths,
    write_npy,
)


def sample(request: Request) -> int:
    """Generates examples."""
    from ..report.figures import image_grid

    flags, run = request.flags, load_run(request)
    values = run.sample(flags.num, flags.seed)
    picture = image_grid(run.pictures(values)) if run.spec.kind == "images" else None
    return _write_arrays(run, flags.out, "samples", values, picture, lambda: (values, {}))


def reconstruct(request: Request) -> int:
    """Encodes data and generates them again: in pairs as an array, alone as a table."""
    from ..report.figures import reconstruction_grid

    flags, run = request.flags, load_run(request)
    run.need("reconstruct")
    split = first_examples(chosen_examples(request, run, "test"), flags.num)
    again = run.reconstruct(split)
    x = run.originals(split)
    picture = None
    if run.spec.kind == "images":
        picture = reconstruction_grid(run.pictures(x), run.pictures(again))
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
    from ..analysis import latent_paths
    from ..report.figures import interpolation_grid

    flags, run = request.flags, load_run(request)
    run.need("decode")
    if flags.pairs < 1 or flags.steps < 2:
        raise ConfigError("interpolate needs --pairs of 1 or more and --steps of 2 or more.")
    if "encode" in run.capabilities:
        ends = run.encode(first_examples(dataset_of(run).test, 2 * flags.pairs))
    else:
        ends = run.latents(2 * flags.pairs, flags.seed)
    left, right = ends[0::2], ends[1::2]
    walk = latent_paths(left[: len(right)], right, flags.steps)
    shown = run.decode(walk.reshape(-1, walk.shape[-1]))
    picture = None
    if run.spec.kind == "images":
        picture = interpolation_grid(run.pictures(shown), flags.steps)
    return _write_arrays(run, flags.out, "interpolations", shown, picture, lambda: (shown, {}))


def embed(request: Request) -> int:
    """Writes features of data to `.npy` or, with labels, ids and rows, `.parquet` or `.csv`.

    Of several processes each computes a share; `.parquet` is then a folder with a part of each.
    """
    with shared_work():
        flags, run = request.flags, load_run(request)
        path = output_paths(run, flags.out, "features", (".npy", ".parquet", ".csv"))[0]
        run.method.find_layer(flags.layer)
        if flags.atlas and (Path(flags.atlas).suffix != ".parquet" or workers().size > 1):
            raise ConfigError("--atlas names a .parquet file, which one process alone writes.")
        split = chosen_examples(request, run, "all")
        names = split.label_names if isinstance(split, SourceSplit) else run.label_names
        chunk = run.chunk(split.values)
        rows = own_rows(len(split), chunk)
        part = split_at(split_at(split, rows.stop)[0], rows.start)[1]
        own = run.features(part, flags.layer) if len(part) else np.empty((0, 0), np.float32)
        if path.suffix == ".parquet" and workers().size > 1:
            write_parts(path, own, part, names)
        else:
            own = gather_rows(torch.as_tensor(own), len(split), chunk).numpy()
            if workers().is_main:
                write_features(path, own, split, names)
        say(f"written: {path}, {len(split):,} x {own.shape[1]:,}")
        if flags.atlas:
            _write_atlas(request, run, split)
    return 0


def _write_atlas(request: Request, run: Run, split: Split) -> None:
    """Writes the table that Embedding Atlas opens by itself."""
    from ..explorer.atlas import COMMAND, write_atlas
    from .explore import collection_of

    path = Path(request.flags.atlas)
    write_atlas(collection_of(request, run, split), path)
    say(f"written: {path}; open it with: {COMMAND.format(path=path)}")


def report(request: Request) -> int:
    """Writes the run's page."""
    run = load_run(request)
    check_writable(run.path)  # before the figures are drawn
    say(f"written: {write_page(run)}")
    return 0


def export(request: Request) -> int:
    """Writes a run's networks for other programs, and how far each is from the run's numbers."""
    from ..exporting import BOUND
    from ..exporting import export as write

    flags = request.flags
    found = write(
        load_run(request), flags.to, flags.out, between_commas(flags.part), layer=flags.layer
    )
    if flags.json:
        files = [str(path) for path in found.files]
        print_json({"files": files, "deviations": found.deviations})
        return 0
    for name, value in found.deviations.items():
        outcome = "equal to the run's" if value == 0 else f"within {value:.1g} of the run's"
        bound = f" ({BOUND:g} is allowed)" if flags.to == "onnx" else ""
        say(f"{name}: {outcome}{bound}")
    for path in found.files:
        say(f"written: {path}")
    return 0


def push(request: Request) -> int:
    """Puts a run's model on the Hugging Face hub."""
    from ..hub import push as put

    flags = request.flags
    say(f"pushed: {put(flags.run, flags.repository, private=flags.private)}")
    return 0


def write_page(run: Run) -> Path:
    """Writes a run's page."""
    folder = RunFolder(run.path)
    return write_report(run, folder, dataset_of(run), read_folder(folder.results))


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


def write_parts(
    path: Path, features: NDArray[np.float32], own: Split, label_names: tuple[str, ...] | None
) -> None:
    """Writes the features of each process as a part of a folder, which stands once all are written.

    Args:
        path: Path of the folder, which other tools read as one table, in the order of its parts.
        features: Features of this process's share, float32 `(N, D)`; `(0, 0)` of an empty one.
        own: The share.
        label_names: Class names by label, or None.

    Raises:
        ConfigError: A folder is there that holds something else, or the processes write to
            different disks.
    """
    here, new = workers(), path.with_name(f".{path.name}.parts")

    def begin() -> None:
        _check_replaceable(path)
        shutil.rmtree(new, ignore_errors=True)  # of a command that was killed

    by_main(begin)
    if here.is_main or len(features):
        name = f"part-{here.rank:05}-of-{here.size:05}.parquet"
        write_features(new / name, features, own, label_names)
    num_parts = sum(from_workers(int(here.is_main or len(features) > 0)))

    def put_in_place() -> None:
        if len(list(new.iterdir())) < num_parts:
            shutil.rmtree(new)
            raise ConfigError(f"{path}: name a folder that all processes share with --out.")
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        new.rename(path)

    by_main(put_in_place)


def _check_replaceable(path: Path) -> None:
    """Refuses a folder that other processes than those of `embed` have written to."""
    if path.is_symlink() or (path.is_dir() and any(not _is_part(p) for p in path.iterdir())):
        raise ConfigError(f"{path} is not what embed wrote; name another file with --out.")


def _is_part(path: Path) -> bool:
    return re.fullmatch(r"part-\d{5}-of-\d{5}\.parquet", path.name) is not None


def write_features(
    path: Path, features: NDArray[np.float32], split: Split, label_names: tuple[str, ...] | None
) -> None:
    """Writes `(N, D)` features: the bare array as `.npy`, or a table as `.parquet` or `.csv`.

    The table has a column `row` (where the example stood in its source), `id` where rows have
    names, `file` for images of a folder, `label` where there are labels, and one column `f0`,
    `f1`, ... a dimension.
    """
    if path.is_dir():
        _check_replaceable(path)
        shutil.rmtree(path)
    if path.suffix == ".npy":
        write_npy(path, features)
        return
    named = {f"f{i}": features[:, i] for i in range(features.shape[1])}
    write_bytes(path, table_bytes({**row_columns(split, label_names), **named}, path.suffix))
