"""What a training did not bring: where raw values, or the training mean, serve as well."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import torch

from .core.errors import ConfigError, NonFiniteError
from .core.randomness import Randomness
from .data import Dataset, Split
from .data.splits import take
from .data.values import to_float
from .evaluation.classifiers.label_subsets import class_sizes
from .evaluation.metrics.reconstruction import maps_of, squared_errors
from .evaluation.protocols import find_protocol
from .evaluation.protocols.registry import Task
from .game import Method

logger = logging.getLogger(__name__)

NUM_TRAIN, NUM_TEST, LEAST_TEST = 2000, 1000, 30
"""Examples of each split that are looked at, at most, and of the test split at least."""

MOST_VALUES = 3_000_000
"""Values that are looked at, of all examples together, so that large images cost no minutes."""

MOST_CLASSES = 20
"""Classes of which labels are drawn; a classifier of more takes too long for a remark."""

CHUNK = 256

PROTOCOL = "few_labels_10"

flatten = partial(torch.flatten, start_dim=1)


def warn_of_shortfalls(method: Method, dataset: Dataset) -> None:
    """Says in one line, at the end of a training, where data serve as well as the model."""
    if found := find_shortfalls(method, dataset):
        logger.warning(
            f"on held-out examples the model is no better than its baseline: {'; '.join(found)}."
            " More examples or epochs may help, or another method or preset."
        )


def find_shortfalls(method: Method, dataset: Dataset) -> list[str]:
    """Where held-out examples say that raw values, or the training mean, serve as well.

    Reconstructions are compared with the training mean by their mean squared error. Where examples
    have labels, the default features are compared with raw values by ten labels of every class;
    labels choose nothing. Examples are drawn at random, as many as take some seconds.

    Args:
        method: Networks after training, in eval mode.
        dataset: What they were trained on.

    Returns:
        A clause for each shortfall; none where there is nothing to compare.
    """
    share = min(1.0, MOST_VALUES / (dataset.spec.num_values * (NUM_TRAIN + NUM_TEST)))
    num_train, num_test = (max(LEAST_TEST, int(share * num)) for num in (NUM_TRAIN, NUM_TEST))
    few = replace(
        dataset, train=_some(dataset.train, num_train), test=_some(dataset.test, num_test)
    )
    if len(few.test) < LEAST_TEST:
        return []
    try:
        return [*_of_reconstructions(method, few), *_of_features(method, few)]
    except (NonFiniteError, MemoryError, torch.OutOfMemoryError) as error:
        logger.info(f"the model was not compared with its data: {error}")
        return []


def _some(split: Split, most: int) -> Split:
    """As many examples at random, since files may be in the order of their classes."""
    return take(split, Randomness(0, "shortfalls").permutation(len(split))[:most])


def _of_reconstructions(method: Method, dataset: Dataset) -> list[str]:
    """Reconstructions against the training mean."""
    if "reconstruct" not in method.capabilities:
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
    if train.labels is None or test.labels is None or len(class_sizes(train.labels)) > MOST_CLASSES:
        return []
    protocol = find_protocol(PROTOCOL)
    try:
        protocol.check_labels(train.labels)
    except ConfigError:  # too few of a class
        return []
    device = _device(method)
    scores: list[float] = []
    for read in (method.features, flatten):
        x, x_test = (
            torch.cat([read(part.to(device)).cpu() for part in torch.split(values, CHUNK)])
            for values in (to_float(train.values), to_float(test.values))
        )
        task = Task(x, train.labels, x_test, test.labels)
        scores.append(protocol.measure(task).metrics[0].value or 0.0)
    features, raw = scores
    if features >= raw:
        return []
    return [
        f"by ten labels of every class, {method.default_layer} reaches {features:.1f} % and raw"
        f" values {raw:.1f} % (balanced accuracy)"
    ]


def _device(method: Method) -> torch.device:
    return next(method.parameters()).device
