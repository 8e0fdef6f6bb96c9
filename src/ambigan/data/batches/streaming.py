"""Reading of stored examples that do not fit on the device, one batch ahead."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Generic, TypeVar

import torch
from torch import Tensor

from ...core.machine import physical_memory
from .margins import Margins

Rows = TypeVar("Rows", Tensor, Margins)

SHARE = 0.5
"""Fraction of a device's memory that stored examples may fill; networks need the rest."""


def fits(values: Tensor, device: torch.device, beside: int = 0) -> bool:
    """Returns whether the examples, and bytes besides, may be kept on a device as a whole."""
    if device.type == "cuda":
        memory, _ = torch.cuda.mem_get_info(device)
    else:
        memory = physical_memory()
    return values.nbytes + beside <= SHARE * memory


class Stream(Generic[Rows]):
    """Rows of examples that stay on the host, in memory or in a memory-mapped file.

    A thread reads the rows that are expected next while the device computes. The rows are the same
    with and without it.

    Args:
        values: All examples, or the margins of all images, on the host.
        device: Device on which rows are needed.
    """

    def __init__(self, values: Rows, device: torch.device) -> None:
        self.values: Rows = values
        self.device = device
        self._pending: list[tuple[Tensor, Future[Rows]]] = []

    def expect(self, rows: Tensor) -> None:
        """Starts to read rows that will be fetched soon, int64 `(B,)` on the host."""
        if not any(torch.equal(rows, known) for known, _ in self._pending):
            # At most two requests: the rows of the turn that is about to begin, and of the next.
            self._pending = [*self._pending[-1:], (rows, self._thread.submit(self._read, rows))]

    def fetch(self, rows: Tensor) -> Rows:
        """Returns the rows on the device, whether they were expected or not."""
        for place, (known, future) in enumerate(self._pending):
            if torch.equal(rows, known):
                self._pending = self._pending[place + 1 :]
                return self._moved(future.result())
        return self._moved(self._read(rows))

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        """Returns the reading thread, which is started on first use."""
        return ThreadPoolExecutor(1, "ambigan-stream")

    def _read(self, rows: Tensor) -> Rows:
        """Gathers rows on the host."""
        if isinstance(self.values, Margins):
            return self.values.take(rows)
        # Only copies from pinned memory run asynchronously.
        shape, pin = (len(rows), *self.values.shape[1:]), self.device.type == "cuda"
        target = torch.empty(shape, dtype=self.values.dtype, pin_memory=pin)
        return torch.index_select(self.values, 0, rows, out=target)

    def _moved(self, read: Rows) -> Rows:
        """Copies rows to the device."""
        return read.to(self.device, non_blocking=True)
