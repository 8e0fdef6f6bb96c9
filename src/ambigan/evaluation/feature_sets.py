"""Features to be measured: layers of a run, raw values, PCA and layers of untrained networks."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from time import perf_counter

from torch import Tensor

from ..core.distributed import by_main
from ..core.errors import ConfigError
from ..game import Method
from .baselines.feature_baselines import pca_baseline, raw_features
from .config import EvaluationInputs
from .features import FeatureFunction, extract, layer_features
from .protocols import Protocol, classify
from .protocols.few_examples import groups_of
from .result import Result, Subject

logger = logging.getLogger(__name__)

EACH = "each"
"""Instead of a layer's name: all that the method says are worth measuring."""


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


def make_feature_sets(inputs: EvaluationInputs, names: Sequence[str]) -> Iterable[FeatureFunction]:
    """The layers of each kind of weights; then raw values, PCA and untrained layers.

    PCA has about as many components as there are latents, see `pca_baseline`.
    """
    dataset, baselines = inputs.dataset, inputs.config.baselines
    for layer in names:
        for run in inputs.runs:
            yield layer_features(run.method, layer, run.weights)
    if "raw" in baselines:
        yield raw_features(dataset.spec)
    if "pca" in baselines:
        yield pca_baseline(dataset.train.values, inputs.method.prior.dim)
    if "random" in baselines:
        random = inputs.untrained()
        for layer in names:
            features = layer_features(random, layer)
            yield replace(features, name=f"random {layer}", kind="untrained")


def measure_feature_sets(
    functions: Iterable[FeatureFunction], protocols: Sequence[Protocol], inputs: EvaluationInputs
) -> dict[str, list[Result]]:
    """The results of each protocol; features are computed once for all protocols, if at all."""
    views = None if inputs.views is None else inputs.views.describe()
    results: dict[str, list[Result]] = {protocol.name: [] for protocol in protocols}
    for function in functions:
        splits = cache(partial(_extract_splits, function, inputs))
        for protocol in protocols:
            found = inputs.cache.result(
                protocol,
                function.name,
                function.weights,
                inputs.provenance,
                partial(_measure, function, splits, protocol, inputs),
                views="" if views is None else json.dumps(views),
            )
            if views is not None:  # they are no constant of the protocol
                found = replace(found, protocol=replace(found.protocol, views=views))
            results[protocol.name].append(found)
    return results


def _extract_splits(
    function: FeatureFunction, inputs: EvaluationInputs
) -> tuple[Tensor, Tensor, float]:
    """Features of the training split and of the test split, and the seconds taken."""
    started, device, dataset = perf_counter(), inputs.device, inputs.dataset
    if inputs.views is None:
        train = extract(function, dataset.train.values, device)
        test = extract(function, dataset.test.values, device)
    else:
        train = inputs.views.train_features(function, device)
        test = inputs.views.test_features(function, device)
    return train, test, perf_counter() - started


def _measure(
    function: FeatureFunction,
    splits: Callable[[], tuple[Tensor, Tensor, float]],
    protocol: Protocol,
    inputs: EvaluationInputs,
) -> Result:
    kind = f" ({function.weights})" if function.weights else ""
    logger.info("measuring %s of %s%s", protocol.name, function.name, kind)
    train, test, seconds = splits()
    started = perf_counter()
    dataset = inputs.dataset
    labels, test_labels = dataset.train.labels, dataset.test.labels
    may_divide = inputs.views is None and inputs.config.cross_validate
    if protocol.needs == "targets":
        labels, test_labels = dataset.train.targets, dataset.test.targets
    assert labels is not None
    assert test_labels is not None
    found, width = by_main(
        lambda: (
            classify(
                protocol,
                train,
                labels,
                test,
                test_labels,
                device=inputs.device,
                views=len(train) // len(labels),
                groups=groups_of(dataset) if may_divide else None,
                common_scale=function.common_scale,
            ),
            train.shape[1],
        )
    )
    subject = Subject(function.name, function.kind, function.weights, width)
    return protocol.result(subject, found, inputs.provenance, seconds + perf_counter() - started)
