"""Number formats."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Widens bfloat16 and float16; float32 and float64 stay as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
