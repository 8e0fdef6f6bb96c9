"""The properties of data that a network must know: shape and range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DataSpec:
    """The form of one example, after loading and scaling.

    Attributes:
        kind: Kind of the data: `images`, float in [-1, 1], or `vectors`, scaled as their settings
            say.
        shape: Shape of one example, `(channels, height, width)` or `(dimensions,)`.
        bounded: Whether every value lies in [-1, 1], so that a generator may end in a bounded
            function.
    """

    kind: Literal["images", "vectors"]
    shape: tuple[int, ...]
    bounded: bool

    @property
    def num_values(self) -> int:
        """The number of values in one example."""
        return math.prod(self.shape)
