"""Data sets in memory from images that must be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...core.data_spec import DataSpec
from ...core.errors import DataError
from ..dataset import Dataset, SourceSplit, Split
from ..settings import DataSettings
from ..splits import apply_holdout, assemble, num_held_out, split_at, warn_of_published
from .image_source import ImageSource
from .parallel_decoding import DecodingProgress, decode_images


def open_image_source(
    settings: DataSettings,
    gallery: ImageSource,
    progress: DecodingProgress | None = None,
    channels: int | None = None,
) -> Dataset:
    """Decodes both splits of an image source into memory.

    Args:
        settings: Settings of the data.
        gallery: Images to decode.
        progress: Function that is called with the number of images decoded and the total.

    Args:
        settings: How images are sized and split.
        gallery: The images.
        progress: Called with how many images are decoded and of how many.
        channels: 1 or 3 for images of a trained model's form; those of the settings if None.

    Raises:
        DataError: Too many images cannot be read, their sizes differ, or too few are left.
    """
    channels = channels or (1 if settings.grayscale else None)
    order = gallery.order(settings)
    values, kept, skipped = decode_images(
        gallery, order, settings.size, channels, settings.max_corrupt, progress
    )
    everything = Split(
        values=torch.as_tensor(values),
        labels=gallery.labels_of(kept),
        rows=_rows(gallery, kept),
        files=gallery.names_of(kept),
    )
    start, end = train_range(gallery, kept, settings)
    head, rest = split_at(everything, start)
    train, tail = split_at(rest, end - start)
    splits = apply_holdout(train, tail if start == 0 else head, settings)
    spec = DataSpec("images", tuple(values.shape[1:]), bounded=True)
    named = without_blanks(splits[0]), without_blanks(splits[1])
    return assemble(settings, spec, named, gallery.label_names, skipped=skipped)


def read_image_source(
    settings: DataSettings,
    gallery: ImageSource,
    channels: int,
    size: tuple[int, ...] | None,
    progress: DecodingProgress | None = None,
) -> SourceSplit:
    """Decodes all images in the order of their source, in the channels and size of a model.

    Args:
        settings: Settings of the data.
        gallery: Images to decode.
        channels: Number of channels, 1 or 3.
        size: Height and width; None if all images have one size.
        progress: Function that is called with the number of images decoded and the total.

    Raises:
        DataError: Too many images cannot be read, or sizes differ and none is given.
    """
    assert channels in (1, 3), "images of files are gray or have three colours"
    height_width = None if size is None else (size[0], size[1])
    values, kept, skipped = decode_images(
        gallery, range(gallery.length), height_width, channels, settings.max_corrupt, progress
    )
    labels = gallery.labels_of(kept)
    has_labels = labels is not None and bool((labels >= 0).all())
    return SourceSplit(
        values=torch.as_tensor(values),
        labels=labels if has_labels else None,
        rows=torch.tensor(kept),
        files=gallery.names_of(kept),
        label_names=gallery.label_names if has_labels else None,
        skipped=skipped,
    )


def train_range(
    gallery: ImageSource, kept: Sequence[int], settings: DataSettings
) -> tuple[int, int]:
    """Returns the first index of the training split among the readable images, and its end.

    A published test split comes after it; a test split that the seed selects comes before.

    Args:
        gallery: Images of the source.
        kept: Indices of the readable images, in the order of the data set.
        settings: Settings, whose `test_fraction` decides how many are held out if no split is
            published.

    Raises:
        DataError: One of the splits would be empty.
    """
    if gallery.num_train is not None:
        if settings.test_fraction is not None and not gallery.keeps_order:
            warn_of_published(gallery.where)
        start, end = 0, sum(place < gallery.num_train for place in kept)
        num_test = len(kept) - end
    else:
        start = num_test = num_held_out(len(kept), settings) if len(kept) > 1 else 0
        end = len(kept)
    if end == start or not num_test:
        raise DataError(
            f"{gallery.where}: {end - start} images are left to train on and {num_test} to test; at"
            " least one of each is needed."
        )
    return start, end


def _rows(gallery: ImageSource, kept: Sequence[int]) -> Tensor:
    """Returns each image's index in its published split, or in the whole source."""
    rows, num_train = torch.tensor(kept), gallery.num_train
    return rows if num_train is None else torch.where(rows < num_train, rows, rows - num_train)


def without_blanks(split: Split) -> Split:
    """Returns the split without labels if any of its images has none."""
    is_blank = split.labels is not None and bool((split.labels < 0).any())
    return replace(split, labels=None) if is_blank else split
