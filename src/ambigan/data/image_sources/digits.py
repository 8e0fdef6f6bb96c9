"""The 1,797 handwritten digits that come with scikit-learn, which need no download."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ...core.data_spec import DataSpec
from ..dataset import Dataset, SourceSplit, Split
from ..settings import DataSettings
from ..splits import apply_holdout, arange, assemble, concat, num_held_out, shuffled, split_at, take

NAMES = tuple(str(digit) for digit in range(10))
NUM_TEST = 297  # 1,500 stay to train on


def open_digits(settings: DataSettings) -> Dataset:
    """Opens the digits as uint8 images `(1, 8, 8)`, with each class held out in proportion."""
    examples = _load()
    labels = examples.labels
    assert labels is not None
    examples = replace(examples, groups=arange(len(examples)))
    order = stratified_order(labels, shuffled(len(examples), settings))
    test, train = split_at(take(examples, order), num_held_out(len(examples), settings, NUM_TEST))
    spec = DataSpec("images", (1, 8, 8), bounded=True)
    return assemble(settings, spec, apply_holdout(train, test, settings, NAMES), NAMES)


def read_digits(_settings: DataSettings) -> SourceSplit:
    """Reads all digits in scikit-learn's order."""
    return concat([_load()], NAMES)


def stratified_order(labels: Tensor, order: Tensor) -> Tensor:
    """Rearranges an order so that every stretch of it holds the classes in proportion.

    The k-th of the n examples of a class is sorted to the position (k + 1/2) / n of the whole.

    Args:
        labels: Labels, int64 `(N,)`.
        order: Permutation of the examples, int64 `(N,)`.
    """
    classes = one_hot(labels[order])
    rank = (classes.cumsum(0) * classes).sum(1)
    size = (classes.sum(0) * classes).sum(1)
    return order[((rank - 0.5) / size).argsort(stable=True)]


def _load() -> Split:
    """Loads the digits as one split."""
    # scikit-learn has no type hints; it is imported late because that takes a second.
    bunch: Any = import_module("sklearn.datasets").load_digits()
    images = np.round(np.asarray(bunch.images, np.float64) * (255 / 16))
    values = torch.as_tensor(images.astype(np.uint8)[:, None])
    return Split(values, torch.as_tensor(bunch.target, dtype=torch.int64), arange(len(values)))
