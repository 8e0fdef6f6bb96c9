"""The verb that opens a local page to look around in what a model has learned."""

from __future__ import annotations

import argparse
import webbrowser
from dataclasses import replace

from ..core.errors import ConfigError
from ..data import SourceSplit, Split
from ..explorer import Collection, first_of
from ..retrieval import NamedExamples
from ..run import Run
from .output import logger, say
from .parser import Request
from .runs import chosen_examples, dataset_of, load_run, uses_other_data


def explore(request: Request) -> int:
    """Opens the page of one or more runs, and answers it until it is interrupted."""
    from ..explorer.server import Explorer

    flags = request.flags
    collections: list[Collection] = []
    for name in flags.run:
        one = replace(request, flags=argparse.Namespace(**{**vars(flags), "run": name}))
        collections.append(_collection(one))
    explorer = Explorer(collections, flags.port)  # a port that is taken is known before the maps
    for collection in collections:
        _ = collection.points  # before the page opens, so that it is there at once
    say(f"open {explorer.address}")
    logger.info("it answers this machine alone; end it with Ctrl+C")
    if flags.browser:
        webbrowser.open(explorer.address)
    try:
        explorer.serve()
    except KeyboardInterrupt:
        logger.info("ended")
    return 0


def _collection(request: Request) -> Collection:
    flags, run = request.flags, load_run(request)
    run.method.find_layer(flags.layer)
    return collection_of(request, run, chosen_examples(request, run, "all"))


def collection_of(request: Request, run: Run, split: Split) -> Collection:
    """Chosen examples as a map shows them.

    Raises:
        ConfigError: There are none, or `--num` is out of range.
    """
    flags = request.flags
    names = split.label_names if isinstance(split, SourceSplit) else run.label_names
    which = "" if flags.split in (None, "all") else f"the {flags.split} split of "
    origin = flags.data or f"{which}{run.config.data.source}"
    if not len(split):
        raise ConfigError(f"there are no examples in {origin}.")
    examples, left_out = first_of(NamedExamples(split, origin, names), flags.num)
    if left_out:
        logger.warning(f"{left_out:,} examples are not on the map; --num is {flags.num:,}")
    return Collection(
        run,
        examples,
        lambda: dataset_of(run),
        flags.layer or run.method.default_layer,
        flags.map,
        flags.seed,
        is_own_data=not uses_other_data(flags),
        num_left_out=left_out,
    )
