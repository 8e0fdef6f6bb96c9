"""Errors of an inversion next to those of PCA and of the mean, over known and hidden values."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Split, to_float
from ..evaluation.baselines.feature_baselines import PCA, fit_pca
from ..inversion import Inversion
from ..run import Run

MAX_TRAIN = 20_000
"""Largest number of training examples that PCA is fitted on, evenly spaced."""

Errors = dict[str, dict[str, float]]


def compare_errors(run: Run, train: Split, x: Split, found: Inversion) -> Errors:
    """Mean squared errors in the scale of training: `known` values and, with a mask, `hidden` ones.

    Args:
        run: the run that was inverted.
        train: its training split, on which PCA has as many components as latents.
        x: the data that were inverted, complete.
        found: what the inversion found.

    Returns:
        Errors by name: the start (`encoder` or `nearest sample`), `inverted`, `pca`, `mean`.
    """
    target, known = _scaled(run, run.originals(x)), torch.as_tensor(found.known)
    values = train.values[:: -(-len(train) // MAX_TRAIN)]
    fitted = _scaled(run, run.originals(Split(values, None)))
    pca = fit_pca(fitted, run.method.prior.dim)
    mean = pca.mean.view(1, *target.shape[1:]).expand_as(target)
    start = "encoder" if "encode" in run.capabilities else "nearest sample"
    outcomes = {
        start: _scaled(run, found.initial_reconstructions),
        "inverted": _scaled(run, found.reconstructions),
        "pca": pca.reconstruct(target) if known.all() else _completed(pca, fitted, target, known),
        "mean": mean,
    }
    parts = {"known": known} if known.all() else {"known": known, "hidden": ~known}
    return {
        name: {
            part: float((values.double() - target)[where].square().mean())
            for part, where in parts.items()
        }
        for name, values in outcomes.items()
    }


def _completed(pca: PCA, train: Tensor, x: Tensor, known: Tensor) -> Tensor:
    """Reconstructions from known values alone, by the posterior mean of probabilistic PCA.

    Source: Tipping and Bishop, 1999. The coordinates c minimise |x - W c|^2 / noise over the known
    values plus the sum of c^2 / variance.
    """
    noise = (pca.reconstruct(train) - train).double().square().mean().clamp(min=1e-6)
    variances = pca.encode(train).double().var(0).clamp(min=1e-6)
    linalg: Any = import_module("torch.linalg")
    W, mean = pca.components.double().T, pca.mean.double()
    rows: list[Tensor] = []
    for row, mask in zip((x.flatten(1).double() - mean), known.flatten(1), strict=True):
        seen = W[mask]
        left = seen.T @ seen + torch.diag(noise / variances)
        coordinates: Tensor = linalg.solve(left, seen.T @ row[mask])
        rows.append(mean + W @ coordinates)
    return torch.stack(rows).view_as(x)


def _scaled(run: Run, values: NDArray[Any]) -> Tensor:
    """What a run gave, in the scale of training."""
    tensor = torch.as_tensor(values)
    return to_float(tensor) if run.scaling is None else run.scaling.apply(tensor)
