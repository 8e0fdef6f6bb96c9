"""Stored values as networks take them."""

from __future__ import annotations

import torch
from torch import Tensor


def to_float(values: Tensor) -> Tensor:
    """Examples as networks take them: uint8 images to float32 in [-1, 1]; vectors unchanged."""
    return values.to(torch.float32).div_(127.5).sub_(1) if values.dtype == torch.uint8 else values
