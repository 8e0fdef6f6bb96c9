"""What a training did not bring: where raw values, or the training mean, serve as well."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import torch

from .core.errors import ConfigError
from .core.randomness import Randomness
from .data import Dataset, Split
from .data.splits import take
from .data.values import to_float
from .evaluation.metrics.reconstruction import maps_of, squared_errors
from .evaluation.protocols import find_protocol
from .evaluation.protocols.registry import Task
from .game import Method

logger = logging.getLogger(__name__)

NUM_TRAIN, NUM_TEST = 2000, 1000
"""Examples of each split that are looked at, at most."""

PROTOCOL = "few_labels_10"

flatten = partial(torch.flatten, start_dim=1)


def warn_of_shortfalls(method: Method, dataset: Dataset) -> None:
    """Says in one line, at the end of a training, where data serve as well as the model."""
    if found := find_shortfalls(method, dataset):
        logger.warning(
            f"the model is worth no more than these data as they are: {'; '.join(found)}."
            " docs/defaults.md says what may help."
        )


def find_shortfalls(method: Method, dataset: Dataset) -> list[str]:
    """Where held-out examples say that raw values, or the training mean, serve as well.

    Reconstructions are compared with the training mean by their mean squared error. Where examples
    have labels, the default features are compared with raw values by ten labels of every class;
    labels choose nothing. It takes the first thousands of examples, and a second or two.

    Args:
        method: Networks after training, in eval mode.
        dataset: What they were trained on.

    Returns:
        A clause for each shortfall; none where there is nothing to compare.
    """
    few = replace(
        dataset, train=_some(dataset.train, NUM_TRAIN), test=_some(dataset.test, NUM_TEST)
    )
    return [*_of_reconstructions(method, few), *_of_features(method, few)]


def _some(split: Split, most: int) -> Split:
    """As many examples at random, since files may be in the order of their classes."""
    return take(split, Randomness(0, "shortfalls").permutation(len(split))[:most])


def _of_reconstructions(method: Method, dataset: Dataset) -> list[str]:
    """Reconstructions against the training mean."""
    if not len(dataset.test) or "reconstruct" not in method.capabilities:
        return []
    error, of_mean = squared_errors(maps_of(method), dataset, _device(method))
    if error < of_mean or not of_mean:
        return []
    return [
        "held-out examples are reconstructed no better than by the training mean"
        f" ({error / of_mean:.2f} of its squared error)"
    ]


def _of_features(method: Method, dataset: Dataset) -> list[str]:
    """The default features against raw values, by few labels."""
    train, test = dataset.train, dataset.test
    if train.labels is None or test.labels is None or not len(test):
        return []
    protocol = find_protocol(PROTOCOL)
    try:
        protocol.check_labels(train.labels)
    except ConfigError:  # too few of a class
        return []
    device = _device(method)
    x, x_test = (to_float(split.values.to(device)) for split in (train, test))
    values: list[float] = []
    for read in (method.features, flatten):
        task = Task(read(x).cpu(), train.labels, read(x_test).cpu(), test.labels)
        values.append(protocol.measure(task).metrics[0].value or 0.0)
    features, raw = values
    if features > raw:
        return []
    return [
        f"by ten labels of every class, {method.default_layer} reaches {features:.1f} % and raw"
        f" values {raw:.1f} % (balanced accuracy)"
    ]


def _device(method: Method) -> torch.device:
    return next(method.parameters()).device
