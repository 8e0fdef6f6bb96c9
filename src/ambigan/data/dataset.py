"""The data set as the rest of the library sees it: two splits in memory and their properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from .batches.augment import Augment
from .batches.margins import Margins
from .inventory import Inventory

_ROWS = 4096
"""Rows that are scaled at once."""


@dataclass(frozen=True)
class Split:
    """The examples of one split.

    Attributes:
        values: Examples: images uint8 `(N, C, H, W)`, or float32 in [-1, 1] where they were deeper
            than 8 bits; vectors scaled float32 `(N, D)`.
        labels: Labels, int64 `(N,)`, or None where the data have none. Training never uses them.
        rows: Position of each example in its source, int64 `(N,)`, counted from 0: the row of a
            table or array, or the index in a published split or in the sorted files of a folder.
        files: Path of each example relative to the folder it was read from; empty for other
            sources.
        stored: Images before the crop, `(N, C, H, W)`, where training crops at random;
            `values` is then a view of their centre. None otherwise.
        margins: What lies beside the stored images, for random crops that reach there; None where
            images have one shape.
        augment: Augmentation of the stored images in training; None for none.
        targets: Real-valued targets, float64 `(N,)` or `(N, K)`; None where there are none.
        ids: Name of each row of a table; empty where it has none.
        groups: Group of each example, int64 `(N,)`, whose examples stay on one side of any split;
            all differ where each stands alone. None where the split is published or unknown, so
            that no other may take its place.
    """

    values: Tensor
    labels: Tensor | None
    rows: Tensor | None = None
    files: tuple[str, ...] = ()
    stored: Tensor | None = None
    margins: Margins | None = None
    augment: Augment | None = None
    targets: Tensor | None = None
    ids: tuple[str, ...] = ()
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class SourceSplit(Split):
    """All examples of a source in their order, as one split, for a trained model.

    Published splits follow one another, train before test, with rows counted through both. There
    are labels only if every example has one.

    Attributes:
        label_names: Class names by label, of this source alone; or None.
        skipped: One line for each file that was left out, with its name and the reason.
        inventory: What was read and what was left alone.
    """

    label_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    inventory: Inventory = field(default_factory=Inventory)


@dataclass(frozen=True)
class Scaling:
    """The map of raw values, fitted on the training split: scaled = (raw - shift) / scale.

    Vectors have one, and images that are deeper than 8 bits. It is computed in float64: float32
    resolves a time in seconds since 1970 to two minutes only.

    Attributes:
        shift: Value subtracted from each column, float64 `(D,)`, or from each channel, `(C, 1, 1)`.
        scale: Positive divisor of each, in the same shape.
        columns: Names of the columns used, in order; empty where the file names none. If constant
            columns of such a file were dropped, the positions of the others, as text.
        quantiles: Evenly spaced quantiles of each column, float64 `(Q, D)`, between which ranks in
            [-1, 1] are interpolated, while values beyond the ends follow the affine map; None for
            the affine map alone.
        fill: Values that replace missing ones, float64 `(D,)`; None where these are refused.
        categories: Levels of each column of categories, whose columns of zeros and ones are
            called `name=level`.
        integers: Names of columns that hold whole numbers.
        from_16_bits: Whether the images that it was fitted on had 16 bits, over which files of 8
            bits are spread.
    """

    shift: Tensor
    scale: Tensor
    columns: tuple[str, ...] = ()
    quantiles: Tensor | None = None
    fill: Tensor | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    integers: tuple[str, ...] = ()
    from_16_bits: bool = False

    def apply(self, raw: Tensor) -> Tensor:
        """Maps raw values, ideally float64, to scaled ones in float32 of the same shape."""
        scaled = torch.empty(raw.shape, dtype=torch.float32, device=raw.device)
        for part, place in zip(torch.split(raw, _ROWS), torch.split(scaled, _ROWS), strict=True):
            # Of large data, a float64 copy of all might not fit.
            raised = part.to(torch.float64, copy=True)
            affine = raised.clone() if self.quantiles is not None else raised
            affine.sub_(self.shift).div_(self.scale)
            place.copy_(affine if self.quantiles is None else self._ranks(raised, affine))
        return scaled

    def invert(self, scaled: Tensor) -> Tensor:
        """Maps scaled values back to the units of the file, float64 of the same shape."""
        values = scaled.to(torch.float64, copy=True)
        affine = values.clone() if self.quantiles is not None else values
        affine.mul_(self.scale).add_(self.shift)
        if self.quantiles is None:
            return affine
        levels = np.linspace(-1, 1, len(self.quantiles))
        ranks, table, out = values.numpy(), self.quantiles.numpy(), affine.numpy()
        for place in range(table.shape[1]):
            inside = np.abs(ranks[:, place]) <= 1
            out[inside, place] = np.interp(ranks[inside, place], levels, table[:, place])
        return affine

    def _ranks(self, raw: Tensor, affine: Tensor) -> Tensor:
        """Returns ranks in [-1, 1] where values lie between the ends, else the affine map."""
        assert self.quantiles is not None
        table, values, out = self.quantiles.numpy(), raw.numpy(), affine.numpy()
        levels = np.linspace(-1, 1, len(table))
        for place in range(table.shape[1]):
            column, knots = values[:, place], table[:, place]
            inside = (column >= knots[0]) & (column <= knots[-1])
            upper = np.interp(column[inside], knots, levels)
            lower = -np.interp(-column[inside], -knots[::-1], levels)
            out[inside, place] = (upper + lower) / 2  # of equal values, the middle of their ranks
        return affine


@dataclass(frozen=True)
class Dataset:
    """Two splits and their common properties.

    Attributes:
        name: Source as the user typed it, for instance `mnist` or `csv:spectra.csv`.
        spec: Form of one example. Vectors scaled by `minmax` count as bounded, although held-out
            ones may lie slightly outside [-1, 1] and are not clipped.
        train: Split that training uses.
        test: Held-out split that protocols score on.
        label_names: Class names by label, or None.
        scaling: Scaling of vectors and of images deeper than 8 bits; None for 8-bit images.
        sha256: Hash of the values and labels of both splits.
        skipped: One line for each file that was left out, with its name and the reason.
        inventory: What was read and what was left alone.
    """

    name: str
    spec: DataSpec
    train: Split
    test: Split
    label_names: tuple[str, ...] | None
    scaling: Scaling | None
    sha256: str
    skipped: tuple[str, ...] = ()
    inventory: Inventory = field(default_factory=Inventory)

    @property
    def has_labels(self) -> bool:
        """Whether both splits have labels, which most protocols need."""
        return self.train.labels is not None and self.test.labels is not None

    @property
    def has_targets(self) -> bool:
        """Whether both splits have real-valued targets."""
        return self.train.targets is not None and self.test.targets is not None
