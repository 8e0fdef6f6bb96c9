"""Counting floating-point operations of products and convolutions while something runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Products(TorchDispatchMode):
    """Adds up floating-point operations of products in `total`, by torch's own formulas.

    torch's own counter follows modules too, by hooks that `torch.autograd.grad` refuses where a
    module is given a weight, as those of spectral norm are.
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
        """Runs the operation, and counts it where it is a product."""
        made = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func.overloadpacket)) is not None:
            self.total += int(count(*args, **(kwargs or {}), out_val=made))
        return made


def count_flops(work: Callable[[], object]) -> int:
    """Floating-point operations in the products of some work."""
    with Products() as counter:
        work()
    return counter.total
