"""Pictures that are yet to be decoded: what every source of them is turned into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..dataset import Dataset, Split
from ..settings import DataSettings
from ..splits import shuffled
from .image_decoding import Content


@dataclass(frozen=True)
class ImageSource:
    """Pictures known by place: those to train on first, then those of a published test split.

    Attributes:
        where: the folder or the name of the source, for messages.
        length: how many there are.
        content: the picture at a place, read when it is asked for; called by many threads.
        labels: int64 `(length,)`, -1 for a picture of a split without classes; None where there
            are no classes.
        label_names: class names by label, or None.
        num_train: how many are to train on; None where no test split is published.
        names: of the pictures, by which files that cannot be read are named; empty where there are
            none.
        keeps_order: the published order is kept; else each split is laid out in an order keyed by
            the split seed, since most sources are sorted by class.
    """

    where: str
    length: int
    content: Callable[[int], Content]
    labels: Tensor | None = None
    label_names: tuple[str, ...] | None = None
    num_train: int | None = None
    names: Sequence[str] = ()
    keeps_order: bool = False

    def name(self, place: int) -> str:
        """What a picture is called in messages."""
        return self.names[place] if self.names else f"picture {place}"

    def order(self, settings: DataSettings) -> Sequence[int]:
        """The places of all pictures as a data set lays them out."""
        if self.keeps_order:
            return range(self.length)
        if self.num_train is None:
            return shuffled(self.length, settings).numpy().tolist()
        test = self.num_train + shuffled(self.length - self.num_train, settings, "test")
        return torch.cat([shuffled(self.num_train, settings), test]).numpy().tolist()

    def labels_of(self, chosen: Sequence[int]) -> Tensor | None:
        """Labels of the pictures at the given places."""
        return None if self.labels is None else self.labels[torch.tensor(chosen, dtype=torch.int64)]

    def names_of(self, chosen: Sequence[int]) -> tuple[str, ...]:
        """Names of the pictures at the given places, if they have any."""
        return tuple(self.names[place] for place in chosen) if self.names else ()


def image_source_of(dataset: Dataset) -> ImageSource:
    """The images of a data set that needs no decoding, in the order and splits that it has."""
    train, test = dataset.train, dataset.test

    def content(place: int) -> Content:
        split, row = (train, place) if place < len(train) else (test, place - len(train))
        return split.values[row].numpy()

    return ImageSource(
        where=dataset.name,
        length=len(train) + len(test),
        content=content,
        labels=_both_labels(train, test),
        label_names=dataset.label_names,
        num_train=len(train),
        names=(*train.files, *test.files),
        keeps_order=True,
    )


def _both_labels(*splits: Split) -> Tensor | None:
    """Labels of splits one after the other, -1 in one that has none; None if none has any."""
    if all(split.labels is None for split in splits):
        return None
    blank = [torch.full((len(split),), -1) for split in splits]
    labels = [split.labels for split in splits]
    return torch.cat([b if some is None else some for b, some in zip(blank, labels, strict=True)])
