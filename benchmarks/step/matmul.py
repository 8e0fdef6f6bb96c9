"""Counts the floating-point operations of matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class MatmulCounter(TorchDispatchMode):
    """Adds up floating-point operations of matrix products in `total`, by torch's own formulas.

    torch's `FlopCounterMode` follows modules with hooks that `torch.autograd.grad` refuses where a
    module receives a weight as an argument, as under spectral norm.
    """

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.total = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs an operation and counts it if it is a matrix product."""
        made = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func.overloadpacket)) is not None:
            self.total += int(count(*args, **(kwargs or {}), out_val=made))
        return made


def count_flops(work: Callable[[], object]) -> int:
    """Floating-point operations in the matrix products of some work."""
    with MatmulCounter() as counter:
        work()
    return counter.total
