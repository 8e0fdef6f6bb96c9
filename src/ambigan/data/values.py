"""Conversion of stored values to what networks take, and the number to convert at once."""

from __future__ import annotations

import torch
from torch import Tensor

_MOST = 2048
_MOST_ON_CPU = 128
_IN_CACHE = 3 << 17  # values in a chunk on a CPU, 1.5 MiB


def to_float(values: Tensor) -> Tensor:
    """Converts uint8 images to float32 in [-1, 1]; vectors are returned unchanged."""
    return values.to(torch.float32).div_(127.5).sub_(1) if values.dtype == torch.uint8 else values


def chunk_size(num_values: int, device: torch.device | str) -> int:
    """Returns how many examples to give a network at a time where nothing is learned.

    On a CPU the chunk is so small that activations stay in the cache: 128 images of CIFAR-10, which
    narrow convolutional networks process 1.5 to 2.5 times as fast as 2048. Processes that share
    examples take whole chunks each.

    Args:
        num_values: Number of values in one example.
        device: Device of the network.
    """
    if torch.device(device).type != "cpu":
        return _MOST
    return min(_MOST_ON_CPU, max(1, _IN_CACHE // num_values))
