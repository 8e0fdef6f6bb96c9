"""A linear probe of a run's own features: which label a generated image would be given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import ConfigError
from ..data import Dataset, Split
from ..evaluation.classifiers.label_subsets import balanced_draw
from ..run import Run
from .map_classifier import Classifier, fit_classifier

PROBE_L2 = 1e-2


@dataclass(frozen=True)
class Probe:
    """A classifier of a run's features.

    Attributes:
        run: whose features it reads.
        classifier: of the features.
        accuracy: on held-out data, in percent.
    """

    run: Run
    classifier: Classifier
    accuracy: float

    def sees(self, images: Tensor, label: int) -> Tensor:
        """Which of generated images `(N, C, H, W)` are given the label, bool `(N,)`."""
        size = self.run.spec.shape[1:]
        if images.shape[2:] != size:  # E may see larger images than G draws
            images = F.interpolate(images, size, mode="bilinear", align_corners=False)
        return self.classifier.predict(_features(self.run, images)) == label


def train_probe(run: Run, dataset: Dataset, num: int, seed: int) -> Probe:
    """Learns from labelled training examples, and is tested on as many held-out ones.

    Args:
        run: whose feature layer is read; it never saw a label.
        dataset: with labels.
        num: training examples, of every class as many; fewer where there are not so many.
        seed: of their choice.

    Raises:
        ConfigError: the data have no labels.
    """
    train, test = dataset.train, dataset.test
    if train.labels is None or test.labels is None or len(train.labels.unique()) < 2:
        raise ConfigError(f"{dataset.name} has no labels to name a feature by; draw boxes (--box).")
    counts = train.labels.unique(return_counts=True)[1]
    rows = balanced_draw(train.labels, min(num, int(counts.min()) * len(counts)), seed, 0)
    features = _features(run, train.values[rows])
    classifier = fit_classifier(features, train.labels[rows], l2=PROBE_L2)
    found = classifier.predict(_features(run, test.values[:num]))
    return Probe(run, classifier, probe_percent(found == test.labels[:num]))


def probe_percent(true: Tensor) -> float:
    """How many of a bool tensor are true."""
    return 100 * int(true.sum()) / max(true.numel(), 1)


def _features(run: Run, values: Tensor) -> Tensor:
    return torch.from_numpy(run.features(Split(values, None)))
