"""Counting the memory of tensors while something runs, on any device, by hooks."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class SavedTensors:
    """Bytes kept for backward passes, each storage counted once, at their most."""

    def __init__(self) -> None:
        self.alive: dict[int, int] = {}
        self.now = self.most = 0

    def keep(self, tensor: Tensor) -> _Kept:
        """Counts a tensor until what is returned is let go."""
        return _Kept(self, tensor)


class _Kept:
    """A tensor that autograd keeps; counted as long as it does."""

    def __init__(self, saved: SavedTensors, tensor: Tensor) -> None:
        self.saved, self.tensor = saved, tensor
        self.key = tensor.untyped_storage().data_ptr()
        origin = tensor if tensor._base is None else tensor._base  # a layer keeps its weight turned
        self.is_weight = origin.is_leaf and origin.requires_grad
        if not self.is_weight:
            saved.alive[self.key] = saved.alive.get(self.key, 0) + 1
            if saved.alive[self.key] == 1:
                saved.now += tensor.untyped_storage().nbytes()
                saved.most = max(saved.most, saved.now)

    def __del__(self) -> None:
        if self.is_weight:
            return
        self.saved.alive[self.key] -= 1
        if self.saved.alive[self.key] == 0:
            self.saved.now -= self.tensor.untyped_storage().nbytes()


@contextmanager
def saved_bytes() -> Generator[SavedTensors]:
    """Counts what autograd keeps while the block runs."""
    saved = SavedTensors()

    def unpack(kept: Any) -> Tensor:
        return kept.tensor

    with torch.autograd.graph.saved_tensors_hooks(saved.keep, unpack):
        yield saved


def allocated_bytes(work: Callable[[], object], device: torch.device) -> int:
    """Bytes that come and go while work is done, at their most, as the device's allocator tells.

    On the CPU torch's profiler listens to it, which slows work down; what kernels need inside is
    part of it.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as heard:
        work()
    now = most = 0
    kineto: Any = heard.profiler
    for event in kineto.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


class LiveMemory(TorchDispatchMode):
    """Bytes of tensors that operations make while the block runs, and that are still there.

    Each storage is counted once, from its making to its end. What an operation needs inside and
    gives back before it returns is not seen.

    Args:
        before: tensors that were there, which are not counted again where a view of them is made.

    Attributes:
        now: at present.
        most: at their most.
    """

    def __init__(self, before: Iterable[Tensor] = ()) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.now = self.most = 0
        self._known: dict[int, Any] = {}
        for tensor in before:
            storage = tensor.untyped_storage()
            self._known[id(storage)] = storage

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs the operation, and counts what it made."""
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return

        def gone(_: object) -> None:
            del self._known[key]
            self.now -= size

        self._known[key] = weakref.ref(storage, gone)
        self.now += size
        self.most = max(self.most, self.now)
