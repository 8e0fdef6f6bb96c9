"""Stored examples that do not fit where batches are made: read from the host, one batch ahead."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import torch
from torch import Tensor

from ..core.machine import physical_memory

SHARE = 0.5
"""Of the memory of a device, what stored examples may fill; networks need the rest."""


def fits(values: Tensor, device: torch.device) -> bool:
    """Whether examples may be kept on a device as a whole."""
    if device.type == "cuda":
        memory, _ = torch.cuda.mem_get_info(device)
    else:
        memory = physical_memory()
    return values.nbytes <= SHARE * memory


class Stream:
    """Rows of examples that lie on the host, in memory or in a mapped file.

    What is expected next is read by a thread while the device is at work. Rows are the same with
    and without.

    Args:
        values: of all examples, on the host.
        device: where rows are wanted.
    """

    def __init__(self, values: Tensor, device: torch.device) -> None:
        self.values, self.device = values, device
        self._pending: list[tuple[Tensor, Future[Tensor]]] = []

    def expect(self, rows: Tensor) -> None:
        """Begins to read rows that will be fetched soon, int64 `(B,)` on the host."""
        if not any(torch.equal(rows, known) for known, _ in self._pending):
            # Two: those of the turn that is about to begin, and of the next.
            self._pending = [*self._pending[-1:], (rows, self._thread.submit(self._read, rows))]

    def fetch(self, rows: Tensor) -> Tensor:
        """The rows on the device, whether they were expected or not."""
        for place, (known, future) in enumerate(self._pending):
            if torch.equal(rows, known):
                self._pending = self._pending[place + 1 :]
                return self._moved(future.result())
        return self._moved(self._read(rows))

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "ambigan-stream")

    def _read(self, rows: Tensor) -> Tensor:
        # From pinned memory a copy to the device needs nobody to wait for it.
        shape, pin = (len(rows), *self.values.shape[1:]), self.device.type == "cuda"
        target = torch.empty(shape, dtype=self.values.dtype, pin_memory=pin)
        return torch.index_select(self.values, 0, rows, out=target)

    def _moved(self, read: Tensor) -> Tensor:
        return read.to(self.device, non_blocking=True)
