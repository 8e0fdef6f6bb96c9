"""What a method remembers beside its players' weights: a slow copy of a network, past examples."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ...core.ema import move


class Teacher(nn.Module):
    """The average of a network's parameters over its training, as buffers: no player moves it.

    Of the network's buffers it has its own, such as the vectors of spectral norm.

    Args:
        network: that it follows; it starts as a copy.
        decay: average = decay * average + (1 - decay) * parameter, at each update.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        self.names = {name.replace(".", "/"): name for name in own}
        self.not_averaged = tuple(self.names)
        for ours, name in self.names.items():
            self.register_buffer(ours, own[name].detach().clone())

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """One step towards the network's present parameters."""
        values = dict(network.named_parameters())
        averages = [self.get_buffer(ours) for ours, name in self.names.items() if name in values]
        move(averages, list(values.values()), 1 - self.decay)

    @torch.no_grad()
    def run(self, network: nn.Module, x: Tensor, **options: Any) -> Tensor:
        """What the network would say with the averaged parameters."""
        state = {name: self.get_buffer(ours) for ours, name in self.names.items()}
        return functional_call(network, state, (x,), options)


class Bank(nn.Module):
    """The newest embeddings with the keys by which they are found, the oldest replaced first.

    It begins with random directions, which hardly anything lies near.

    Args:
        size: how many are held.
        embedding_dim: of each embedding.
        key_dim: of each key.
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
        """Takes in a batch in place of the oldest, or its last ones if it is larger than the bank.

        Args:
            embeddings: `(N, embedding_dim)`.
            keys: of the same images, `(N, key_dim)`.
        """
        size = len(self.embeddings)
        embeddings, keys = embeddings[-size:], keys[-size:]
        num = len(embeddings)
        rows = (self.place + torch.arange(num, device=self.place.device)) % size
        self.embeddings.index_copy_(0, rows, embeddings.to(self.embeddings.dtype))
        self.keys.index_copy_(0, rows, keys.to(self.keys.dtype))
        self.place.add_(num).remainder_(size)
