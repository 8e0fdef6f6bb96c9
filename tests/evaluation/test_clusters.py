"""k-means scores against brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ambigan.evaluation.metrics.clustering import (
    kmeans_assign,
    match_to_classes,
    mutual_information,
)

CONSTANTS = {"restarts": 5, "seed": 0, "tolerance": 1e-4, "max_iterations": 300}


@pytest.mark.parametrize("seed", range(5))
def test_the_matching_is_the_best_of_all(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    clusters = torch.randint(4, (40,), generator=generator)
    classes = torch.randint(4, (40,), generator=generator)
    best = max(
        (torch.tensor(names)[clusters] == classes).sum()
        for names in itertools.permutations(range(4))
    )
    assert (match_to_classes(clusters, classes) == classes).sum() == best


def test_clusters_that_are_left_over_are_wrong() -> None:
    clusters, classes = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([1, 1, 0, 0, 0])
    assert match_to_classes(clusters, classes).tolist() == [1, 1, -1, 0, 0]


def test_mutual_information_is_the_textbooks() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randint(3, (60,), generator=generator) for _ in range(2))
    joint = np.zeros((3, 3))
    np.add.at(joint, (a.numpy(), b.numpy()), 1 / 60)
    p, q = joint.sum(1), joint.sum(0)
    information = sum(
        joint[i, j] * math.log(joint[i, j] / (p[i] * q[j]))
        for i, j in itertools.product(range(3), repeat=2)
        if joint[i, j]
    )
    entropies = -(p * np.log(p)).sum(), -(q * np.log(q)).sum()
    assert mutual_information(a, b) == pytest.approx(information / np.mean(entropies))
    assert mutual_information(a, (a + 1) % 3) == pytest.approx(1)


def test_digits_fall_into_their_classes() -> None:
    bunch = load_digits()
    values, labels = torch.as_tensor(bunch.data).float(), torch.as_tensor(bunch.target).long()
    clusters, converged, iterations = kmeans_assign(values[:1500], values[1500:], 10, **CONSTANTS)
    assert converged
    assert iterations < 300
    right = match_to_classes(clusters, labels[1500:]) == labels[1500:]
    assert right.double().mean() > 0.6
    again, _, _ = kmeans_assign(values[:1500], values[1500:], 10, **CONSTANTS)
    assert torch.equal(clusters, again)
