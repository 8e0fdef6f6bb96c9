"""A data set as the rest of the library sees it: two splits in memory and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.spec import DataSpec


@dataclass(frozen=True)
class Split:
    """Examples of one split.

    Attributes:
        values: uint8 `(N, C, H, W)` for images, float32 `(N, D)`, already scaled, for vectors.
        labels: int64 `(N,)`, or None where the data has none. Never used in training.
        rows: int64 `(N,)`, where each example stood in its source, counted from 0: the row of a
            table or array, the place in a published split or in the sorted files of a folder.
        files: of a folder, the path of each example below it; else empty.
    """

    values: Tensor
    labels: Tensor | None
    rows: Tensor | None = None
    files: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Scaling:
    """The affine map of vectors, fitted on the training split: scaled = (raw - shift) / scale.

    Attributes:
        shift: float32 `(D,)`.
        scale: float32 `(D,)`, positive.
        columns: the names of the columns used, in order; empty where the file names none. If
            constant columns of such a file were dropped, the positions that were kept, as text.
    """

    shift: Tensor
    scale: Tensor
    columns: tuple[str, ...] = ()

    def apply(self, raw: Tensor) -> Tensor:
        """Raw values to scaled ones, both `(N, D)`."""
        return (raw - self.shift) / self.scale

    def invert(self, scaled: Tensor) -> Tensor:
        """Scaled values back to the units of the file, both `(N, D)`."""
        return scaled * self.scale + self.shift


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


def to_float(values: Tensor) -> Tensor:
    """Examples as networks take them: uint8 images to float32 in [-1, 1]; vectors unchanged."""
    return values.to(torch.float32).div_(127.5).sub_(1) if values.dtype == torch.uint8 else values
