"""Measuring: the results of each protocol, in the order in which they are finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .config import EvaluationConfig, EvaluationInputs
from .feature_sets import make_feature_sets, measure_feature_sets, resolve_layers
from .protocols import Protocol
from .reconstruction_sets import measure_reconstructions
from .reference_features import ReferenceFeatures, measure_generation, reference_parts
from .result import Result
from .select_protocols import check_used, select_protocols


def choose(protocols: Sequence[str], inputs: EvaluationInputs) -> list[Protocol]:
    """The protocols that are measured, all checked before any of them is.

    Raises:
        ConfigError: A protocol does not apply, or something is asked for that none would use.
    """
    references = ReferenceFeatures.of(inputs)
    chosen = select_protocols(protocols, inputs, references)
    check_used(protocols, chosen, inputs.config)
    for protocol in chosen:
        references.check(protocol, inputs.dataset)
    return chosen


def measure(protocols: Sequence[Protocol], inputs: EvaluationInputs) -> Iterator[list[Result]]:
    """The results of each protocol: of features, then of reconstructions, then of samples."""
    of_features = [protocol for protocol in protocols if protocol.needs == "labels"]
    if of_features:
        names = resolve_layers(inputs.config.layers, inputs.method)
        found = measure_feature_sets(make_feature_sets(inputs, names), of_features, inputs)
        yield from found.values()
    for protocol in protocols:
        if protocol.needs == "reconstruct":
            yield measure_reconstructions(inputs, protocol)
    references = ReferenceFeatures.of(inputs)
    for protocol in protocols:
        if protocol.needs == "sample":
            yield measure_generation(inputs, protocol, references)


def file_name(protocol: Protocol, config: EvaluationConfig, data_name: str = "") -> str:
    """The name of a protocol's file, with all that was asked for beyond the defaults.

    Args:
        protocol: The protocol.
        config: What was asked for.
        data_name: The data that were measured, where they are not the run's own.
    """
    named = [reference_parts(name)[0] for name in config.reference_features]
    words = {"labels": [*config.layers], "sample": named}.get(protocol.needs, [])
    words += [config.weights] if config.weights else []
    words += [config.crops.name] if config.crops is not None else []
    if data_name:
        words.append(f"on-{data_name}{'-own-form' if config.framing == 'data' else ''}")
    clean = ["".join("_" if c in "/\\: " else c for c in word) for word in words]
    return "--".join([protocol.name, *filter(None, clean)])
