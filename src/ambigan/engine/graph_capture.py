"""A turn as a CUDA graph: hundreds of small kernels become one launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..core.randomness import Randomness
from ..game import Batch

Turn = Callable[[Tensor, Randomness], Batch]
"""Plays on the examples of given rows, with given randomness, and returns the batch it made."""


class TurnGraph:
    """A turn that was recorded once and is played again on other rows and other randomness.

    What changes from one replay to the next lies in tensors of fixed place: the rows to gather
    here, learning rates in the optimisers. Noise comes from one generator that is seeded anew
    before each replay, so a replay draws what the turn itself would.

    Args:
        turn: recorded, not played. It must have been played before, so that optimisers and meters
            have their tensors.
        num_rows: of a batch.
        device: a CUDA device.
    """

    def __init__(self, turn: Turn, num_rows: int, device: torch.device) -> None:
        self._rows = torch.zeros(num_rows, dtype=torch.int64, device=device)
        self._noise = Randomness(device=device)
        self._graph: Any = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._noise.generator)
        with torch.cuda.graph(self._graph):
            self.batch = turn(self._rows, self._noise)

    def replay(self, rows: Tensor, *key: int | str) -> Batch:
        """Plays on the examples of these rows, with the randomness of this key."""
        self._rows.copy_(rows)
        self._noise.reseed(*key)
        self._graph.replay()
        return self.batch
