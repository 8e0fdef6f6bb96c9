"""Counts the memory of tensors by following every operation, on any device and on fake tensors."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Bytes of the tensors that operations create while the block runs and that still exist.

    Each storage counts once, from its creation to its end; the workspaces of kernels are not seen.
    It works on tensors without memory too (`FakeTensorMode`).

    Args:
        before: tensors that exist already; views of them do not count.

    Attributes:
        now: bytes at present.
        most: the largest number of bytes at once.
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
        """Runs an operation and counts the tensors that it creates."""
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
