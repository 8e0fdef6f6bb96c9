"""Measuring: the results of each protocol, in the order in which they are finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

from ..core.distributed import by_main
from ..data import to_float
from .baselines.feature_baselines import pca_name
from .config import EvaluationConfig, EvaluationInputs
from .feature_sets import make_feature_sets, measure_feature_sets, resolve_layers
from .metrics.reconstruction import Maps, maps_of, mean_maps, pca_maps
from .protocols import OF_FEATURES, Protocol, Task
from .protocols.few_examples import groups_of
from .protocols.regression import CONSTANTS as REGRESSION_CONSTANTS
from .protocols.regression import pls_r2
from .reference_features import ReferenceFeatures, measure_generation, reference_parts
from .result import Result, Subject

_PLS = "PLS"
"""Name of the supervised baseline of targets."""


def measure(protocols: Sequence[Protocol], inputs: EvaluationInputs) -> Iterator[list[Result]]:
    """The results of each protocol: of features, then of reconstructions, then of samples."""
    of_features = [protocol for protocol in protocols if protocol.needs in OF_FEATURES]
    if of_features:
        names = resolve_layers(inputs.config.layers, inputs.method)
        found = measure_feature_sets(make_feature_sets(inputs, names), of_features, inputs)
        for protocol in of_features:
            supervised = protocol.needs == "targets" and "raw" in inputs.config.baselines
            more = [_pls_result(protocol, inputs)] if supervised else []
            yield found[protocol.name] + more
    for protocol in protocols:
        if protocol.needs == "reconstruct":
            yield [
                _measure_reconstruction(protocol, subject, maps, inputs)
                for subject, maps in _reconstructions(inputs)
            ]
    references = ReferenceFeatures(inputs)
    for protocol in protocols:
        if protocol.needs == "sample":
            yield measure_generation(inputs, protocol, references)


def _pls_result(protocol: Protocol, inputs: EvaluationInputs) -> Result:
    """The result of partial least squares, which is known or measured now."""
    measure = partial(_measure_pls, protocol, inputs)
    return inputs.cache.result(protocol, _PLS, None, inputs.provenance, measure)


def _measure_pls(protocol: Protocol, inputs: EvaluationInputs) -> Result:
    """Partial least squares on raw values, the supervised baseline of targets."""
    started, train, test = perf_counter(), inputs.dataset.train, inputs.dataset.test
    assert train.targets is not None
    assert test.targets is not None
    constants = {name: protocol.constants[name] for name in REGRESSION_CONSTANTS}
    task = Task(
        *(to_float(train.values).flatten(1), train.targets),
        *(to_float(test.values).flatten(1), test.targets),
        groups=groups_of(inputs.dataset) if inputs.config.cross_validate else None,
    )
    pls = replace(protocol, function=pls_r2, constants=constants)
    measured = by_main(lambda: pls.measure(task))
    subject = Subject(_PLS, "baseline", None, train.values[0].numel())
    return protocol.result(subject, measured, inputs.provenance, perf_counter() - started)


def _reconstructions(inputs: EvaluationInputs) -> Iterator[tuple[Subject, Maps]]:
    """The way through the latents and back of each run, then of the training mean and of PCA.

    Baselines give back what the generator draws of the data.
    """
    for run in inputs.runs:
        yield Subject("reconstruction", "model", run.weights), maps_of(run.method)
    method, dataset, asked = inputs.method, inputs.dataset, inputs.config.baselines
    if "raw" in asked:
        maps = mean_maps(dataset, method.resize_to_sample, inputs.device)
        yield Subject("training mean", "baseline"), maps
    if "pca" in asked:
        width = min(method.prior.dim, method.sample_spec.num_values, len(dataset.train))
        maps = pca_maps(dataset, width, method.resize_to_sample, inputs.device)
        yield Subject(pca_name(width), "baseline"), maps


def _measure_reconstruction(
    protocol: Protocol, subject: Subject, maps: Maps, inputs: EvaluationInputs
) -> Result:
    started = perf_counter()
    found = protocol.measure(maps, inputs.dataset, inputs.device)
    return protocol.result(subject, found, inputs.provenance, perf_counter() - started)


def file_name(protocol: Protocol, config: EvaluationConfig, data_name: str = "") -> str:
    """The name of a protocol's file, with all that was asked for beyond the defaults.

    `data_name` is that of the data that were measured, where they are not the run's own.
    """
    named = [reference_parts(name)[0] for name in config.reference_features]
    layers = [*config.layers]
    words = {"labels": layers, "targets": layers, "sample": named}.get(protocol.needs, [])
    words += [config.weights] if config.weights else []
    words += [] if config.cross_validate else ["test-split"]
    words += [config.crops.name] if config.crops is not None else []
    if data_name:
        words.append(f"on-{data_name}{'-own-form' if config.framing == 'data' else ''}")
    clean = ["".join("_" if c in "/\\: " else c for c in word) for word in words]
    return "--".join([protocol.name, *filter(None, clean)])
