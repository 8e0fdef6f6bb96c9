"""The common form of all sources of images that are not decoded yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..dataset import Dataset, Scaling, Split
from ..settings import DataSettings
from ..splits import held_out_groups, shuffled
from .image_decoding import DEFAULT, Content, Decoding


@dataclass(frozen=True)
class ImageSource:
    """Images by index: the training images first, then those of a published test split.

    Attributes:
        where: Folder or name of the source, for messages.
        length: Number of images.
        content: Function that reads the image at an index; many threads call it.
        labels: Labels, int64 `(length,)`, -1 for an image of a split without classes; None where
            there are no classes.
        label_names: Class names by label, or None.
        num_train: Number of training images; None where no test split is published.
        names: Names of the images, by which unreadable ones are reported; empty where there are
            none.
        keeps_order: Whether the published order is kept. Otherwise each split is shuffled with the
            split seed as key, since most sources are sorted by class.
        arrays: Images that lie in memory already, `(N, C, H, W)`, of the training and a test split;
            empty for others.
        left_alone: How many files were not read, by the reason.
        facts: What is worth knowing of how the source was read, such as the layout of an array.
        warnings: One line for each thing that looks wrong.
        groups: Name of the group of each image, which stays on one side of a split made at random;
            empty where images stand alone.
        decoding: How files are decoded.
    """

    where: str
    length: int
    content: Callable[[int], Content]
    labels: Tensor | None = None
    label_names: tuple[str, ...] | None = None
    num_train: int | None = None
    names: Sequence[str] = ()
    keeps_order: bool = False
    arrays: tuple[NDArray[Any], ...] = ()
    left_alone: Mapping[str, int] = field(default_factory=dict[str, int])
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    groups: Sequence[str] = ()
    decoding: Decoding = DEFAULT

    def name(self, place: int) -> str:
        """Returns the name of an image in messages."""
        return self.names[place] if self.names else f"picture {place}"

    def order(self, settings: DataSettings) -> Sequence[int]:
        """Returns the indices of all images in the order of the data set."""
        if self.keeps_order:
            return range(self.length)
        if self.num_train is None:
            order: list[int] = shuffled(self.length, settings).numpy().tolist()
            held_out = self.held_out_groups(settings)
            if held_out:  # the test split comes first
                order.sort(key=lambda place: self.groups[place] not in held_out)
            return order
        test = self.num_train + shuffled(self.length - self.num_train, settings, "test")
        return torch.cat([shuffled(self.num_train, settings), test]).numpy().tolist()

    def without(self, dropped: Collection[int]) -> ImageSource:
        """Returns the source without some of its images."""
        gone = frozenset(dropped)
        kept = [place for place in range(self.length) if place not in gone]
        num_train = self.num_train

        def content(place: int) -> Content:
            return self.content(kept[place])

        return replace(
            self,
            length=len(kept),
            content=content,
            labels=self.labels_of(kept),
            num_train=num_train and sum(place < num_train for place in kept),
            names=self.names_of(kept),
            groups=[self.groups[place] for place in kept] if self.groups else (),
            arrays=(),
        )

    def held_out_groups(self, settings: DataSettings) -> frozenset[str]:
        """Returns the groups of the test split; empty where images stand alone.

        They are drawn by the split seed until they hold the test fraction of the images.

        Raises:
            DataError: All images are of one group.
        """
        if not self.groups or self.num_train is not None:
            return frozenset()
        return held_out_groups(self.groups, settings, self.where)

    def labels_of(self, chosen: Sequence[int]) -> Tensor | None:
        """Returns the labels of the images at the given indices."""
        return None if self.labels is None else self.labels[torch.tensor(chosen, dtype=torch.int64)]

    def names_of(self, chosen: Sequence[int]) -> tuple[str, ...]:
        """Returns the names of the images at the given indices, if they have any."""
        return tuple(self.names[place] for place in chosen) if self.names else ()


def image_source_of(dataset: Dataset, dtype: str = "float32") -> ImageSource:
    """Returns the images of a data set that needs no decoding, in its order and splits.

    Args:
        dataset: The data set.
        dtype: Type that the values had before they were scaled, if they were.
    """
    train, test = dataset.train, dataset.test

    def content(place: int) -> Content:
        split, row = (train, place) if place < len(train) else (test, place - len(train))
        return in_source_units(split.values[row], dataset.scaling, dtype)

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


def in_source_units(image: Tensor, scaling: Scaling | None, dtype: str) -> Content:
    """Returns a stored image as its source had it, which a scaling may have changed."""
    if scaling is None:
        return image.numpy()
    raw = scaling.invert(image).numpy()
    return raw.astype(np.float32) if dtype == "float32" else np.rint(raw).astype(dtype)


def _both_labels(*splits: Split) -> Tensor | None:
    """Concatenates the labels of splits, -1 in one that has none; None if none has any."""
    if all(split.labels is None for split in splits):
        return None
    blank = [torch.full((len(split),), -1) for split in splits]
    labels = [split.labels for split in splits]
    return torch.cat([b if some is None else some for b, some in zip(blank, labels, strict=True)])
