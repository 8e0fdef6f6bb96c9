"""Which labelled examples a classifier may see: parts held out, fractions and balanced draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from ...core.errors import ConfigError
from ...core.randomness import Randomness


def number_classes(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The labels that occur, rising, int64 `(K,)`, and the place of each among them, `(N,)`."""
    names, places = cast(Any, torch).unique(labels, return_inverse=True)
    return names, places


def class_sizes(labels: Tensor) -> dict[int, int]:
    """How many examples each label that occurs has, labels rising."""
    names, places = number_classes(labels)
    return dict(zip(names.numpy().tolist(), torch.bincount(places).numpy().tolist(), strict=True))


def hold_out(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Splits examples in two, class by class.

    Of each class the given fraction is held out, at least one where it has two; the only example
    of a class is kept.

    Args:
        labels: int64 `(N,)`.
        fraction: held out, in (0, 1).
        seed: of the choice.

    Returns:
        Places of the examples kept, and of those held out, both rising.

    Raises:
        ConfigError: no class has two examples.
    """
    held = _share(labels, seed, lambda num: min(num - 1, max(1, round(fraction * num))))
    if not len(held):
        raise ConfigError(
            f"none of {len(labels)} labelled examples can be held out to choose a constant by,"
            " since no class has two; give more labels or take a protocol that chooses nothing."
        )
    kept = torch.ones(len(labels), dtype=torch.bool)
    kept[held] = False
    return kept.nonzero().squeeze(1), held


def fraction_of_each(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Places, rising, of a fraction of each class, and at least one of its examples."""
    return _share(labels, seed, lambda num: max(1, round(fraction * num)))


def balanced_draw(labels: Tensor, num: int, seed: int, draw: int) -> Tensor:
    """Places, rising, of `num` examples, of every class as many; each draw is another.

    Args:
        labels: int64 `(N,)`.
        num: how many; where the number of classes does not divide it, the first have one more.
        seed: of all draws.
        draw: which, from 0.

    Raises:
        ConfigError: a class has too few examples.
    """
    sizes = class_sizes(labels)
    share, rest = divmod(num, len(sizes))
    most, scarce = share + (rest > 0), min(sizes, key=lambda label: sizes[label])
    if share == 0:
        raise ConfigError(
            f"{num:,} labels are fewer than the {len(sizes)} classes, which get as many each; give"
            f" {len(sizes)} or more."
        )
    if sizes[scarce] < most:
        raise ConfigError(
            f"{num:,} labels, balanced over {len(sizes)} classes, need {most} training examples of"
            f" each; label {scarce} has {sizes[scarce]} to draw from."
        )
    wanted = {label: share + (place < rest) for place, label in enumerate(sizes)}
    order = Randomness(seed, "draw", draw).permutation(len(labels))
    parts = [order[labels[order] == label][:size] for label, size in wanted.items()]
    return torch.cat(parts).sort().values


def _share(labels: Tensor, seed: int, size: Callable[[int], int]) -> Tensor:
    """Of each class the first `size(its number)` in a drawn order; places, rising."""
    order = Randomness(seed, "labels").permutation(len(labels))
    parts = [order[:0]]
    for label in class_sizes(labels):
        own = order[labels[order] == label]
        parts.append(own[: size(len(own))])
    return torch.cat(parts).sort().values
