"""Data sets in memory from images that must be decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.data_spec import DataSpec
from ...core.errors import DataError
from ..batches.margins import Margins
from ..dataset import Dataset, Scaling, SourceSplit, Split
from ..inventory import Inventory
from ..settings import DataSettings
from ..splits import apply_holdout, assemble, group_codes, num_held_out, split_at, warn_of_published
from .image_decoding import DecodedPixels
from .image_source import ImageSource
from .near_copies import warning_of_copies
from .parallel_decoding import DecodedImages, DecodingProgress, decode_images
from .pixel_form import LONGEST
from .unreadable import first_lines
from .value_range import (
    fit_range,
    is_constant,
    pixels_to_range,
    to_range,
    warning_of_missing,
    warning_of_range,
)


def open_image_source(
    settings: DataSettings,
    gallery: ImageSource,
    progress: DecodingProgress | None = None,
    channels: int | None = None,
    scaling_as: Scaling | None = None,
) -> Dataset:
    """Decodes both splits of an image source into memory.

    Args:
        settings: Settings of the data.
        gallery: Images to decode.
        progress: Function that is called with the number of images decoded and the total.
        channels: Number of channels of a trained model's images; those of the settings if None.
        scaling_as: Scaling of a trained model; fitted on the training split if None.

    Raises:
        DataError: Too many images cannot be read, their sizes differ, or too few are left.
    """
    channels = channels or (1 if settings.grayscale else None)
    order = gallery.order(settings)
    longest = LONGEST if settings.crop is not None else 1
    found = decode_images(
        *(gallery, order, settings.size, channels, settings.max_corrupt, progress),
        longest=longest,
        at_least=_depth(scaling_as),
    )
    values, kept = found.values, found.kept
    gallery = with_unused_pages(gallery, found.num_unused)
    start, end = train_range(gallery, kept, settings)
    inventory = _inventory(gallery, found)
    scaling, pixels, beside = None, values, found.beside
    if values.dtype != np.uint8 or settings.range is not None:
        used = min(end - settings.holdout, start + (settings.max_train or end))
        scaling = scaling_as or fit_range(values[start:used], settings, gallery.where)
        if said := warning_of_range(values[start:used], scaling, settings, gallery.where):
            inventory = replace(inventory, warnings=(*inventory.warnings, said))
        pixels = to_range(values, scaling)
        beside = None if beside is None else pixels_to_range(beside, scaling)
    elif is_constant(values[start:end]):
        said = (
            f"{gallery.where}: all values of the training images are {values[start].flat[0]} (where"
            " they are transparent, 255); there is nothing to learn"
        )
        inventory = replace(inventory, warnings=(*inventory.warnings, said))
    everything = Split(
        values=torch.as_tensor(pixels),
        labels=gallery.labels_of(kept),
        rows=_rows(gallery, kept),
        files=gallery.names_of(kept),
        margins=None if beside is None else _margins(found, torch.as_tensor(beside)),
        groups=None if gallery.num_train is not None else _groups(gallery, kept),
    )
    head, rest = split_at(everything, start)
    train, tail = split_at(rest, end - start)
    splits = apply_holdout(train, tail if start == 0 else head, settings, gallery.label_names)
    spec = DataSpec("images", tuple(values.shape[1:]), bounded=True)
    named = without_blanks(splits[0]), without_blanks(splits[1])
    pixels = splits[0].values.numpy(), splits[1].values.numpy()
    if said := warning_of_copies(gallery.where, *pixels, (splits[0].files, splits[1].files)):
        inventory = replace(inventory, warnings=(*inventory.warnings, said))
    return assemble(settings, spec, named, gallery.label_names, scaling, found.skipped, inventory)


def _margins(found: DecodedImages, beside: Tensor) -> Margins | None:
    """What lies beside the centres of decoded images, in the range of a model."""
    height, width = found.values.shape[2:]
    return Margins.of(beside, torch.tensor(found.sizes), (height, width))


def fact_of_margins(sizes: NDArray[np.integer], centre: tuple[int, int]) -> str:
    """Describes in one line what is stored beside the centres of images.

    Args:
        sizes: Height and width of each image as it is stored, `(N, 2)`.
        centre: Height and width of the centres.
    """
    num_longer = int((sizes > np.array(centre)).any(1).sum())
    num_longest = int((sizes >= LONGEST * np.array(centre)).any(1).sum())
    fact = f"{num_longer:,} longer along one side, all of which random crops reach"
    if num_longest:
        fact += f", but of {num_longest:,} no more than {LONGEST} times the size around the middle"
    return fact


def with_unused_pages(gallery: ImageSource, count: int) -> ImageSource:
    """Returns the source with the pages counted that are not read."""
    if not count:
        return gallery
    is_tiff = any(name.lower().endswith((".tif", ".tiff")) for name in gallery.names)
    also = " as images, --data.pages channels as channels of one" if is_tiff else ""
    reason = f"pages after the first of a file (--data.pages all reads them{also})"
    return replace(gallery, left_alone={**gallery.left_alone, reason: count})


def _inventory(gallery: ImageSource, found: DecodedImages) -> Inventory:
    """What is known of decoded images."""
    values, warned = found.values, list(gallery.warnings)
    channels, height, width = values.shape[1:]
    facts = [*gallery.facts, f"{height}x{width}, {channels} channel{'s' * (channels > 1)}"]
    if found.beside is not None:
        facts.append(fact_of_margins(np.array(found.sizes), (height, width)))
    if values.dtype != np.uint8:
        low, high = (_finite(values, ends) for ends in (np.min, np.max))
        facts.append(f"{_BITS[values.dtype.name]}, values from {low:g} to {high:g}")
        named = partial(image_name, gallery, found.kept)
        if said := warning_of_missing(values, gallery.where, named):
            warned.append(said)
    left = dict(gallery.left_alone)
    if found.skipped:
        left[f"that cannot be read, the first {first_lines(found.skipped)}"] = len(found.skipped)
    return Inventory("images", len(values), tuple(facts), left, tuple(warned))


def image_name(gallery: ImageSource, kept: Sequence[int], row: int) -> str:
    """The name of the image in a row of those that could be read."""
    return gallery.name(kept[row])


def _finite(values: DecodedPixels, reduce: Callable[..., Any]) -> float:
    """The least or the greatest finite value."""
    return float(
        reduce(
            [reduce(image[np.isfinite(image)]) for image in values if np.isfinite(image).any()]
            or [np.nan]
        )
    )


_BITS = {"uint16": "16 bits", "float32": "floats"}


def read_image_source(
    settings: DataSettings,
    gallery: ImageSource,
    channels: int,
    size: tuple[int, ...] | None,
    progress: DecodingProgress | None = None,
    scaling: Scaling | None = None,
) -> SourceSplit:
    """Decodes all images in the order of their source, in the channels and size of a model.

    Args:
        settings: Settings of the data.
        gallery: Images to decode.
        channels: Number of channels.
        size: Height and width; None if all images have one size.
        progress: Function that is called with the number of images decoded and the total.
        scaling: Scaling of a model of images deeper than 8 bits; None for 8 bits.

    Raises:
        DataError: Too many images cannot be read, or sizes differ and none is given.
    """
    height_width = None if size is None else (size[0], size[1])
    found = decode_images(
        gallery,
        range(gallery.length),
        height_width,
        channels,
        settings.max_corrupt,
        progress,
        "uint8" if scaling is None else None,
        at_least=_depth(scaling),
    )
    values, kept = found.values, found.kept
    labels = gallery.labels_of(kept)
    has_labels = labels is not None and bool((labels >= 0).all())
    return SourceSplit(
        values=torch.as_tensor(values) if scaling is None else to_range(values, scaling),
        labels=labels if has_labels else None,
        rows=torch.tensor(kept),
        files=gallery.names_of(kept),
        label_names=gallery.label_names if has_labels else None,
        skipped=found.skipped,
        inventory=_inventory(with_unused_pages(gallery, found.num_unused), found),
    )


def _depth(scaling: Scaling | None) -> str:
    """The type to which files are brought for a model of deep images at the least."""
    return "uint16" if scaling is not None and scaling.from_16_bits else "uint8"


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
    elif held_out := gallery.held_out_groups(settings):
        start = num_test = sum(gallery.groups[place] in held_out for place in kept)
        end = len(kept)
    else:
        start = num_test = num_held_out(len(kept), settings) if len(kept) > 1 else 0
        end = len(kept)
    if end == start or not num_test:
        if gallery.length == 1 and not gallery.left_alone:
            raise DataError(
                f"{gallery.where} is one image, and a training takes several: name a folder of"
                " them (a run that is trained takes it: ambigan embed RUN --data FILE)."
            )
        unused = [f"{count:,} {reason}" for reason, count in gallery.left_alone.items()]
        also = f" Left alone: {', '.join(unused[:5])}." if unused else ""
        raise DataError(
            f"{gallery.where}: {end - start} images are left to train on and {num_test} to test; at"
            f" least one of each is needed.{also}"
        )
    return start, end


def _groups(gallery: ImageSource, kept: Sequence[int]) -> Tensor:
    """Returns the group of each image."""
    groups = [gallery.groups[place] for place in kept] if gallery.groups else ()
    return group_codes(groups, len(kept))


def _rows(gallery: ImageSource, kept: Sequence[int]) -> Tensor:
    """Returns each image's index in its published split, or in the whole source."""
    rows, num_train = torch.tensor(kept), gallery.num_train
    return rows if num_train is None else torch.where(rows < num_train, rows, rows - num_train)


def without_blanks(split: Split) -> Split:
    """Returns the split without labels if any of its images has none."""
    is_blank = split.labels is not None and bool((split.labels < 0).any())
    return replace(split, labels=None) if is_blank else split
