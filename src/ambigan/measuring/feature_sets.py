"""Features to be measured: layers of a run, raw values, PCA and layers of untrained networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from time import perf_counter
from typing import Literal

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..data import Batches, Dataset
from ..evaluation.baselines.feature_baselines import pca_features, pixel_features, random_encoder
from ..evaluation.features import FeatureFunction, extract, layer_features
from ..evaluation.protocols import Protocol, run_classification
from ..evaluation.results import ResultRow, classification_row
from ..evaluation.views import CroppedViews
from ..run import Run, Weights
from ..training import untrained
from .result_cache import ResultCache

Baseline = Literal["raw", "pca", "random"]
BASELINES: tuple[Baseline, ...] = ("raw", "pca", "random")
Tell = Callable[[str], None]

EACH = "each"
"""Instead of a layer's name: all that the method says are worth measuring."""


@dataclass(frozen=True)
class FeatureSet:
    """One column of a table before it is measured: features, and whose weights they use."""

    function: FeatureFunction
    weights: Weights | None = None


def resolve_layers(layers: Sequence[str], run: Run) -> list[str]:
    """The layers that are meant: the method's own if none is named, `each` spelt out.

    Raises:
        ConfigError: there is no such layer, or `each` of a method that names none.
    """
    if EACH in layers and not run.method.feature_layers:
        raise ConfigError(
            f"a {run.config.method} does not say which layers are worth measuring; name them"
            f" instead of '{EACH}': {', '.join(run.layers)}."
        )
    named = [name for x in layers for name in (run.method.feature_layers if x == EACH else (x,))]
    for name in named:
        run.method.find_layer(name)
    return list(dict.fromkeys(named)) or [run.method.default_layer]


def make_feature_sets(
    runs: Sequence[Run], dataset: Dataset, names: Sequence[str], baselines: Sequence[Baseline]
) -> Iterable[FeatureSet]:
    """The layers of each kind of weights; then pixels, PCA and random layers.

    PCA is as wide as the first layer.
    """
    for layer in names:
        for run in runs:
            yield FeatureSet(layer_features(run.method, layer), run.weights)
    if "raw" in baselines:
        yield FeatureSet(raw_features(dataset))
    if "pca" in baselines:
        width = runs[0].method.features(_few(dataset, runs[0].device), names[0]).shape[1]
        yield FeatureSet(pca_features(dataset.train.values, width))
    if "random" in baselines:
        random = untrained(runs[0], dataset)
        for layer in names:
            yield FeatureSet(random_encoder(random, layer))


def raw_features(dataset: Dataset) -> FeatureFunction:
    """The values themselves, under the name that suits them."""
    return pixel_features("pixels" if dataset.spec.kind == "images" else "raw values")


def measure_feature_sets(
    candidates: Iterable[FeatureSet],
    protocols: Sequence[Protocol],
    dataset: Dataset,
    device: torch.device,
    tell: Tell,
    kept: ResultCache,
    views: CroppedViews | None = None,
) -> dict[str, list[ResultRow]]:
    """The rows of each protocol; features of each candidate are computed once, if at all.

    With views, features are of these.
    """
    seen = "" if views is None else json.dumps(views.describe())
    rows: dict[str, list[ResultRow]] = {protocol.name: [] for protocol in protocols}
    for candidate in candidates:
        features = _Features(candidate, dataset, device, views)
        for protocol in protocols:
            measure = partial(_row, features, protocol, tell)
            name = candidate.function.name
            row = kept.row(protocol, name, candidate.weights, measure, views=seen)
            rows[protocol.name].append(row)
    return rows


@dataclass
class _Features:
    """Those of one candidate, of both splits, computed when they are first asked for."""

    candidate: FeatureSet
    dataset: Dataset
    device: torch.device
    views: CroppedViews | None

    @cached_property
    def splits(self) -> tuple[Tensor, Tensor, float]:
        """Of the training split and of the test split, and the seconds taken."""
        started, function = perf_counter(), self.candidate.function
        if self.views is not None:
            train = self.views.train_features(function, self.device)
            test = self.views.test_features(function, self.device)
            return train, test, perf_counter() - started
        train = extract(function, self.dataset.train.values, self.device)
        test = extract(function, self.dataset.test.values, self.device)
        return train, test, perf_counter() - started


def _few(dataset: Dataset, device: torch.device) -> Tensor:
    return Batches(dataset.train, 0, device).draw(0, min(2, len(dataset.train)))


def _row(features: _Features, protocol: Protocol, tell: Tell) -> ResultRow:
    candidate, dataset = features.candidate, features.dataset
    kind = f" ({candidate.weights})" if candidate.weights else ""
    tell(f"measuring {protocol.name} of {candidate.function.name}{kind}")
    train, test, seconds = features.splits
    started = perf_counter()
    labels, test_labels = dataset.train.labels, dataset.test.labels
    assert labels is not None
    assert test_labels is not None
    num_views = len(train) // len(labels)
    scores = run_classification(
        protocol, train, labels, test, test_labels, device=features.device, views=num_views
    )
    return classification_row(
        candidate.function,
        scores,
        dim=train.shape[1],
        seconds=seconds + perf_counter() - started,
        weights=candidate.weights,
    )
