"""One anomaly score of several parts, which are scaled by what they say of normal examples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..data import Dataset, Split
from ..data.splits import concat, labels_named, split_at, take
from ..run import Run
from .image_parts import ImageParts
from .part_scores import FloatArray, PartScores
from .vector_parts import VectorParts

LEAST_HELD_OUT = 100
"""Held-out examples by which alone the parts are scaled; with fewer, all that are known serve."""

MOST_HELD_OUT = 5_000
"""Examples by which the parts are scaled, at most."""

HELD_OUT = 0.15
"""Fraction of the training images that are kept for the scale of the parts."""

_BEYOND = 0.01
"""What an example scores by a part for each unit, of the logarithm, by which it is beyond them."""

_ROUNDING = 1e-5
"""Relative difference below which two scores are equal; networks compute in float32."""


@dataclass(frozen=True, kw_only=True)
class AnomalyScores(PartScores):
    """Scores of examples, and what they are made of.

    Attributes:
        parts: Score of each example by each part, float64 `(N,)`: the fraction of normal examples
            that score lower, and a little more the further the example is beyond them.
        columns: Share of each column of a table in what is unusual, float64 `(N, D)`, whose rows
            sum to 1; None for images.
        maps: Heat map of each image, float32 `(N, H, W)`; None for vectors.
        scores: Weighted mean of the parts, float64 `(N,)`; the higher, the more anomalous.
    """

    scores: FloatArray


class AnomalyScorer:
    """Scores how unlike normal examples others are, by a trained model.

    Attributes:
        normal: Scores of the normal examples by which the parts were scaled, float64 `(N,)`, in
            ascending order.
    """

    def __init__(
        self, run: Run, train: Split, held_out: Split, *, n_neighbors: int = 1, seed: int = 0
    ) -> None:
        """Keeps what is normal.

        Args:
            run: The trained model.
            train: Examples that it was trained on, which count as normal.
            held_out: Normal examples that it was not trained on; may be empty.
            n_neighbors: Number of the nearest normal examples that others are compared with. 1 is
                best where all are normal; 20 where anomalies may be among them, of which each then
                needs that many like it to pass for normal.
            seed: Seed of what is drawn where there are more examples than are kept.
        """
        self._parts: ImageParts | VectorParts
        if run.spec.kind == "images":
            self._parts = ImageParts(run, train, seed)
            normal = held_out if len(held_out) else train
        else:
            known = concat([train, held_out], None) if len(held_out) else train
            self._parts = VectorParts(run, known, n_neighbors, seed)
            normal = held_out if len(held_out) >= LEAST_HELD_OUT else known
        found = self._parts.scores(run, split_at(normal, MOST_HELD_OUT)[0])
        self._normal_parts = {name: np.sort(scores) for name, scores in found.parts.items()}
        self.normal = np.sort(self._joined(self._scaled(found)))

    def scores(self, run: Run, examples: Split) -> AnomalyScores:
        """The scores of examples.

        Args:
            run: The trained model.
            examples: Examples in the form that its networks take.
        """
        found = self._scaled(self._parts.scores(run, examples))
        return AnomalyScores(
            parts=found.parts,
            columns=found.columns,
            maps=found.maps,
            scores=self._joined(found),
        )

    def threshold(self, quantile: float) -> float:
        """The score that a fraction `quantile` of normal examples, from 0 to 1, stays below."""
        return float(np.quantile(self.normal, quantile))

    def _scaled(self, found: PartScores) -> PartScores:
        parts = {
            name: _scaled(scores, self._normal_parts[name]) for name, scores in found.parts.items()
        }
        return replace(found, parts=parts)

    def _joined(self, found: PartScores) -> FloatArray:
        weights = [self._parts.weights.get(name, 1.0) for name in found.parts]
        return np.average(list(found.parts.values()), axis=0, weights=weights)


def normal_examples(
    dataset: Dataset, labels: tuple[str, ...], *, is_apart: bool
) -> tuple[Split, Split]:
    """The normal examples that others are compared with, and those by which parts are scaled.

    Args:
        dataset: The run's data.
        labels: Labels of normal examples; all are normal if empty.
        is_apart: Whether other data are scored, so that the run's test split serves as well.
    """
    names = dataset.label_names

    def normal(split: Split) -> Split:
        if not labels or split.labels is None:
            return split
        chosen = labels_named(split, labels, names, dataset.name)
        return take(split, chosen.nonzero()[:, 0])

    train = normal(dataset.train)
    if is_apart:
        return train, normal(dataset.test)
    if dataset.spec.kind == "images":
        return split_at(train, max(1, round(len(train) * (1 - HELD_OUT))))
    return split_at(train, len(train))  # a row is compared with all others


def _scaled(scores: FloatArray, normal: FloatArray) -> FloatArray:
    """The fraction of normal scores below others, and a little more for those far above."""
    median, upper = np.quantile(normal, [0.5, 0.9])
    spread = upper - median or normal.std() or 1.0
    beyond = np.arcsinh(np.maximum(scores - median, 0) / spread)
    # A normal example's own score is among the others. Scored alone, it is rounded differently, but
    # must not lie above itself.
    below = np.searchsorted(normal, scores - _ROUNDING * np.abs(scores))
    return below / len(normal) + _BEYOND * beyond
