"""The training augmentation that settings ask for, and the central crop that evaluation uses."""

from __future__ import annotations

from dataclasses import replace

import torch

from ...core.errors import ConfigError
from ..batches.augment import Augment, scaled_length
from ..dataset import Dataset
from ..settings import DataSettings


def cropped_form(dataset: Dataset, settings: DataSettings) -> Dataset:
    """Returns a data set of images with the crops that the settings ask for.

    Its hash remains that of the stored images.

    Raises:
        ConfigError: The stored images are too small for the crop, or lack a band that is shown.
    """
    augment = augment_of(settings, dataset.spec.shape)
    channels = dataset.spec.shape[0]
    if max(settings.bands, default=1) > channels:
        raise ConfigError(
            f"data.bands {max(settings.bands)} is beyond the {channels} channels of {dataset.name};"
            f" bands are 1 to {channels}."
        )
    if settings.crop is None and dataset.train.margins is not None:  # packed, and not needed
        train, test = (replace(split, margins=None) for split in (dataset.train, dataset.test))
        dataset = replace(dataset, train=train, test=test)
    if augment is None:
        return dataset
    train, test = dataset.train, dataset.test
    shape = (dataset.spec.shape[0], *augment.crop)
    return replace(
        dataset,
        spec=replace(dataset.spec, shape=shape),
        train=replace(
            train, values=augment.centre(train.values), stored=train.values, augment=augment
        ),
        test=replace(test, values=augment.centre(test.values), stored=test.values),
    )


def augment_of(settings: DataSettings, shape: tuple[int, ...]) -> Augment | None:
    """Returns the augmentation that settings ask for, or None.

    Args:
        settings: Settings of the data.
        shape: Shape of the stored images, `(N, C, H, W)` or `(C, H, W)`.

    Raises:
        ConfigError: The images are too small for the crop.
    """
    if settings.crop is None and not settings.flip:
        return None
    _, height, width = shape
    crop = settings.crop or (height, width)
    least = height, width
    if settings.short_side is not None:
        low = torch.tensor(settings.short_side[0])
        least = tuple(int(scaled_length(n, low, min(height, width))) for n in (height, width))
    if crop[0] > least[0] or crop[1] > least[1]:
        scaled = "" if settings.short_side is None else " scaled to data.short_side"
        raise ConfigError(
            f"data.crop of {crop[0]},{crop[1]} is larger than the images{scaled}, which are"
            f" {least[0]}x{least[1]} (height x width); crop less, or store them larger with"
            " --data.size."
        )
    if crop[0] > height or crop[1] > width:
        raise ConfigError(
            f"data.crop of {crop[0]},{crop[1]} is larger than the stored images, {height}x{width}"
            " (height x width), whose central crop is evaluated; crop less, or store them larger"
            " with --data.size."
        )
    return Augment(crop, settings.short_side, settings.flip)
