"""A run's way through the latents and back, and those of the training mean and of PCA."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from .baselines.feature_baselines import pca_name
from .config import EvaluationInputs
from .metrics.reconstruction import Maps, maps_of, mean_maps, pca_maps
from .protocols import Protocol
from .result import Result, Subject


def measure_reconstructions(inputs: EvaluationInputs, protocol: Protocol) -> list[Result]:
    """The results of one protocol; errors are of what the generator draws of the data."""
    return [
        _measure(protocol, subject, maps, inputs)
        for subject, maps in (*_trained(inputs), *_baselines(inputs))
    ]


def _trained(inputs: EvaluationInputs) -> Iterator[tuple[Subject, Maps]]:
    for run in inputs.runs:
        yield Subject("reconstruction", "model", run.weights), maps_of(run.method)


def _baselines(inputs: EvaluationInputs) -> Iterator[tuple[Subject, Maps]]:
    method, dataset, asked = inputs.method, inputs.dataset, inputs.config.baselines
    target = maps_of(method).target
    if "raw" in asked:
        yield Subject("training mean", "baseline"), mean_maps(dataset, target, inputs.device)
    if "pca" in asked:
        width = min(method.prior.dim, method.sample_spec.num_values, len(dataset.train))
        subject = Subject(pca_name(width), "baseline")
        yield subject, pca_maps(dataset, width, target, inputs.device)


def _measure(protocol: Protocol, subject: Subject, maps: Maps, inputs: EvaluationInputs) -> Result:
    started = perf_counter()
    found = protocol.measure(maps, inputs.dataset, inputs.device)
    return Result(
        protocol.record,
        subject,
        found.metrics,
        inputs.provenance,
        round(perf_counter() - started, 2),
        found.details,
    )
