"""Floating-point formats: widening, and whether bf16 is faster than fp32 on a device."""

from __future__ import annotations

import math
from functools import cache
from time import perf_counter

import torch
from torch import Tensor

MATMUL_SIDE = 128
"""Side of the square matrices whose product measures the speed of a CPU."""

WORTHWHILE = 1.2
"""Least speed-up of bf16 over fp32 at which bf16 is used."""


def at_least_float32(values: Tensor) -> Tensor:
    """Converts bfloat16 and float16 to float32; float32 and float64 are returned unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@cache
def bf16_gain(device: torch.device) -> float:
    """Returns how many times faster a matrix product is in bf16 than in fp32.

    On the CPU this is measured once: processors without bf16 instructions take up to a hundred
    times as long. A CUDA device is not measured: the gain is infinite from compute capability 8.0
    on, which has bf16 units, and 0 below. Other devices are unknown and give 0.
    """
    if device.type == "cuda":
        return math.inf if torch.cuda.get_device_capability(device) >= (8, 0) else 0.0
    if device.type != "cpu":
        return 0.0
    seconds = {dtype: _product_seconds(dtype) for dtype in (torch.float32, torch.bfloat16)}
    return seconds[torch.float32] / seconds[torch.bfloat16]


def usable_precisions(device: torch.device) -> tuple[str, ...]:
    """Returns `fp32`, and `bf16` where it is worthwhile on the device."""
    return ("fp32", "bf16") if bf16_gain(device) > WORTHWHILE else ("fp32",)


def _product_seconds(dtype: torch.dtype) -> float:
    """Returns the shortest time of four matrix products, so that a busy moment does not decide."""
    matrix = torch.zeros(MATMUL_SIDE, MATMUL_SIDE, dtype=dtype)
    found: list[float] = []
    for _ in range(4):
        start = perf_counter()
        torch.mm(matrix, matrix)
        found.append(perf_counter() - start)
    return min(found)
