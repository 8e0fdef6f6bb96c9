"""Stored values as networks take them, so many at a time."""

from __future__ import annotations

import torch
from torch import Tensor

_MOST = 2048
_IN_CACHE = 3 << 17  # values, 1.5 MiB


def to_float(values: Tensor) -> Tensor:
    """Examples as networks take them: uint8 images to float32 in [-1, 1]; vectors unchanged."""
    return values.to(torch.float32).div_(127.5).sub_(1) if values.dtype == torch.uint8 else values


def chunk_size(num_values: int, device: torch.device | str) -> int:
    """How many examples to give a network at a time where nothing is learned.

    On a CPU so few that their activations stay in its cache: 128 of CIFAR-10, which narrow
    convolutional networks read 1.5 to 2.5 times as fast as 2048.

    Args:
        num_values: of an example.
        device: of the network.
    """
    if torch.device(device).type != "cpu":
        return _MOST
    return min(_MOST, max(1, _IN_CACHE // num_values))
