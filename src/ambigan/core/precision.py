"""Number formats, and which of them a processor computes with."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

CPU_BF16 = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")
"""Instruction sets with products of bfloat16 matrices, by the names torch and Linux give them; the
last two are Arm's."""

CUDA_BF16 = (8, 0)
"""The compute capability from which CUDA devices have tensor cores for bfloat16."""


def at_least_float32(values: Tensor) -> Tensor:
    """Converts bfloat16 and float16 to float32; float32 and float64 are returned unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@cache
def bf16_hardware(device: torch.device) -> str:
    """What a device has that makes products in bf16 fast, in words; an empty text for nothing.

    It is read and not measured, so that a device gives the same answer every time. Processors
    without such instructions take up to a hundred times as long in bf16 as in fp32.
    """
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability < CUDA_BF16 or not torch.cuda.is_bf16_supported(including_emulation=False):
            return ""
        return "compute capability {}.{}".format(*capability)
    if device.type != "cpu":
        return ""
    return next((name for name in CPU_BF16 if name in _cpu_instructions()), "")


def usable_precisions(device: torch.device) -> tuple[str, ...]:
    """`fp32`, and `bf16` where the device has instructions for it."""
    return ("fp32", "bf16") if bf16_hardware(device) else ("fp32",)


def _cpu_instructions() -> set[str]:
    """The instruction sets of this machine's processor, by name in lower case."""
    ask: Any = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        return {name for name, is_there in ask().items() if is_there is True}
    try:  # torch before 2.12
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    lines = re.findall(r"^(?:flags|features)\s*:(.*)$", about, re.MULTILINE | re.IGNORECASE)
    return set(" ".join(lines).lower().split())
