"""One of several processes, played alone: what it does and sends, without the others."""

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
        messages: calls in which all take part.
        sent: bytes, where sums go round a ring and each process passes rows on.
    """

    messages: int = 0
    sent: int = 0


class _Others:
    """Stands in for torch.distributed: all processes do as this one does."""

    ReduceOp: Any = torch.distributed.ReduceOp

    def __init__(self, size: int, traffic: CollectiveTraffic) -> None:
        self.size, self.traffic = size, traffic

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
        """A sum of as many equal parts, unless it is another operation."""
        self._count(2 * (self.size - 1) * tensor.nbytes // self.size)
        if op is None:
            tensor.mul_(self.size)

    def all_gather(self, parts: list[Tensor], tensor: Tensor) -> None:
        self._count((self.size - 1) * tensor.nbytes)
        for part in parts:
            part.copy_(tensor)

    def _count(self, sent: int) -> None:
        self.traffic.messages += 1
        self.traffic.sent += sent


@contextmanager
def simulated_process_group(size: int) -> Generator[CollectiveTraffic]:
    """The first of so many processes, as long as the block runs; what it sends is counted.

    The others are taken to hold the same, so that sums are multiples and rows repeat.
    """
    traffic, before = CollectiveTraffic(), distributed.dist
    distributed.dist = _Others(size, traffic)
    try:
        yield traffic
    finally:
        distributed.dist = before
