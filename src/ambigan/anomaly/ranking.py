"""Examples in the order of their anomaly scores, flagged, measured where labels are known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.tables.outputs import row_columns
from ..retrieval import NamedExamples
from .scorer import AnomalyScores

_metrics: Any = import_module("sklearn.metrics")  # scikit-learn has no types


@dataclass(frozen=True)
class AnomalyRanking:
    """Scored examples and what is known of them.

    Attributes:
        examples: The examples that were scored.
        found: Their scores.
        threshold: Score above which an example is flagged.
        quantile: Fraction of normal examples that score below the threshold.
        normal: Scores of the normal examples that the model compares with, float64 `(N,)`.
        is_anomaly: Which examples are labelled as anomalies, bool `(N,)`; None where that is not
            known.
        column_names: Names of the columns of a table, or none.
    """

    examples: NamedExamples
    found: AnomalyScores
    threshold: float
    quantile: float
    normal: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_] | None = None
    column_names: tuple[str, ...] = ()

    @cached_property
    def flagged(self) -> NDArray[np.bool_]:
        """Which examples score above the threshold, bool `(N,)`."""
        return self.found.scores > self.threshold

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Places of the examples, the most anomalous first, `(N,)`."""
        return np.argsort(-self.found.scores, kind="stable")

    def warning_of_few(self) -> str:
        """What to say where normal examples are too few for the threshold, or an empty string."""
        num, needed = len(self.normal), math.ceil(1 / (1 - self.quantile) - 1e-9)
        if num >= needed:
            return ""
        return (
            f"the threshold comes of {num} normal examples, and {needed} are the fewest that can"
            f" say what {self.quantile:.1%} stay below, so more normal examples than that may be"
            " flagged; go by the ranking, or train on more normal examples"
        )

    def main_columns(self, place: int, most: int = 3) -> list[tuple[str, float]]:
        """Columns with the largest shares in what is unusual of an example, and the shares."""
        shares = self.found.columns
        if shares is None:
            return []
        names = self.column_names or tuple(map(str, range(shares.shape[1])))
        largest = np.argsort(-shares[place])[:most].tolist()
        return [(names[column], float(shares[place, column])) for column in largest]

    def columns(self) -> dict[str, Any]:
        """The table that is written: one row an example, the most anomalous first."""
        order = self.order
        table: dict[str, Any] = {
            "anomaly_score": self.found.scores,
            "is_flagged": self.flagged,
            **self.found.parts,
        }
        about = row_columns(self.examples.split, self.examples.label_names)
        about.setdefault("row", np.arange(len(self.examples.split)))
        if self.found.columns is not None:
            leading = [self.main_columns(place, 1)[0][0] for place in range(len(order))]
            table["main_column"] = leading
        return {
            name: [values[place] for place in order] for name, values in (about | table).items()
        }

    def measures(self) -> dict[str, Any] | None:
        """How well scores and flags agree with the labels; None without labels of both kinds."""
        truth = self.is_anomaly
        if truth is None or truth.all() or not truth.any():
            return None
        flagged = self.flagged
        return {
            "auroc": float(_metrics.roc_auc_score(truth, self.found.scores)),
            "average_precision": float(_metrics.average_precision_score(truth, self.found.scores)),
            "auroc_of_parts": {
                name: float(_metrics.roc_auc_score(truth, scores))
                for name, scores in self.found.parts.items()
            },
            "confusion": {
                "anomalies_flagged": int((truth & flagged).sum()),
                "anomalies_missed": int((truth & ~flagged).sum()),
                "normal_flagged": int((~truth & flagged).sum()),
                "normal_passed": int((~truth & ~flagged).sum()),
            },
        }

    def as_json(self) -> dict[str, Any]:
        """A summary, and each example in the order of the ranking."""
        table = self.columns()
        plain = {name: np.asarray(values).tolist() for name, values in table.items()}
        rows = zip(*plain.values(), strict=True)
        return {
            "data": self.examples.origin,
            "num_examples": len(self.examples.split),
            "threshold": self.threshold,
            "normal_below_threshold": self.quantile,
            "num_flagged": int(self.flagged.sum()),
            "measures": self.measures(),
            "examples": [dict(zip(plain, row, strict=True)) for row in rows],
        }
