"""Keyed randomness: random numbers as a function of a key, with no generator state to save.

A run derives the key of each turn from its seed and the number of images seen, so a resumed run
draws exactly the numbers that it would have drawn without the interruption.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import Tensor


def seed_from(*parts: int | str) -> int:
    """Returns the 63-bit seed that belongs to a key such as `(seed, images_seen, "z")`."""
    # A hash and not arithmetic: neighbouring keys such as steps 1 and 2 get unrelated seeds. One
    # bit is dropped because torch takes signed 64-bit seeds.
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Randomness:
    """Random numbers of one turn, which are a function of the key and independent of the ranks.

    Each rank draws the numbers for the whole global batch and keeps its own rows. Several ranks
    together therefore hold exactly the numbers that one rank would.

    Args:
        key: Integers and texts that identify the draw, for instance `(seed, images_seen, turn)`.
        device: Device on which the numbers are generated. CPU and CUDA give different numbers for
            the same key.
        rank: Number of this process.
        world_size: Number of processes that share a batch.
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

    def normal(self, *shape: int) -> Tensor:
        """Draws standard normal numbers; the first dimension is this rank's number of examples."""
        return self._rows(torch.randn, shape)

    def uniform(self, *shape: int) -> Tensor:
        """Draws uniform numbers in [0, 1); the first dimension is this rank's examples."""
        return self._rows(torch.rand, shape)

    def permutation(self, length: int) -> Tensor:
        """Draws a permutation of `range(length)`, the same on every rank."""
        return torch.randperm(length, generator=self.generator, device=self.generator.device)

    def _rows(self, draw: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        """Draws for all ranks and returns this rank's rows."""
        rows, *rest = shape
        whole = draw(
            (rows * self.world_size, *rest), generator=self.generator, device=self.generator.device
        )
        return whole[self.rank * rows : (self.rank + 1) * rows]


@contextmanager
def torch_seed(seed: int) -> Generator[None]:
    """Seeds torch's global generator, from which layers draw weights, and puts it back after."""
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
        yield
