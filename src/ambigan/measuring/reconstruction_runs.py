"""A run's way through the latents and back, beside the training mean and PCA."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from ..data import Dataset
from ..evaluation.baselines.feature_baselines import pca_name
from ..evaluation.metrics.reconstruction import maps_of, mean_baseline, pca_baseline
from ..evaluation.protocols import Protocol, run_reconstruction
from ..evaluation.results import reconstruction_row
from ..run import Run
from .feature_sets import Baseline


def measure_reconstructions(
    runs: Sequence[Run], dataset: Dataset, protocol: Protocol, baselines: Sequence[Baseline]
) -> list[dict[str, Any]]:
    """The rows of one protocol; errors are of what the generator draws of the data."""
    rows = [_row(run, protocol, dataset) for run in runs]
    maps = maps_of(runs[0].method)
    if "raw" in baselines:
        means = mean_baseline(dataset, maps.target, runs[0].device)
        rows.append(reconstruction_row("training mean", "baseline", means, seconds=0))
    if "pca" in baselines:
        num_values = runs[0].method.sample_spec.num_values
        width = min(runs[0].method.prior.dim, num_values, len(dataset.train))
        kept = pca_baseline(dataset, width, maps.target, runs[0].device)
        rows.append(reconstruction_row(pca_name(width), "baseline", kept, seconds=0))
    return rows


def _row(run: Run, protocol: Protocol, dataset: Dataset) -> dict[str, Any]:
    started = perf_counter()
    errors = run_reconstruction(protocol, maps_of(run.method), dataset, device=run.device)
    seconds = perf_counter() - started
    return reconstruction_row(
        "reconstruction", "model", errors, seconds=seconds, weights=run.weights
    )
