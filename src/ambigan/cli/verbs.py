"""The verbs that use a run: evaluate, sample, reconstruct, interpolate, embed, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ConfigError
from ..core.files import check_writable
from ..data import DataSettings, SourceSplit, Split, open_examples
from ..engine.run_folder import RunFolder
from ..evaluation.result_file import read_folder
from ..report import write_report
from ..run import Run
from .output import alarm, say
from .parser import Request
from .progress import decoding_progress
from .runs import dataset_of, load_run, other_data


def sample(request: Request) -> int:
    """Generates examples."""
    flags, run = request.flags, load_run(request)
    return _write_examples(run, flags.out, "samples", run.sample(flags.num, flags.seed))


def reconstruct(request: Request) -> int:
    """Encodes data and generates them again, in pairs of rows."""
    from ..report.figures import reconstruction_grid

    flags, run = request.flags, load_run(request)
    run.need("reconstruct")
    split = _first(_split(request, run, "test"), flags.num)
    again = run.reconstruct(split)
    x = run.originals(split)
    picture = reconstruction_grid(x, again) if run.spec.kind == "images" else None
    return _write_arrays(run, flags.out, "reconstructions", np.stack([x, again]), picture)


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
    return _write_arrays(run, flags.out, "interpolations", shown, picture)


def embed(request: Request) -> int:
    """Writes features of data to `.npy` or, with labels and rows, `.parquet`."""
    from .embed import write_features

    flags, run = request.flags, load_run(request)
    path = Path(flags.out or run.path / "features.npy")
    if path.suffix not in (".npy", ".parquet"):
        raise ConfigError(f"cannot write '{path.name}': --out must end in .npy or .parquet.")
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
    page = write_page(run)
    say(f"written: {page}")
    return 0


def _split(request: Request, run: Run, default: str) -> Split:
    """The examples a verb is asked to use: of the run's data or, scaled like them, of others."""
    flags = request.flags
    if flags.data:
        if flags.split not in (None, "all"):
            raise ConfigError("--split is of the run's own data; leave it out with --data.")
        return _examples(other_data(run, flags.data, flags), run)
    if flags.max_corrupt is not None:
        raise ConfigError("--data.max-corrupt is of other data; leave it out without --data.")
    which = flags.split or default
    dataset = dataset_of(run)
    if which == "all":
        return _examples(run.config.data, run)
    return dataset.train if which == "train" else dataset.test


def _examples(settings: DataSettings, run: Run) -> Split:
    with decoding_progress() as progress:
        found = open_examples(settings, run.spec, run.scaling, progress)
    if found.skipped:
        alarm(f"{len(found.skipped)} files could not be used, the first: {found.skipped[0]}")
    return found


def _first(split: Split, num: int) -> Split:
    if num < 1:
        raise ConfigError(f"cannot take {num} examples; ask for 1 or more.")
    labels = None if split.labels is None else split.labels[:num]
    return Split(split.values[:num], labels)


def write_page(run: Run) -> Path:
    """Writes a run's page."""
    folder = RunFolder(run.path)
    return write_report(run, folder, dataset_of(run), read_folder(folder.results))


def _write_examples(run: Run, out: str | None, name: str, values: np.ndarray[Any, Any]) -> int:
    from ..report.figures import image_grid

    picture = image_grid(values) if run.spec.kind == "images" else None
    return _write_arrays(run, out, name, values, picture)


def _write_arrays(
    run: Run,
    out: str | None,
    name: str,
    values: np.ndarray[Any, Any],
    picture: np.ndarray[Any, Any] | None,
) -> int:
    """Writes the file asked for, `.npy` or `.png`; both into the run's folder by default."""
    from ..report.figures import save_png
    from .embed import write_npy

    suffixes = [".npy"] + ([".png"] if picture is not None else [])
    if out and Path(out).suffix not in suffixes:
        raise ConfigError(f"cannot write '{out}': --out must end in {' or '.join(suffixes)}.")
    paths = [Path(out)] if out else [run.path / f"{name}{suffix}" for suffix in suffixes]
    for path in paths:
        if path.suffix == ".png" and picture is not None:
            save_png(path, picture)
        else:
            write_npy(path, values)
        say(f"written: {path}")
    return 0
