"""A linear probe on a run's own features, which classifies generated images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import ConfigError
from ..data import Dataset, Split
from ..evaluation.classifiers.label_subsets import balanced_draw, class_sizes
from ..evaluation.classifiers.logistic import LogisticModel, fit_logistic
from ..evaluation.protocols.registry import percent
from ..run import Run

PROBE_L2 = 1e-2


@dataclass(frozen=True)
class Probe:
    """A classifier on a run's features, with its accuracy on held-out data in percent."""

    run: Run
    classifier: LogisticModel
    accuracy: float

    def predicts(self, images: Tensor, label: int) -> Tensor:
        """Which generated images `(N, C, H, W)` are classified as the label, bool `(N,)`."""
        size = self.run.spec.shape[1:]
        if images.shape[2:] != size:  # E may see larger images than G generates
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        return self.classifier.predict(_features(self.run, images)) == label


def train_probe(run: Run, dataset: Dataset, num: int, seed: int) -> Probe:
    """Trains a probe on `num` labelled training examples and tests it on as many held-out ones.

    Training examples are equally many of each class; there are fewer if a class has fewer.

    Raises:
        ConfigError: The data have no labels.
    """
    train, test = dataset.train, dataset.test
    sizes = {} if train.labels is None else class_sizes(train.labels)
    if train.labels is None or test.labels is None or len(sizes) < 2:
        raise ConfigError(f"{dataset.name} has no labels to name a feature by; draw boxes (--box).")
    rows = balanced_draw(train.labels, min(num, min(sizes.values()) * len(sizes)), seed, 0)
    classifier = fit_logistic(_features(run, train.values[rows]), train.labels[rows], l2=PROBE_L2)
    correct = classifier.predict(_features(run, test.values[:num])) == test.labels[:num]
    return Probe(run, classifier, percent(correct) or 0.0)


def _features(run: Run, values: Tensor) -> Tensor:
    return torch.as_tensor(run.features(Split(values, None)))
