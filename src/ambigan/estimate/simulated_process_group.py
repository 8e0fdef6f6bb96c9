"""A process group of N processes, of which only the first one exists."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch.distributed
from torch import Tensor

from ..core import distributed


@dataclass
class CollectiveTraffic:
    """What a process sends to the others.

    Attributes:
        messages: the number of collective calls.
        sent: the number of bytes, with ring algorithms for sums and gathers.
    """

    messages: int = 0
    sent: int = 0


class _SimulatedDist(CollectiveTraffic):
    """Replaces torch.distributed; all processes hold what this one holds."""

    ReduceOp: Any = torch.distributed.ReduceOp

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def get_rank(self) -> int:
        return 0

    def get_world_size(self) -> int:
        return self.size

    def barrier(self) -> None:
        pass

    def all_reduce(self, tensor: Tensor, op: Any = None) -> None:
        """A sum of equal parts; any other operation leaves the tensor as it is."""
        self.messages += 1
        self.sent += 2 * (self.size - 1) * tensor.nbytes // self.size
        if op is None:
            tensor.mul_(self.size)

    def all_gather(self, parts: list[Tensor], tensor: Tensor) -> None:
        self.messages += 1
        self.sent += (self.size - 1) * tensor.nbytes
        for part in parts:
            part.copy_(tensor)


@contextmanager
def simulated_process_group(size: int) -> Generator[CollectiveTraffic]:
    """Makes this process the first of `size` while the block runs, and counts what it sends.

    The others are assumed to hold the same tensors, so that sums are multiples and rows repeat.
    With one process nothing changes.
    """
    simulated, before = _SimulatedDist(size), distributed.dist
    if size > 1:
        distributed.dist = simulated
    try:
        yield simulated
    finally:
        distributed.dist = before
