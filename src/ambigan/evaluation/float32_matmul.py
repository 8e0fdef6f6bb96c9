"""Products in full float32, whatever was allowed in training."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
import torch.backends.cudnn

cudnn: Any = torch.backends.cudnn  # its functions carry no types


@contextmanager
def full_precision() -> Generator[None, None, None]:
    """No TF32 or bfloat16 inside products and convolutions while the block runs; also a decorator.

    cuDNN's convolutions are TF32 unless they are told otherwise.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with cudnn.flags(enabled=True, benchmark=cudnn.benchmark, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
