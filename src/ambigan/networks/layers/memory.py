"""State that a method keeps in addition to its players' weights: a teacher network and a bank."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ...core.ema import move


class Teacher(nn.Module):
    """An exponential moving average of a network's parameters, stored as buffers.

    Because the averages are buffers, checkpoints contain them and no player's optimiser moves them.
    Buffers of the network, such as the vectors of spectral norm, are copied once and then belong to
    the teacher.

    Args:
        network: Network to follow. The teacher starts as a copy of it.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        # A buffer's name may not contain a dot.
        self.names = {name.replace(".", "/"): name for name in own}
        # The EMA of the whole method copies these as they are: an average of an average would lag
        # behind the teacher that training used.
        self.not_averaged = tuple(self.names)
        for ours, name in self.names.items():
            self.register_buffer(ours, own[name].detach().clone())

    @torch.no_grad()
    def update(self, network: nn.Module, decay: float) -> None:
        """Moves the averages one step towards the current parameters of `network`.

        Args:
            network: Network that the teacher follows.
            decay: Weight of the old average, in [0, 1]: average = decay * average + (1 - decay) *
                parameter.
        """
        values = dict(network.named_parameters())
        averages = [self.get_buffer(ours) for ours, name in self.names.items() if name in values]
        move(averages, list(values.values()), 1 - decay)

    @torch.no_grad()
    def run(self, network: nn.Module, x: Tensor, **options: Any) -> Tensor:
        """Returns the output of the network for x with the averaged parameters."""
        state = {name: self.get_buffer(ours) for ours, name in self.names.items()}
        return functional_call(network, state, (x,), options)


class Bank(nn.Module):
    """A queue of the most recent vectors of one or several kinds, such as embeddings and keys.

    New entries replace the oldest. The bank starts with random directions, which are close to
    hardly any vector. Each kind is a buffer of its own name, of shape `(size, dim)`.

    Args:
        size: Number of entries.
        dims: Length of the vectors of each kind, by name.
    """

    place: Tensor

    def __init__(self, size: int, **dims: int) -> None:
        super().__init__()
        self.size, self.not_averaged = size, (*dims, "place")
        for name, dim in dims.items():
            self.register_buffer(name, F.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def put(self, **vectors: Tensor) -> None:
        """Stores vectors `(N, dim)` of each kind, by name; rows of one number belong together.

        They replace the oldest entries; if they exceed the bank, their last rows are stored.
        """
        num = min(self.size, *(len(rows) for rows in vectors.values()))
        # The position is a tensor on the device, so that a recorded CUDA graph advances it on
        # replay.
        places = (self.place + torch.arange(num, device=self.place.device)) % self.size
        for name, rows in vectors.items():
            buffer = self.get_buffer(name)
            buffer.index_copy_(0, places, rows[-num:].to(buffer.dtype))
        self.place.add_(num).remainder_(self.size)
