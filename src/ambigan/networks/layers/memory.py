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
        decay: Weight of the old average at each update, in [0, 1): average = decay * average + (1 -
            decay) * parameter.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        # A buffer's name may not contain a dot.
        self.names = {name.replace(".", "/"): name for name in own}
        # The EMA of the whole method copies these as they are: an average of an average would lag
        # behind the teacher that training used.
        self.not_averaged = tuple(self.names)
        for ours, name in self.names.items():
            self.register_buffer(ours, own[name].detach().clone())

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Moves the averages one step towards the current parameters of `network`."""
        values = dict(network.named_parameters())
        averages = [self.get_buffer(ours) for ours, name in self.names.items() if name in values]
        move(averages, list(values.values()), 1 - self.decay)

    @torch.no_grad()
    def run(self, network: nn.Module, x: Tensor, **options: Any) -> Tensor:
        """Returns the output of the network for x with the averaged parameters."""
        state = {name: self.get_buffer(ours) for ours, name in self.names.items()}
        return functional_call(network, state, (x,), options)


class Bank(nn.Module):
    """A queue of the most recent embeddings and of the keys by which they are found.

    New entries replace the oldest. The bank starts with random directions, which are close to
    hardly any key.
    """

    not_averaged = ("embeddings", "keys", "place")

    embeddings: Tensor
    keys: Tensor
    place: Tensor

    def __init__(self, size: int, embedding_dim: int, key_dim: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", F.normalize(torch.randn(size, embedding_dim), dim=1))
        self.register_buffer("keys", F.normalize(torch.randn(size, key_dim), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def put(self, embeddings: Tensor, keys: Tensor) -> None:
        """Stores embeddings `(N, embedding_dim)` and keys `(N, key_dim)` of the same images.

        They replace the oldest entries; if they exceed the bank, their last rows are stored.
        """
        size = len(self.embeddings)
        embeddings, keys = embeddings[-size:], keys[-size:]
        num = len(embeddings)
        # The position is a tensor on the device, so that a recorded CUDA graph advances it on
        # replay.
        rows = (self.place + torch.arange(num, device=self.place.device)) % size
        self.embeddings.index_copy_(0, rows, embeddings.to(self.embeddings.dtype))
        self.keys.index_copy_(0, rows, keys.to(self.keys.dtype))
        self.place.add_(num).remainder_(size)
