"""What a network must know of the data: its shape and its range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DataSpec:
    """The form of one example past `data/`.

    Attributes:
        kind: images are float in [-1, 1]; vectors are as their scaling left them.
        shape: `(channels, height, width)` of an image, `(dimensions,)` of a vector.
        bounded: every value lies in [-1, 1], so a generator may end in a squashing function.
    """

    kind: Literal["images", "vectors"]
    shape: tuple[int, ...]
    bounded: bool

    @property
    def num_values(self) -> int:
        """How many numbers one example holds."""
        return math.prod(self.shape)
