"""The verb that finds what is like a picture or a vector."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ..core.distributed import main_first, shared_work, workers
from ..core.errors import ConfigError, DataError
from ..core.settings import from_strings
from ..data import Split, open_examples
from ..data.images.cropping import augment_of
from ..data.images.image_dataset import read_image_source
from ..data.images.image_decoding import image_suffixes
from ..data.images.image_source import ImageSource
from ..data.splits import concat, take
from ..retrieval import NamedExamples, SearchResult, novelty, write_search_result
from ..retrieval import search_similar as find
from ..run import Run
from .output import logger, print_columns, print_json, say
from .parser import Request
from .runs import (
    check_found,
    data_values,
    dataset_of,
    load_run,
    other_data,
    output_paths,
    refuse_settings_alone,
    uses_other_data,
)

LISTED = 5
"""Neighbours of each query on the terminal; the files hold all."""

DRAWN = 12
"""Queries in the picture."""

DRAWN_OF_EACH = 16
"""Neighbours of each query in the picture, at most; the files hold all."""

_MEASURES = {"cosine": "cosine", "euclidean": "distance"}

SUFFIXES = (".json", ".parquet", ".png")


def search(request: Request) -> int:
    """Writes and prints the nearest neighbours of the queries."""
    with shared_work():
        return _search(request)


def _search(request: Request) -> int:
    flags, run = request.flags, load_run(request)
    if flags.num < 1:
        raise ConfigError(f"cannot find {flags.num} neighbours; ask for 1 or more.")
    suffixes = SUFFIXES if run.spec.kind == "images" else SUFFIXES[:2]  # no picture of vectors
    paths = output_paths(run, flags.out, "search", suffixes)
    flags.query = _rows_by_name(flags.query, run)
    queries, among = _queries(request, run), _among(request, run)
    if _are_rows(flags.query) and not flags.data and _share_values(queries, among):
        logger.info("queries are among the examples searched, and each of them finds itself first")
    asked = {"layer": flags.layer, "project": flags.project, "seed": flags.seed}
    found = find(
        run, queries, among, num=flags.num, index=flags.index, metric=flags.metric, **asked
    )
    ratio = None
    if _are_samples(flags.query) and not uses_other_data(flags) and flags.split in (None, "train"):
        ratio = novelty(run, found, dataset_of(run).test, **asked)
    if not workers().is_main:
        return 0
    if flags.json:
        print_json({**found.as_json(), **({"novelty": ratio} if ratio is not None else {})})
    else:
        _print(found)
    if ratio is not None:
        (logger.info if flags.json else say)(
            f"the samples are {ratio:.2f} times as far from the nearest training example as"
            " held-out examples are (medians); copies would be near 0"
        )
    for path in paths:
        if path.suffix == ".png":
            _draw(run, found, path)
        else:
            write_search_result(found, path)
        (logger.info if flags.json else say)(f"written: {path}")
    return 0


def _among(request: Request, run: Run) -> NamedExamples:
    """Where to look: a source, or a split of the run's own data."""
    flags = request.flags
    if uses_other_data(flags):
        return _source(flags.data, run, request)
    if _are_rows(flags.query) or _are_samples(flags.query):
        refuse_settings_alone(request)
    split = flags.split or "train"
    dataset = dataset_of(run)
    if split == "all":
        return _source(run.config.data.source, run, replace(request, settings={}))
    chosen = dataset.train if split == "train" else dataset.test
    name = "training" if split == "train" else "test"
    return NamedExamples(chosen, f"{name} examples of {dataset.name}", run.label_names)


def _share_values(queries: NamedExamples, among: NamedExamples) -> bool:
    """Whether an example with the row and the values of a query is searched."""
    places = {row: place for place, row in enumerate(_rows_of(among.split))}
    for query in range(len(queries.split)):
        place = places.get(queries.row(query))
        values = queries.split.values[query]
        if place is not None and torch.equal(among.split.values[place], values):
            return True
    return False


def _source(source: str, run: Run, request: Request) -> NamedExamples:
    with main_first():
        split = open_examples(other_data(run, source, request), run.spec, run.scaling)
    check_found(split, source, request)
    return NamedExamples(split, f"examples of {source}", split.label_names)


def _queries(request: Request, run: Run) -> NamedExamples:
    """What was typed: rows of the run's data, or picture files, or one source.

    Raises:
        ConfigError: of several words, some are of another kind, or there is no such row.
        DataError: a file or source cannot be read.
    """
    words: list[str] = request.flags.query
    if _are_samples(words):
        return _samples(words[0], run, request.flags.seed)
    if _are_rows(words):
        return _rows(words, run)
    if all(re.fullmatch(r"[\d,\s-]+", word) for word in words):
        raise ConfigError(
            f"--query '{' '.join(words)}': rows are counted from 0 as in the source, such as"
            " 3,7,10-19."
        )
    files = [Path(word).expanduser() for word in words]
    if run.spec.kind == "images" and all(path.suffix.lower() in image_suffixes() for path in files):
        share = from_strings(data_values(request).get("max_corrupt", "0"))
        return _pictures(files, run, share)
    if len(words) > 1 or Path(words[0]).expanduser().exists():
        raise ConfigError(
            f"--query '{' '.join(words)}': give rows of the run's data such as 3,7,10-19, picture"
            " files, one source such as folder:PATH or npy:PATH, or samples:N."
        )
    return _source(words[0], run, request)


def _are_samples(words: list[str]) -> bool:
    return len(words) == 1 and re.fullmatch(r"samples:\d*", words[0]) is not None


def _samples(word: str, run: Run, seed: int) -> NamedExamples:
    """What the run draws, enlarged to the data's size where it draws smaller images."""
    num = int(word.partition(":")[2] or 0)
    drawn = torch.as_tensor(run.sample(num, seed))
    if run.spec.kind == "images" and drawn.shape[1:] != run.spec.shape:
        drawn = F.interpolate(drawn, run.spec.shape[1:], mode="bilinear")
    names = tuple(f"sample {number}" for number in range(num))
    split = Split(run.inputs(drawn.numpy()), None, ids=names)
    return NamedExamples(split, f"samples of seed {seed}")


def _are_rows(words: list[str]) -> bool:
    return all(re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", word) for word in words)


def _rows_by_name(words: list[str], run: Run) -> list[str]:
    """The rows of examples of the run's data that are typed by their names; else what is typed."""
    if _are_rows(words) or any(":" in word or Path(word).exists() for word in words):
        return words
    dataset = dataset_of(run)
    places: dict[str, int] = {}
    for split in (dataset.train, dataset.test):
        rows = _rows_of(split)
        if set(rows) & set(places.values()):  # published splits, of which the test split is meant
            places = {}
        places |= zip(split.files or split.ids, rows, strict=False)
    return [str(places[word]) for word in words] if places.keys() >= {*words} else words


def _rows(words: list[str], run: Run) -> NamedExamples:
    """Examples of the run's data by their rows in the source.

    Of published splits, which are counted each from 0, the test split is meant.
    """
    dataset = dataset_of(run)
    asked: list[int] = []
    for piece in ",".join(words).split(","):
        first, _, last = piece.partition("-")
        asked += range(int(first), int(last or first) + 1)
    if not asked:
        raise ConfigError(f"'{','.join(words)}' names no example; a range rises, such as 10-19.")
    rows = [_rows_of(split) for split in (dataset.test, dataset.train)]
    is_published = bool(set(rows[0]) & set(rows[1]))
    test = dict(zip(rows[0], range(len(rows[0])), strict=True))
    train = {} if is_published else dict(zip(rows[1], range(len(rows[1])), strict=True))
    if outside := [row for row in asked if row not in test and row not in train]:
        known = max((*test, *train))
        where = "test split" if is_published else "run's data"
        raise ConfigError(
            f"there is no row {outside[0]} in the {where}, whose rows are counted from 0 to {known}"
            " as in the source."
        )
    chosen = [
        take(split, torch.tensor([places[row]]))
        for row in asked
        for split, places in ((dataset.test, test), (dataset.train, train))
        if row in places
    ]
    joined = concat(chosen, run.label_names)
    files = tuple(name for one in chosen for name in one.files)
    return NamedExamples(
        replace(joined, rows=torch.tensor(asked), files=files),
        f"examples of {dataset.name}",
        run.label_names,
    )


def _rows_of(split: Split) -> list[int]:
    return list(range(len(split))) if split.rows is None else split.rows.numpy().tolist()


def _pictures(files: list[Path], run: Run, max_corrupt: float) -> NamedExamples:
    """Pictures, cut and scaled as those of the run."""
    if missing := [str(path) for path in files if not path.is_file()]:
        raise DataError(f"there is no file {missing[0]} to search for.")
    settings = replace(run.config.data, max_corrupt=max_corrupt)
    size = settings.size if settings.crop else run.spec.shape[1:]
    names = [str(path) for path in files]
    gallery = ImageSource(names[0], len(files), lambda place: files[place], names=names)
    split = read_image_source(settings, gallery, run.spec.shape[0], size, scaling=run.scaling)
    if augment := augment_of(settings, tuple(split.values.shape[1:])):
        split = replace(split, values=augment.centre(split.values))
    return NamedExamples(split, "picture files")


def _print(found: SearchResult) -> None:
    """A line for each query and neighbour: their names, and labels where there are any."""
    print(
        f"most like them among {len(found.among.split):,} {found.among.origin}, by the"
        f" {_MEASURES[found.metric]} in {found.layer}\n"
    )
    rows = [
        [
            found.queries.name(query),
            found.queries.label(query),
            rank,
            f"{value:.3f}",
            found.among.label(place),
            found.among.name(place),
        ]
        for query in range(min(DRAWN, len(found.queries.split)))
        for rank, (place, value) in enumerate(found.ranked(query, LISTED), start=1)
    ]
    print_columns(("query", "query label", "rank", _MEASURES[found.metric], "label", "found"), rows)


def _draw(run: Run, found: SearchResult, path: Path) -> None:
    from ..report.figures import save_figure
    from ..report.figures.similar import Caption, similar_figure

    queries, among = found.queries, found.among
    asked = run.shown_bands(queries.split.values[:DRAWN].numpy())
    nearest = [found.ranked(query, DRAWN_OF_EACH) for query in range(len(asked))]

    def caption(query: int, place: int, value: float) -> Caption:
        label, other = queries.label(query), among.label(place)
        is_right = None if label is None or other is None else label == other
        return Caption(_short(among, place), f"{value:.2f}", is_right)

    figure = similar_figure(
        asked,
        [
            run.shown_bands(np.stack([among.split.values[place].numpy() for place, _ in row]))
            for row in nearest
        ],
        [_short(queries, query) for query in range(len(asked))],
        [[caption(query, *pair) for pair in row] for query, row in enumerate(nearest)],
        f"most like it of {len(among.split):,} {among.origin}, {_MEASURES[found.metric]} in"
        f" {found.layer}",
    )
    save_figure(path, figure)


def _short(examples: NamedExamples, place: int) -> str:
    """A name for the picture: the label, the file's own name, the id, or the row."""
    label, file = examples.label(place), examples.file(place)
    if label is not None:
        return label
    return Path(file).name if file else examples.name(place)
