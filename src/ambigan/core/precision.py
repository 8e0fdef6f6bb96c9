"""Number formats."""

from __future__ import annotations

import math
from functools import cache
from time import perf_counter

import torch
from torch import Tensor

MATMUL_SIDE = 128
"""Of the matrices by whose product a processor is judged."""

WORTHWHILE = 1.2
"""Gain of bf16 over fp32 from which on it is taken."""


def at_least_float32(values: Tensor) -> Tensor:
    """Widens bfloat16 and float16; float32 and float64 stay as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@cache
def bf16_gain(device: torch.device) -> float:
    """How many times as fast as in fp32 a product of matrices is in bf16.

    On the CPU it is measured, once: processors without instructions for bf16 take up to a hundred
    times as long. A CUDA device has them from capability 8.0 on, and is not measured: infinite
    there, else 0. So are other devices, of which nothing is known: 0.
    """
    if device.type == "cuda":
        return math.inf if torch.cuda.get_device_capability(device) >= (8, 0) else 0.0
    if device.type != "cpu":
        return 0.0
    seconds = {dtype: _product_seconds(dtype) for dtype in (torch.float32, torch.bfloat16)}
    return seconds[torch.float32] / seconds[torch.bfloat16]


def usable_precisions(device: torch.device) -> tuple[str, ...]:
    """`fp32`, and `bf16` where it is worth while on the device."""
    return ("fp32", "bf16") if bf16_gain(device) > WORTHWHILE else ("fp32",)


def _product_seconds(dtype: torch.dtype) -> float:
    matrix = torch.zeros(MATMUL_SIDE, MATMUL_SIDE, dtype=dtype)
    found: list[float] = []
    for _ in range(4):
        start = perf_counter()
        torch.mm(matrix, matrix)
        found.append(perf_counter() - start)
    return min(found)
