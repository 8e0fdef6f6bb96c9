"""Subsets of labelled examples: held-out parts, fractions and balanced draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor

from ...core.errors import ConfigError
from ...core.randomness import Randomness


def number_classes(
    labels: Int[Tensor, "*form"],
) -> tuple[Int[Tensor, " K"], Int[Tensor, "*form"]]:
    """Returns the distinct labels in rising order, int64 `(K,)`, and each label's index, `(N,)`."""
    names, places = cast(Any, torch).unique(labels, return_inverse=True)
    return names, places


def class_sizes(labels: Int[Tensor, " N"]) -> dict[int, int]:
    """Returns the number of examples of each label that occurs, labels in rising order."""
    names, places = number_classes(labels)
    return dict(zip(names.numpy().tolist(), torch.bincount(places).numpy().tolist(), strict=True))


def hold_out(
    labels: Int[Tensor, " N"], fraction: float, seed: int
) -> tuple[Int[Tensor, " kept"], Int[Tensor, " held"]]:
    """Splits examples in two, class by class.

    The given fraction of each class, in (0, 1), is held out, at least one example where a class has
    two. The only example of a class is kept. Returns the indices of the kept and of the held-out
    examples, both in rising order.

    Raises:
        ConfigError: No class has two examples.
    """
    held = _share(labels, seed, lambda num: min(num - 1, max(1, round(fraction * num))))
    if not len(held):
        raise ConfigError(
            f"none of the {len(labels)} labelled examples can be held out for model selection,"
            " because no class has two; give more labels or choose a protocol without selection."
        )
    kept = torch.ones(len(labels), dtype=torch.bool)
    kept[held] = False
    return kept.nonzero().squeeze(1), held


def fraction_of_each(labels: Int[Tensor, " N"], fraction: float, seed: int) -> Int[Tensor, " M"]:
    """Selects a fraction of each class, in (0, 1], one example at least; indices rising."""
    return _share(labels, seed, lambda num: max(1, round(fraction * num)))


def balanced_draw(
    labels: Int[Tensor, " N"], num: int, seed: int, draw: int
) -> Int[Tensor, " {num}"]:
    """Draws `num` examples with equal counts per class; indices in rising order.

    Where the number of classes does not divide `num`, the first classes have one more. Draws of one
    seed are numbered from 0, and each selects other examples.

    Raises:
        ConfigError: A class has too few examples.
    """
    sizes = class_sizes(labels)
    share, rest = divmod(num, len(sizes))
    most, scarce = share + (rest > 0), min(sizes, key=lambda label: sizes[label])
    if share == 0:
        raise ConfigError(
            f"{num:,} labels are fewer than the {len(sizes)} classes, which need one each; give"
            f" {len(sizes)} or more."
        )
    if sizes[scarce] < most:
        raise ConfigError(
            f"{num:,} labels, balanced over {len(sizes)} classes, need {most} training examples of"
            f" each; label {scarce} has {sizes[scarce]} to draw from."
        )
    wanted = {label: share + (place < rest) for place, label in enumerate(sizes)}
    # One permutation of all examples, of which each class takes its first ones.
    order = Randomness(seed, "draw", draw).permutation(len(labels))
    parts = [order[labels[order] == label][:size] for label, size in wanted.items()]
    return torch.cat(parts).sort().values


def _share(labels: Tensor, seed: int, size: Callable[[int], int]) -> Tensor:
    """Selects the first `size(count)` examples of each class in a random order; indices rising."""
    order = Randomness(seed, "labels").permutation(len(labels))
    parts = [order[:0]]
    for label in class_sizes(labels):
        own = order[labels[order] == label]
        parts.append(own[: size(len(own))])
    return torch.cat(parts).sort().values
