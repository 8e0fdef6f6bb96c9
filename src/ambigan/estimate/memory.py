"""Measures the memory of tensors while code runs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile


class SavedTensors:
    """Bytes that autograd keeps for the backward pass; parameters do not count.

    Attributes:
        now: bytes kept at present, each storage counted once.
        most: the largest number of bytes kept at once.
    """

    def __init__(self) -> None:
        self.now = self.most = 0
        self._uses: dict[int, int] = {}

    def add(self, tensor: Tensor, change: int) -> None:
        """Counts one more (1) or one less (-1) use of a tensor's storage."""
        storage = tensor.untyped_storage()
        key = storage.data_ptr()
        before = self._uses.get(key, 0)
        self._uses[key] = before + change
        if 0 in (before, before + change):  # its first use, or its last
            self.now += change * storage.nbytes()
            self.most = max(self.most, self.now)


class _SavedTensor:
    """A tensor that is counted for as long as this object lives, unless it is a parameter."""

    def __init__(self, saved: SavedTensors, tensor: Tensor) -> None:
        self.saved, self.tensor = saved, tensor
        origin = tensor if tensor._base is None else tensor._base  # layers save transposed weights
        self.is_parameter = origin.is_leaf and origin.requires_grad
        if not self.is_parameter:
            saved.add(tensor, 1)

    def __del__(self) -> None:
        if not self.is_parameter:
            self.saved.add(self.tensor, -1)


@contextmanager
def saved_bytes() -> Generator[SavedTensors]:
    """Counts what autograd keeps while the block runs."""
    saved = SavedTensors()
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: _SavedTensor(saved, tensor), lambda kept: kept.tensor
    ):
        yield saved


def allocated_bytes(work: Callable[[], object], device: torch.device) -> int:
    """The peak of the bytes that the device's allocator hands out while `work` runs.

    What was allocated before does not count; the workspaces of kernels do. On the CPU, torch's
    profiler records the allocator, which slows the work down.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        work()
    now = most = 0
    kineto: Any = recorded.profiler
    for event in kineto.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most
