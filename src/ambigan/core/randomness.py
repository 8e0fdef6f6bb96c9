"""Randomness as a function of its key alone: a resumed run draws what it would have drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor


def seed_from(*parts: int | str) -> int:
    """A 63-bit seed from a key such as `(seed, images_seen, "z")`; equal keys give equal seeds."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Randomness:
    """The draws of one turn: a function of the key, the same whole on every number of ranks.

    A rank draws what all ranks draw together and keeps its own rows, so two ranks hold together
    exactly what one rank would.

    Args:
        key: for instance `(seed, images_seen, turn)`.
        device: where the numbers are made. CPU and CUDA give different numbers for one key.
        rank: this process's number.
        world_size: how many processes share a batch.
    """

    def __init__(
        self,
        *key: int | str,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.generator = torch.Generator(device).manual_seed(seed_from(*key))
        self.rank, self.world_size = rank, world_size

    def reseed(self, *key: int | str) -> None:
        """Begins anew with another key."""
        self.generator.manual_seed(seed_from(*key))

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers; the first dimension counts this rank's samples."""
        return self._rows(torch.randn, shape)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers uniform on [0, 1); the first dimension counts this rank's samples."""
        return self._rows(torch.rand, shape)

    def permutation(self, length: int) -> Tensor:
        """A permutation of `range(length)`, the same on every rank."""
        return torch.randperm(length, generator=self.generator, device=self.generator.device)

    def _rows(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        rows, *rest = shape
        whole = draw(
            (rows * self.world_size, *rest), generator=self.generator, device=self.generator.device
        )
        return whole[self.rank * rows : (self.rank + 1) * rows]
