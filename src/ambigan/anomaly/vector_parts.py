"""Parts of the anomaly score of a row: distances to known rows, and the reconstruction error."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..data import Split
from ..run import Run
from .part_scores import FloatArray, PartScores

# scikit-learn has no types.
_neighbors: Any = import_module("sklearn.neighbors")
_preprocessing: Any = import_module("sklearn.preprocessing")

MOST_KNOWN = 50_000
"""Rows that others are compared with, at most; of more, some are drawn."""

_QUANTILES = 100

_LAYER = "discriminator.hidden1"

_LEAST_VARIANCE = 0.01
"""What is added to the variance of each principal component, as a fraction of their mean."""


class VectorParts:
    """Distances of rows to the nearest known ones and, where the model can, reconstruction errors.

    A distance is the mean over the nearest `n_neighbors` known rows: in standardised columns
    (`neighbours`), in columns whose values are made normal by their ranks (`ranks`), in whitened
    principal components (`whitened`), and in the first hidden layer of the discriminator or, where
    there is none, in the features of the model (`features`). A row that is known itself is compared
    with the others, so that the score of a training row is what it would be if it had been left
    out.
    """

    weights: ClassVar = {"neighbours": 2.0}
    """Weight of a part in the joint score; 1 if it is not listed."""

    def __init__(self, run: Run, known: Split, n_neighbors: int = 1, seed: int = 0) -> None:
        """Keeps what is known.

        Args:
            run: The trained model.
            known: Rows that count as normal.
            n_neighbors: Number of neighbours, 1 or more.
            seed: Seed of the rows that are drawn where there are more than `MOST_KNOWN`.
        """
        values = known.values.numpy()
        if len(values) > MOST_KNOWN:
            drawn = np.random.default_rng(seed).choice(len(values), MOST_KNOWN, replace=False)
            values = values[np.sort(drawn)]
        self.n_neighbors = min(n_neighbors, len(values) - 1)
        self._places = {row.tobytes(): place for place, row in enumerate(values)}
        self._mean = values.mean(0, dtype=np.float64)
        deviation = values.std(0, dtype=np.float64)
        self._deviation = np.where(deviation > 0, deviation, 1)
        self._known = self._standardised(values)
        self._whitening = _whitening(self._known)
        self._ranks = _preprocessing.QuantileTransformer(
            n_quantiles=min(_QUANTILES, len(values)), output_distribution="normal"
        ).fit(self._known)
        self._layer = _LAYER if _LAYER in run.layers else None
        self._indexes = {
            name: _neighbors.NearestNeighbors(n_neighbors=self.n_neighbors + 1).fit(rows)
            for name, rows in self._forms(run, values).items()
        }

    def scores(self, run: Run, examples: Split) -> PartScores:
        """The parts' scores of rows, with the share of each column in the distance and the error.

        Args:
            run: The trained model.
            examples: Rows, scaled as the model takes them.
        """
        values = examples.values.numpy()
        own = np.array([self._places.get(row.tobytes(), -1) for row in values])
        parts: dict[str, FloatArray] = {}
        differences: list[FloatArray] = []
        for name, rows in self._forms(run, values).items():
            distances, nearest = self._nearest(name, rows, own)
            parts[name] = distances.mean(1)
            if name == "neighbours":
                differences.append(np.square(rows - self._known[nearest[:, 0]]))
        if "reconstruct" in run.capabilities:
            errors = run.reconstruction_errors(examples) / self._deviation**2
            parts["reconstruction"] = np.sqrt(errors.mean(1))
            differences.append(errors)
        return PartScores(parts, columns=_shares(differences))

    def _forms(self, run: Run, values: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Rows as they are compared, by the name of the part."""
        rows = self._standardised(values)
        return {
            "neighbours": rows,
            "ranks": self._ranks.transform(rows),
            "whitened": rows @ self._whitening,
            "features": run.features(Split(torch.as_tensor(values), None), self._layer),
        }

    def _standardised(self, values: NDArray[np.float32]) -> FloatArray:
        return (values - self._mean) / self._deviation

    def _nearest(
        self, name: str, rows: NDArray[Any], own: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Distances and places of the nearest known rows, without the one that a row itself is."""
        distances, places = self._indexes[name].kneighbors(rows)
        is_own = places == own[:, None]
        is_own[:, -1] |= ~is_own.any(1)  # one more than needed was found
        shape = len(rows), self.n_neighbors
        return distances[~is_own].reshape(shape), places[~is_own].reshape(shape)


def _whitening(rows: FloatArray) -> FloatArray:
    """The map `(D, K)` of standardised rows to principal components of about equal variance."""
    _, singular, axes = np.linalg.svd(rows, full_matrices=False)
    variances = singular**2 / len(rows)
    kept = variances > 1e-9 * variances.sum()
    variances, axes = variances[kept], axes[kept]
    return axes.T / np.sqrt(variances + _LEAST_VARIANCE * variances.mean())


def _shares(differences: list[FloatArray]) -> FloatArray:
    """The mean share of each column in several squared differences `(N, D)`."""
    width = differences[0].shape[1]
    shares: list[FloatArray] = []
    for each in differences:
        total = each.sum(1, keepdims=True)
        shares.append(np.where(total > 0, each / np.where(total > 0, total, 1), 1 / width))
    return np.mean(shares, axis=0)
