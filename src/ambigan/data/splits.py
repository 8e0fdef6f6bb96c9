"""Division of examples into training and test split, and the hash of the result."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError, DataError, unknown_name
from ..core.randomness import Randomness
from .dataset import Dataset, Scaling, SourceSplit, Split
from .inventory import Inventory, listed_classes
from .settings import DataSettings

Item = TypeVar("Item")

DEFAULT_TEST_FRACTION = 0.1

LEAST_VALIDATED, MOST_VALIDATED = 8, 1024
"""Examples that validation holds out of a training split at least, if any, and at most."""

_HASHED = 1024
"""Images whose margins are hashed at once."""


def shuffled(length: int, settings: DataSettings, part: str = "split") -> Tensor:
    """Returns the random order, keyed by the split seed, in which a source's examples are arranged.

    Args:
        length: Number of examples.
        settings: Settings with the split seed.
        part: Name of the split, so that several have independent orders.
    """
    return Randomness(settings.split_seed, part).permutation(length)


def num_held_out(length: int, settings: DataSettings, default: int | None = None) -> int:
    """Returns how many examples of a source without a published split are held out; at least one.

    Args:
        length: Number of examples.
        settings: Settings, whose `test_fraction` decides if it is given.
        default: Number to hold out otherwise; None for a tenth.
    """
    if settings.test_fraction is None and default is not None:
        return default
    fraction = settings.test_fraction or DEFAULT_TEST_FRACTION
    return min(max(1, round(length * fraction)), length - 1)


def held_out_groups(groups: Sequence[str], settings: DataSettings, where: str) -> frozenset[str]:
    """Returns the groups of the test split, drawn until they hold the test fraction of examples.

    Args:
        groups: Group of each example.
        settings: Settings with the split seed and the test fraction.
        where: The source, for messages.

    Raises:
        DataError: All examples are of one group.
    """
    sizes = Counter[str](groups)
    if len(sizes) < 2:
        raise DataError(
            f"{where}: all {len(groups)} examples are of one group, {next(iter(sizes))!r}; name"
            " smaller ones with --data.group."
        )
    wanted, held_out, names = num_held_out(len(groups), settings), list[str](), sorted(sizes)
    order: list[int] = shuffled(len(names), settings, "groups").numpy().tolist()
    for place in order:
        if wanted <= 0 or len(held_out) == len(names) - 1:
            break
        held_out.append(names[place])
        wanted -= sizes[names[place]]
    return frozenset(held_out)


def group_codes(groups: Sequence[str], length: int) -> Tensor:
    """Returns the group of each example as a number; each its own where none are named.

    Args:
        groups: Group of each example, or none.
        length: Number of examples.
    """
    codes = {name: code for code, name in enumerate(dict.fromkeys(groups))}
    return torch.tensor([codes[name] for name in groups]) if groups else arange(length)


def warn_of_published(where: str) -> None:
    """Warns that a test fraction has no effect because there is a published test split."""
    warnings.warn(
        f"data.test_fraction has no effect on {where}: its test split is published; data.holdout"
        " takes another out of the training split.",
        stacklevel=4,
    )


def pick(items: Sequence[Item], chosen: Tensor) -> list[Item]:
    """Returns the items at the given indices, in that order."""
    places: list[int] = chosen.numpy().tolist()
    return [items[place] for place in places]


def take(split: Split, chosen: Tensor) -> Split:
    """Returns the examples of a split at the given indices, in that order."""
    return Split(
        values=split.values[chosen],
        labels=None if split.labels is None else split.labels[chosen],
        rows=None if split.rows is None else split.rows[chosen],
        files=tuple(pick(split.files, chosen)) if split.files else (),
        stored=None if split.stored is None else split.stored[chosen],
        margins=None if split.margins is None else split.margins.take(chosen),
        targets=None if split.targets is None else split.targets[chosen],
        ids=tuple(pick(split.ids, chosen)) if split.ids else (),
        groups=None if split.groups is None else split.groups[chosen],
    )


def stored_images(split: Split) -> Tensor:
    """Returns images as they are stored, `(N, C, H, W)`: whole, where networks see crops."""
    return split.values if split.stored is None else split.stored


def held_for_validation(split: Split, fraction: float, seed: int) -> Tensor:
    """Which examples of a training split are held out for validation, bool `(N,)`.

    They are drawn at random, whole groups where there are some, as many as fit into the fraction
    and `MOST_VALIDATED`; those take little from the training and are soon measured. None is held
    out where fewer than `LEAST_VALIDATED` would be, by which no state could be told from another.

    Args:
        split: Examples, as they are trained on.
        fraction: Fraction that is held out, in [0, 1).
        seed: Seed of the draw.
    """
    wanted = min(round(fraction * len(split)), MOST_VALIDATED)
    none = torch.zeros(len(split), dtype=torch.bool)
    if wanted < LEAST_VALIDATED:
        return none
    if split.groups is None:
        drawn = Randomness(seed, "validation").permutation(len(split))[:wanted]
        return none.index_fill_(0, drawn, True)
    names, places = cast(Any, torch).unique(split.groups, return_inverse=True)
    sizes: list[int] = torch.bincount(places).numpy().tolist()
    order: list[int] = Randomness(seed, "validation").permutation(len(names)).numpy().tolist()
    chosen: list[int] = []
    for group in order:
        if sizes[group] <= wanted:
            chosen.append(group)
            wanted -= sizes[group]
    is_held = torch.isin(places, torch.tensor(chosen, dtype=places.dtype))
    return is_held if is_held.sum() >= LEAST_VALIDATED else none


def all_but(split: Split, rows: Tensor) -> Split:
    """Returns the examples that are not at the given indices, augmented as the split is."""
    is_other = torch.ones(len(split), dtype=torch.bool).index_fill_(0, rows, False)
    return replace(take(split, is_other.nonzero()[:, 0]), augment=split.augment)


def split_at(split: Split, length: int) -> tuple[Split, Split]:
    """Returns the first `length` examples and the others, both as views."""
    head, tail = slice(None, length), slice(length, None)
    return _view(split, head), _view(split, tail)


def concat(splits: Sequence[Split], label_names: tuple[str, ...] | None) -> SourceSplit:
    """Concatenates splits that are still in the order of their source."""
    values = splits[0].values
    if len(splits) > 1:
        values = torch.cat([split.values for split in splits])
    labels = [split.labels for split in splits if split.labels is not None]
    is_labelled = len(labels) == len(splits)
    targets = [split.targets for split in splits if split.targets is not None]
    return SourceSplit(
        values=values,
        labels=torch.cat(labels) if is_labelled else None,
        rows=splits[0].rows if len(splits) == 1 else arange(len(values)),
        label_names=label_names if is_labelled else None,
        targets=torch.cat(targets) if len(targets) == len(splits) else None,
        ids=tuple(name for split in splits for name in split.ids),
    )


def apply_holdout(
    train: Split,
    test: Split,
    settings: DataSettings,
    label_names: Sequence[str] | None = None,
) -> tuple[Split, Split]:
    """Applies `holdout`, `train_on` and then `max_train` to the splits.

    Args:
        train: Training split.
        test: Test split.
        settings: Settings of the data.
        label_names: Class names by label, or None.

    Raises:
        ConfigError: The holdout leaves nothing to train on, or there are no such labels.
    """
    if 0 < settings.holdout >= len(train):
        raise ConfigError(
            f"data.holdout of {settings.holdout} leaves none of the {len(train)} training"
            f" examples of {settings.source}; allowed are 0 to {len(train) - 1}."
        )
    if settings.holdout:
        train, test = split_at(train, len(train) - settings.holdout)
    if settings.train_on:
        train, test = _of_labels(train, test, settings, label_names)
    if settings.max_train is not None:
        train, _ = split_at(train, settings.max_train)
    return train, test


def labels_named(
    split: Split, names: Sequence[str], label_names: Sequence[str] | None, where: str
) -> Tensor:
    """Returns which examples have one of several labels, bool `(N,)`.

    Args:
        split: Examples with labels.
        names: Labels by name or code.
        label_names: Class names by label, or None.
        where: The source, for messages.

    Raises:
        ConfigError: There are no labels, or no such ones.
    """
    if split.labels is None:
        raise ConfigError(
            f"{where} has no labels; name the column of a table by --data.label-column, put images"
            " of each label in a folder of their own below it, or, if all its examples are normal,"
            " name no labels."
        )
    found: list[int] = split.labels.numpy().tolist()
    codes = {str(code): code for code in sorted(set(found)) if code >= 0}
    if label_names:
        codes |= {name: code for code, name in enumerate(label_names)}
    for name in names:
        if name not in codes:
            raise unknown_name("label", name, list(label_names or codes))
    return torch.isin(split.labels, torch.tensor([codes[name] for name in names]))


def _of_labels(
    train: Split, test: Split, settings: DataSettings, label_names: Sequence[str] | None
) -> tuple[Split, Split]:
    """The training examples of the labels of `train_on`; the others join the test split."""
    chosen = labels_named(train, settings.train_on, label_names, settings.source)
    if not chosen.any():
        raise ConfigError(
            f"no training example of {settings.source} has a label of data.train_on,"
            f" {', '.join(settings.train_on)}."
        )
    kept, others = (take(train, mask.nonzero()[:, 0]) for mask in (chosen, ~chosen))
    if not len(others):
        return kept, test
    joined = concat([test, others], None)
    return kept, replace(
        test,
        values=joined.values,
        labels=joined.labels,
        targets=joined.targets,
        ids=joined.ids,
        rows=None
        if test.rows is None or others.rows is None
        else torch.cat([test.rows, others.rows]),
        files=(*test.files, *others.files),
        groups=None,
        margins=None,  # of random crops, which no test takes
    )


def assemble(
    settings: DataSettings,
    spec: DataSpec,
    splits: tuple[Split, Split],
    label_names: tuple[str, ...] | None,
    scaling: Scaling | None = None,
    skipped: tuple[str, ...] = (),
    inventory: Inventory | None = None,
) -> Dataset:
    """Builds a data set from two finished splits and computes its hash."""
    train, test = splits
    found = inventory or Inventory("images" if spec.kind == "images" else "rows")
    facts = [f"{len(train):,} to train and {len(test):,} to test"]
    if label_names and train.labels is not None:
        facts.append(listed_classes(label_names))
    inventory = replace(
        found, num_read=found.num_read or len(train) + len(test), facts=(*found.facts, *facts)
    )
    return Dataset(
        name=settings.source,
        spec=spec,
        train=train,
        test=test,
        label_names=label_names,
        scaling=scaling,
        sha256=data_fingerprint(train, test, scaling=scaling),
        skipped=skipped,
        inventory=inventory,
    )


def data_fingerprint(*splits: Split, scaling: Scaling | None = None) -> str:
    """Returns the hex SHA-256 of values and labels, with their shapes and types.

    Scaled vectors are hashed together with their scaling, which determines the raw values.

    Args:
        splits: Splits to hash, in order.
        scaling: Scaling of vectors; None for images.
    """
    digest = hashlib.sha256()
    maps = () if scaling is None else ((scaling.shift, scaling.scale),)
    for pair in (*((split.values, split.labels) for split in splits), *maps):
        for tensor in pair:
            if tensor is None:
                digest.update(b"none;")
                continue
            _update(digest, tensor)
    for split in splits:
        if split.targets is not None:
            _update(digest, split.targets)
        if split.margins is not None:
            _update(digest, split.margins.sizes)
            for rows in torch.split(torch.arange(len(split)), _HASHED):
                _update(digest, split.margins.take(rows).pixels)
    return digest.hexdigest()


def _update(digest: Any, tensor: Tensor) -> None:
    """Adds a tensor, with its type and shape, to a hash."""
    digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
    digest.update(tensor.contiguous().numpy().data)


def arange(length: int) -> Tensor:
    """Returns the rows of examples that are still in the order of their source."""
    return torch.arange(length)


def _view(split: Split, part: slice) -> Split:
    """Returns part of a split without copying."""
    return replace(
        split,
        values=split.values[part],
        labels=None if split.labels is None else split.labels[part],
        rows=None if split.rows is None else split.rows[part],
        files=split.files[part],
        stored=None if split.stored is None else split.stored[part],
        margins=None if split.margins is None else split.margins.part(part),
        targets=None if split.targets is None else split.targets[part],
        ids=split.ids[part],
        groups=None if split.groups is None else split.groups[part],
    )
