"""Protocols by clustering, which see no label until they are scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..classifiers.label_subsets import class_sizes, number_classes
from ..metrics.clustering import kmeans_assign, match_to_classes, mutual_information
from ..result import Metric
from .registry import ACCURACY, Scores, Task, accuracy_of, register_protocol, warnings_of

NMI = Metric("nmi", "NMI", unit="%", direction="higher")


_CONSTANTS = {"restarts": 5, "seed": 0, "tolerance": 1e-4, "max_iterations": 300}


@register_protocol(
    "labels",
    "accuracy of k-means clusters under the best one-to-one matching with the classes, and NMI",
    "SAO, the authors' code (there on the test split alone)",
    metrics=(ACCURACY, NMI),
    constants=_CONSTANTS,
)
def kmeans(task: Task, **constants: Any) -> Scores:
    """k-means++ with as many clusters as classes, on training features as they are.

    Test examples go to the nearest centre. Clusters are matched to classes one to one so that most
    test examples are right (the Hungarian method). `nmi` is the mutual information of clusters and
    classes of the test split over the mean of their entropies, in percent.
    """
    return _clusters(task, task.train, task.test, constants)


@register_protocol(
    "labels",
    "the same with clusters of the test split itself, of features scaled to length 1",
    "SAO, the authors' code",
    metrics=(ACCURACY, NMI),
    constants=_CONSTANTS,
)
def kmeans_test_split(task: Task, **constants: Any) -> Scores:
    """k-means++ as SAO's authors measure it: on normalised features of the test split alone.

    Everything else is as in `kmeans`. The clusters have seen the examples that they are scored by,
    so the two cannot be compared.
    """
    test = F.normalize(task.test, dim=1)
    return _clusters(task, test, test, constants)


def _clusters(task: Task, train: Tensor, test: Tensor, constants: dict[str, Any]) -> Scores:
    """Clusters are found on `train`, and those of `test` scored by the test split's classes."""
    names, codes = number_classes(torch.cat([task.labels, task.test_labels]))
    num_clusters = len(class_sizes(task.labels))
    clusters, converged, iterations = kmeans_assign(train, test, num_clusters, **constants)
    truth = codes[len(task.labels) :]
    matched = match_to_classes(clusters, truth)
    labels = torch.where(matched < 0, -1, names[matched.clamp_min(0)])
    nmi = replace(NMI, value=100 * mutual_information(clusters, truth))
    warnings = warnings_of(converged=converged)
    return accuracy_of(labels, task, [nmi], iterations=iterations, warnings=warnings)
