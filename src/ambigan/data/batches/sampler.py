"""The order of training examples as a function of (seed, images seen), with no state to save."""

from __future__ import annotations

import torch
from torch import Tensor

from ...core.distributed import share_of
from ...core.errors import ConfigError
from ...core.randomness import Randomness
from ..dataset import Split
from ..values import to_float
from .augment import NUM_DRAWS
from .streaming import Stream, fits


class Sampler:
    """An endless stream of examples: one random permutation of the split after another.

    Args:
        length: Number of examples.
        seed: Seed of the permutations. Equal seeds give equal streams on every device.
        device: Device of the returned indices.
    """

    def __init__(self, length: int, seed: int, device: torch.device | str = "cpu") -> None:
        assert length > 0, "an empty split cannot be sampled"
        self.length, self.seed, self.device = length, seed, device
        self._cache: dict[int, Tensor] = {}

    def indices(self, images_seen: int, count: int) -> Tensor:
        """Returns entries `images_seen` to `images_seen + count` of the stream, int64 `(count,)`.

        A batch may cross the border of two epochs, so that no example is left out.

        Args:
            images_seen: Number of examples drawn before.
            count: Number of examples to draw.
        """
        assert images_seen >= 0, "the stream begins at 0"
        assert count > 0, "a batch holds something"
        position, end, pieces = images_seen, images_seen + count, list[Tensor]()
        while position < end:
            epoch, start = divmod(position, self.length)
            piece = self._permutation(epoch)[start : start + end - position]
            pieces.append(piece)
            position += len(piece)
        return torch.cat(pieces)

    def _permutation(self, epoch: int) -> Tensor:
        """Returns the order of one epoch, drawn on the CPU so that every device sees the same."""
        if epoch not in self._cache:
            order = Randomness(self.seed, "permutation", epoch).permutation(self.length)
            # Two epochs are kept, because the ranks' slices of one batch may straddle a border.
            self._cache = {key: self._cache[key] for key in sorted(self._cache)[-1:]}
            self._cache[epoch] = order.to(self.device)
        return self._cache[epoch]


class Batches:
    """Draws batches from a split by gathering rows.

    The split is copied to the device where it fits; otherwise it stays on the host and rows are
    copied as they are needed.

    Args:
        split: Split to draw from.
        seed: Seed of the sampler.
        device: Device on which batches are made.
        rows: Rows of the split to draw from, int64 `(M,)`, so that nothing is copied; None for all.

    Attributes:
        values: All examples as stored, on the device or on the host.
        device: Device on which batches are made.
        is_resident: Whether the examples are on that device.
    """

    def __init__(
        self,
        split: Split,
        seed: int,
        device: torch.device | str = "cpu",
        rows: Tensor | None = None,
    ) -> None:
        stored = split.values if split.stored is None else split.stored
        self.device, self.augment = torch.device(device), split.augment
        margins = split.margins if self.augment is not None else None
        beside = [] if margins is None else [margins.pixels.nbytes]
        self.is_resident = fits(stored, self.device, *beside)
        self.values = stored.to(self.device) if self.is_resident else stored
        self._stream = None if self.is_resident else Stream(stored, self.device)
        self._margins = self._margin_stream = None
        if margins is not None and self.is_resident:
            self._margins = margins.to(self.device)
        elif margins is not None:
            self._margin_stream = Stream(margins, self.device)
        self._rows = None if rows is None else rows.to(self.values.device)
        self._length = len(split) if rows is None else len(rows)
        self.sampler = Sampler(self._length, seed, self.values.device)

    def __len__(self) -> int:
        return self._length

    def draw(self, images_seen: int, batch_size: int, rank: int = 0, world_size: int = 1) -> Tensor:
        """Returns this rank's rows of the next global batch.

        They are float, `(batch_size / world_size, ...)`.

        Args:
            images_seen: Number of examples that all ranks together have drawn before.
            batch_size: Size of the global batch.
            rank: Number of this process. Rank r has the r-th of `world_size` contiguous slices.
            world_size: Number of processes that share the batch.

        Raises:
            ConfigError: The batch is larger than the split, or cannot be shared evenly.
        """
        return self.gather(self.indices(images_seen, batch_size, rank, world_size))

    def indices(
        self, images_seen: int, batch_size: int, rank: int = 0, world_size: int = 1
    ) -> Tensor:
        """Returns the rows that `draw` would gather, for a CUDA graph that gathers them itself."""
        self.check(batch_size)
        rows = share_of(batch_size, world_size)
        # Each rank reads its own slice of one global stream, so the number of ranks does not change
        # which examples a step sees.
        drawn = self.sampler.indices(images_seen + rank * rows, rows)
        return drawn if self._rows is None else self._rows[drawn]

    def gather(self, indices: Tensor, noise: Randomness | None = None) -> Tensor:
        """Gathers examples by row and converts them to what networks take.

        Args:
            indices: Rows, int64 `(B,)`.
            noise: Random numbers for augmentation, if the split is augmented; None for central
                crops. Without augmentation no number is drawn.
        """
        stored = self._stored(indices)
        if self.augment is None:
            return to_float(stored)
        if noise is None:
            return to_float(self.augment.centre(stored))
        draws = noise.uniform(len(indices), NUM_DRAWS)
        if self._margin_stream is not None:
            return self.augment(stored, draws, self._margin_stream.fetch(indices))
        margins = None if self._margins is None else self._margins.at(indices)
        return self.augment(stored, draws, margins)

    def expect(self, images_seen: int, *shares: int) -> None:
        """Starts to read the rows that `indices` returns, where rows are copied."""
        if self._stream is not None:
            rows = self.indices(images_seen, *shares)
            self._stream.expect(rows)
            if self._margin_stream is not None:
                self._margin_stream.expect(rows)

    def _stored(self, indices: Tensor) -> Tensor:
        """Gathers stored examples by row."""
        if self._stream is not None:
            return self._stream.fetch(indices)
        # On a CPU, indexing with brackets copies rows of bytes ten times more slowly.
        return self.values.index_select(0, indices)

    def check(self, batch_size: int) -> None:
        """Checks that the split can give batches of this size.

        Raises:
            ConfigError: The batch is empty or larger than the split.
        """
        if len(self) < 2:
            raise ConfigError(
                "there is one training example, and a batch needs two or more; add examples."
            )
        if batch_size > len(self):
            raise ConfigError(
                f"a batch of {batch_size} is larger than the {len(self)} training examples;"
                f" train.batch_size may be 2 to {len(self)}."
            )
        if batch_size < 1:
            raise ConfigError(
                f"a batch of {batch_size} is empty; train.batch_size may be 1 or more."
            )
