"""Number formats."""

from __future__ import annotations

from functools import cache
from time import perf_counter

import torch
from torch import Tensor

SIDE = 256
"""Of the matrices by whose product a processor is judged."""


def at_least_float32(values: Tensor) -> Tensor:
    """Widens bfloat16 and float16; float32 and float64 stay as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@cache
def bf16_gain(device: torch.device) -> float:
    """How many times as fast as in fp32 a product of matrices is in bf16.

    On the CPU it is measured once, in milliseconds: processors without instructions for bf16 take
    up to a hundred times as long. A GPU has them from capability 8.0 on, and is not measured: its
    gain is given as 2 or 0.5.
    """
    if device.type == "cuda":
        return 2.0 if torch.cuda.get_device_capability(device) >= (8, 0) else 0.5
    seconds = {dtype: _product_seconds(dtype) for dtype in (torch.float32, torch.bfloat16)}
    return seconds[torch.float32] / seconds[torch.bfloat16]


def usable_precisions(device: torch.device) -> tuple[str, ...]:
    """`fp32`, and `bf16` unless it is slower on the device."""
    return ("fp32", "bf16") if bf16_gain(device) >= 1 else ("fp32",)


def _product_seconds(dtype: torch.dtype) -> float:
    matrix = torch.zeros(SIDE, SIDE, dtype=dtype)
    found: list[float] = []
    for _ in range(4):
        start = perf_counter()
        torch.mm(matrix, matrix)
        found.append(perf_counter() - start)
    return min(found)
