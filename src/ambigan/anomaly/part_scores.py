"""What each part of an anomaly score says of examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PartScores:
    """Scores of examples by several parts; the higher, the less an example is like known ones.

    Attributes:
        parts: Score of each example, float64 `(N,)`, by the name of the part.
        columns: Share of each column of a table in what is unusual, float64 `(N, D)`, whose rows
            sum to 1; None for images.
        maps: Heat map of each image, float32 `(N, H, W)`; None for vectors.
    """

    parts: dict[str, FloatArray]
    columns: FloatArray | None = None
    maps: NDArray[np.float32] | None = None
