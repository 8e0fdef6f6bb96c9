"""From examples to a data set: which are held out, and the hash of what came of it."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from .dataset import Dataset, Scaling, SourceSplit, Split
from .settings import DataSettings

Item = TypeVar("Item")

DEFAULT_TEST_FRACTION = 0.1


def shuffled(length: int, settings: DataSettings, part: str = "split") -> Tensor:
    """The order, keyed by the split seed, in which the examples of a source are laid out."""
    return Randomness(settings.split_seed, part).permutation(length)


def num_held_out(length: int, settings: DataSettings, default: int | None = None) -> int:
    """How many of `length` examples without a published split are held out; at least one.

    Args:
        length: how many there are.
        settings: `test_fraction` decides where it is given.
        default: how many where it is not; None for a tenth.
    """
    if settings.test_fraction is None and default is not None:
        return default
    fraction = settings.test_fraction or DEFAULT_TEST_FRACTION
    return min(max(1, round(length * fraction)), length - 1)


def warn_of_published(where: str) -> None:
    """Says that a test fraction is idle where a test split is published."""
    warnings.warn(
        f"data.test_fraction has no effect on {where}: its test split is published; data.holdout"
        " takes another out of the training split.",
        stacklevel=4,
    )


def pick(items: Sequence[Item], chosen: Tensor) -> list[Item]:
    """The items at the given places, in that order."""
    places: list[int] = chosen.numpy().tolist()
    return [items[place] for place in places]


def take(split: Split, chosen: Tensor) -> Split:
    """The examples of a split at the given places, in that order."""
    return Split(
        values=split.values[chosen],
        labels=None if split.labels is None else split.labels[chosen],
        rows=None if split.rows is None else split.rows[chosen],
        files=tuple(pick(split.files, chosen)) if split.files else (),
    )


def split_at(split: Split, length: int) -> tuple[Split, Split]:
    """The first `length` examples and the others; both are views, so nothing is copied."""
    head, tail = slice(None, length), slice(length, None)
    return _view(split, head), _view(split, tail)


def concat(splits: Sequence[Split], label_names: tuple[str, ...] | None) -> SourceSplit:
    """Splits that are still in the order of their source, one after the other."""
    values = splits[0].values
    if len(splits) > 1:
        values = torch.cat([split.values for split in splits])
    labels = [split.labels for split in splits if split.labels is not None]
    is_labelled = len(labels) == len(splits)
    return SourceSplit(
        values=values,
        labels=torch.cat(labels) if is_labelled else None,
        rows=arange(len(values)),
        label_names=label_names if is_labelled else None,
    )


def apply_holdout(train: Split, test: Split, settings: DataSettings) -> tuple[Split, Split]:
    """Training and test split as the settings ask: `holdout`, then `max_train`.

    Raises:
        ConfigError: the holdout leaves nothing to train on.
    """
    if 0 < settings.holdout >= len(train):
        raise ConfigError(
            f"data.holdout of {settings.holdout} leaves none of the {len(train)} training"
            f" examples of {settings.source}; allowed are 0 to {len(train) - 1}."
        )
    if settings.holdout:
        train, test = split_at(train, len(train) - settings.holdout)
    if settings.max_train is not None:
        train, _ = split_at(train, settings.max_train)
    return train, test


def assemble(
    settings: DataSettings,
    spec: DataSpec,
    splits: tuple[Split, Split],
    label_names: tuple[str, ...] | None,
    scaling: Scaling | None = None,
    skipped: tuple[str, ...] = (),
) -> Dataset:
    """A data set of two finished splits, with its hash."""
    train, test = splits
    return Dataset(
        name=settings.source,
        spec=spec,
        train=train,
        test=test,
        label_names=label_names,
        scaling=scaling,
        sha256=data_fingerprint(train, test, scaling=scaling),
        skipped=skipped,
    )


def data_fingerprint(*splits: Split, scaling: Scaling | None = None) -> str:
    """Hex SHA-256 of values and labels: their bytes, shapes and types; of vectors, before scaling.

    Scaled values are hashed with the map that scaled them, which together tell the raw ones.
    """
    digest = hashlib.sha256()
    maps = () if scaling is None else ((scaling.shift, scaling.scale),)
    for pair in (*((split.values, split.labels) for split in splits), *maps):
        for tensor in pair:
            if tensor is None:
                digest.update(b"none;")
                continue
            digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def arange(length: int) -> Tensor:
    """The rows of examples that are still in the order of their source."""
    return torch.arange(length)


def _view(split: Split, part: slice) -> Split:
    return dataclasses.replace(
        split,
        values=split.values[part],
        labels=None if split.labels is None else split.labels[part],
        rows=None if split.rows is None else split.rows[part],
        files=split.files[part],
    )
