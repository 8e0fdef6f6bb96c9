"""What a page is made of: a run, its logs and results, and the examples that it is shown on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.randomness import Randomness
from ..data import Dataset, Split, to_float
from ..engine.log_writers import read_lines
from ..engine.run_folder import RunFolder
from ..evaluation.protocols import PROTOCOLS
from ..evaluation.result import Result
from ..run import Run

Lines = list[dict[str, Any]]
FEWEST_HELD_OUT = 200
FIRST_PROTOCOL = "retrieval_cosine"
"""The protocol that a page shows first, where it was measured, whatever came out of it."""


@dataclass(frozen=True)
class ReportData:
    """Everything that the sections read: a run, its data and logs, and the results of each file.

    Results on the run's own data come first, retrieval before other protocols, which have the order
    in which they are registered, and those of the method's own feature layer before others.
    `foreign` are protocols whose results are of a run on other data; they are not shown.
    """

    run: Run
    folder: RunFolder
    dataset: Dataset
    results: list[list[Result]]
    foreign: tuple[str, ...]
    stats: Lines
    timing: Lines

    @property
    def are_images(self) -> bool:
        """Whether examples are pictures, and not vectors."""
        return self.dataset.spec.kind == "images"

    @property
    def noun(self) -> str:
        """What an example is called."""
        return "images" if self.are_images else "examples"

    @property
    def labelled(self) -> bool:
        """Whether the data have labels."""
        return self.dataset.test.labels is not None


@dataclass(frozen=True)
class ReportExamples:
    """Some examples of the data, chosen by a fixed seed.

    Attributes:
        x: as `Run` takes them: uint8 images, or vectors in the units of their file.
        scaled: as networks see them: images in [-1, 1], vectors as their scaling left them.
        labels: `(N,)`, or None.
        origin: which examples they are, in words.
    """

    x: NDArray[Any]
    scaled: NDArray[Any]
    labels: NDArray[Any] | None
    origin: str


def gather_report_data(
    run: Run, folder: RunFolder, dataset: Dataset, results: Sequence[Sequence[Result]]
) -> ReportData:
    """Reads the logs of a run, and puts the results of each of its files in order."""
    own = [list(r) for r in results if r[0].provenance.trained_on.sha256 == dataset.sha256]
    foreign = [r[0] for r in results if r[0].provenance.trained_on.sha256 != dataset.sha256]
    layer, names = run.method.default_layer, list(PROTOCOLS)

    def place(found: list[Result]) -> tuple[bool, bool, int, bool]:
        first, has_layer = found[0], any(result.subject.name == layer for result in found)
        name = first.protocol.name
        number = names.index(name) if name in names else len(names)
        is_later = name != FIRST_PROTOCOL
        return first.provenance.is_of_other_data, is_later, number, not has_layer

    stats, timing = read_lines(folder.stats_file), read_lines(folder.timing_file)
    left_out = tuple(result.protocol.name for result in foreign)
    return ReportData(run, folder, dataset, sorted(own, key=place), left_out, stats, timing)


def held_out(dataset: Dataset, num: int) -> ReportExamples:
    """At most `num` examples of the test split."""
    return _choose(dataset, dataset.test, num, "test")


def for_map(dataset: Dataset, num: int) -> ReportExamples:
    """At most `num` examples of the test split; of both splits where it is small."""
    tested = held_out(dataset, num)
    missing = num - len(tested.x)
    if len(tested.x) >= min(FEWEST_HELD_OUT, num):
        return tested
    trained = _choose(dataset, dataset.train, missing, "training")
    labels = None
    if tested.labels is not None and trained.labels is not None:
        labels = np.concatenate([tested.labels, trained.labels])
    return ReportExamples(
        np.concatenate([tested.x, trained.x]),
        np.concatenate([tested.scaled, trained.scaled]),
        labels,
        f"{tested.origin} and {trained.origin}",
    )


def scaled(dataset: Dataset, values: NDArray[Any]) -> NDArray[Any]:
    """Vectors in the units of their file as networks see them; images as they are."""
    if dataset.scaling is None:
        return values
    return dataset.scaling.apply(torch.as_tensor(values)).numpy()


def _in_units(dataset: Dataset, values: torch.Tensor) -> NDArray[Any]:
    """Vectors of a split back in the units of their file; images as they are."""
    return (dataset.scaling.invert(values) if dataset.scaling else values).numpy()


def _choose(dataset: Dataset, split: Split, num: int, name: str) -> ReportExamples:
    chosen = Randomness(0, "report").permutation(len(split))[:num]
    values = split.values[chosen]
    labels = None if split.labels is None else split.labels[chosen].numpy()
    origin = f"{len(chosen):,} {name} examples"
    return ReportExamples(_in_units(dataset, values), to_float(values).numpy(), labels, origin)
