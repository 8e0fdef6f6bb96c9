"""A data set as the rest of the library sees it: two splits in memory and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from .augment import Augment

_ROWS = 4096
"""Rows that are scaled at once."""


@dataclass(frozen=True)
class Split:
    """Examples of one split.

    Attributes:
        values: uint8 `(N, C, H, W)` for images, float32 `(N, D)`, already scaled, for vectors.
        labels: int64 `(N,)`, or None where the data has none. Never used in training.
        rows: int64 `(N,)`, where each example stood in its source, counted from 0: the row of a
            table or array, the place in a published split or in the sorted files of a folder.
        files: of a folder, the path of each example below it; else empty.
        stored: of images that training crops at random, uint8 `(N, C, H, W)`, of which `values` is
            a view of the middle; else None.
        augment: what training does to the stored images; else None.
    """

    values: Tensor
    labels: Tensor | None
    rows: Tensor | None = None
    files: tuple[str, ...] = ()
    stored: Tensor | None = None
    augment: Augment | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class SourceSplit(Split):
    """Everything a source holds, in its order, as one split: for a model that is trained.

    Published splits follow each other, train before test, and rows count on through both. There
    are labels only where every example has one.

    Attributes:
        label_names: class names by label, of this source alone; or None.
        skipped: one line for each file left out, naming it and why.
    """

    label_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scaling:
    """The affine map of vectors, fitted on the training split: scaled = (raw - shift) / scale.

    It is computed in float64: of a time in seconds since 1970, float32 keeps two minutes.

    Attributes:
        shift: float64 `(D,)`.
        scale: float64 `(D,)`, positive.
        columns: the names of the columns used, in order; empty where the file names none. If
            constant columns of such a file were dropped, the positions that were kept, as text.
    """

    shift: Tensor
    scale: Tensor
    columns: tuple[str, ...] = ()

    def apply(self, raw: Tensor) -> Tensor:
        """Raw values `(N, D)`, best in float64, to scaled ones, float32 `(N, D)`."""
        scaled = torch.empty(raw.shape, dtype=torch.float32, device=raw.device)
        for part, place in zip(raw.split(_ROWS), scaled.split(_ROWS), strict=True):
            # Of large data, a float64 copy of all might not fit.
            place.copy_(part.to(torch.float64, copy=True).sub_(self.shift).div_(self.scale))
        return scaled

    def invert(self, scaled: Tensor) -> Tensor:
        """Scaled values `(N, D)` back to the units of the file, float64 `(N, D)`."""
        return scaled.to(torch.float64, copy=True).mul_(self.scale).add_(self.shift)


@dataclass(frozen=True)
class Dataset:
    """Two splits and what is known of them.

    Attributes:
        name: as the user typed it, for instance `mnist` or `csv:spectra.csv`.
        spec: the form of one example. Vectors scaled by `minmax` count as bounded: those of the
            training split are, those held out may lie a little outside and are not clipped.
        train: what is learned from.
        test: held out; protocols score on it.
        label_names: class names by label, or None.
        scaling: of vectors; None for images.
        sha256: of the values and labels of both splits.
        skipped: one line for each file left out, naming it and why.
    """

    name: str
    spec: DataSpec
    train: Split
    test: Split
    label_names: tuple[str, ...] | None
    scaling: Scaling | None
    sha256: str
    skipped: tuple[str, ...] = ()

    @property
    def has_labels(self) -> bool:
        """Whether both splits have labels, as protocols that judge features need them."""
        return self.train.labels is not None and self.test.labels is not None
