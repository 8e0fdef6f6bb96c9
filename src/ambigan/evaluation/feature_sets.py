"""Features to be measured: layers of a run, raw values, PCA and layers of untrained networks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from time import perf_counter

from torch import Tensor

from ..core.ema import Weights
from ..core.errors import ConfigError
from ..data import Dataset, to_float
from ..game import Method
from .baselines.feature_baselines import pca_features, pixel_features, random_encoder
from .config import EvaluationInputs
from .features import FeatureFunction, extract, layer_features
from .protocols import Protocol, classify
from .result import Result, Subject

logger = logging.getLogger(__name__)

EACH = "each"
"""Instead of a layer's name: all that the method says are worth measuring."""


@dataclass(frozen=True)
class FeatureSet:
    """Features before they are measured, and the kind of weights that they use."""

    function: FeatureFunction
    weights: Weights | None = None


def resolve_layers(layers: Sequence[str], method: Method) -> list[str]:
    """The layers that are meant: the method's own if none is named, `each` spelt out.

    Raises:
        ConfigError: There is no such layer, or the method names none for `each`.
    """
    if EACH in layers and not method.feature_layers:
        raise ConfigError(
            f"{type(method).__name__} does not say which layers are worth measuring; name them"
            f" instead of '{EACH}': {', '.join(method.layers)}."
        )
    named = [name for x in layers for name in (method.feature_layers if x == EACH else (x,))]
    for name in named:
        method.find_layer(name)
    return list(dict.fromkeys(named)) or [method.default_layer]


def make_feature_sets(inputs: EvaluationInputs, names: Sequence[str]) -> Iterable[FeatureSet]:
    """The layers of each kind of weights; then raw values, PCA and untrained layers.

    PCA is as wide as the first layer.
    """
    dataset, baselines = inputs.dataset, inputs.config.baselines
    for layer in names:
        for run in inputs.runs:
            yield FeatureSet(layer_features(run.method, layer), run.weights)
    if "raw" in baselines:
        yield FeatureSet(raw_features(dataset))
    if "pca" in baselines:
        two = to_float(dataset.train.values[:2].to(inputs.device))
        width = inputs.method.features(two, names[0]).shape[1]
        yield FeatureSet(pca_features(dataset.train.values, width))
    if "random" in baselines:
        random = inputs.untrained()
        for layer in names:
            yield FeatureSet(random_encoder(random, layer))


def raw_features(dataset: Dataset) -> FeatureFunction:
    """The values themselves, under the name that suits them."""
    return pixel_features("pixels" if dataset.spec.kind == "images" else "raw values")


def measure_feature_sets(
    candidates: Iterable[FeatureSet], protocols: Sequence[Protocol], inputs: EvaluationInputs
) -> dict[str, list[Result]]:
    """The results of each protocol; features of each candidate are computed once, if at all."""
    views = "" if inputs.views is None else json.dumps(inputs.views.describe())
    results: dict[str, list[Result]] = {protocol.name: [] for protocol in protocols}
    for candidate in candidates:
        features = _Features(candidate, inputs)
        for protocol in protocols:
            results[protocol.name].append(
                inputs.cache.result(
                    protocol,
                    candidate.function.name,
                    candidate.weights,
                    inputs.provenance,
                    partial(_measure, features, protocol),
                    views=views,
                )
            )
    if inputs.views is not None:  # they are no constant of the protocol
        described = inputs.views.describe()
        return {
            name: [replace(r, protocol=replace(r.protocol, views=described)) for r in found]
            for name, found in results.items()
        }
    return results


@dataclass
class _Features:
    """The features of one candidate of both splits, computed when they are first asked for."""

    candidate: FeatureSet
    inputs: EvaluationInputs

    @cached_property
    def splits(self) -> tuple[Tensor, Tensor, float]:
        """Features of the training split and of the test split, and the seconds taken."""
        started, function, device = perf_counter(), self.candidate.function, self.inputs.device
        if (views := self.inputs.views) is not None:
            train, test = (
                views.train_features(function, device),
                views.test_features(function, device),
            )
        else:
            dataset = self.inputs.dataset
            train = extract(function, dataset.train.values, device)
            test = extract(function, dataset.test.values, device)
        return train, test, perf_counter() - started


def _measure(features: _Features, protocol: Protocol) -> Result:
    candidate, inputs = features.candidate, features.inputs
    function, weights = candidate.function, candidate.weights
    kind = f" ({weights})" if weights else ""
    logger.info("measuring %s of %s%s", protocol.name, function.name, kind)
    train, test, seconds = features.splits
    started = perf_counter()
    labels, test_labels = inputs.dataset.train.labels, inputs.dataset.test.labels
    assert labels is not None
    assert test_labels is not None
    views = len(train) // len(labels)
    found = classify(protocol, train, labels, test, test_labels, device=inputs.device, views=views)
    return Result(
        protocol.record,
        Subject(function.name, function.kind, weights, train.shape[1]),
        found.metrics,
        inputs.provenance,
        round(seconds + perf_counter() - started, 2),
        found.details,
    )
