"""Nearest neighbours against scikit-learn's brute force in float64, on random and real data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from ambigan.evaluation.metrics.knn import DistanceMetric, knn_predict, nearest_neighbours


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    bunch: Any = load_digits()
    return torch.as_tensor(bunch.data).float(), torch.as_tensor(bunch.target).long()


def with_duplicates() -> tuple[torch.Tensor, torch.Tensor]:
    """Digits, every third of them twice more, with other labels on the copies."""
    values, labels = digits()
    copies = values[::3].repeat(2, 1)
    return torch.cat([values, copies]), torch.cat([labels, (labels[::3].repeat(2) + 1) % 10])


def random_points() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1500, 200, generator=generator) + 5
    return values, (values[:, :3].sum(1) * 7).long().abs() % 5


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("source", [digits, with_duplicates, random_points])
def test_distances_are_those_of_scikit_learn(source: Any, metric: DistanceMetric) -> None:
    values, _ = source()
    queries, references = values[::5], values[values.shape[0] // 4 :]
    found = nearest_neighbours(queries, references, 6, metric, blocks=(100, 333))
    theirs: Any = NearestNeighbors(n_neighbors=6, algorithm="brute", metric=metric)
    theirs.fit(references.double().numpy())
    expected, _ = theirs.kneighbors(queries.double().numpy())
    a, b = queries.double()[:, None], references.double()[found]
    if metric == "euclidean":
        ours, expected = (a - b).square().sum(-1), expected**2  # theirs cancel near zero
    else:
        ours = 1 - torch.cosine_similarity(a, b, dim=-1)
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-9)
    assert all(len(set(row)) == 6 for row in found.tolist())


@pytest.mark.parametrize("k", [1, 5])
def test_predictions_are_those_of_scikit_learn(k: int) -> None:
    values, labels = random_points()
    train, test, truth = values[:1000], values[1000:], labels[:1000]
    theirs: Any = KNeighborsClassifier(k, algorithm="brute").fit(train.double().numpy(), truth)
    neighbours = theirs.kneighbors(test.double().numpy(), return_distance=False)
    ours = knn_predict(test, train, truth, k)
    votes = truth.numpy()[neighbours]
    counts = np.stack([(votes == label).sum(1) for label in range(5)], 1)
    decided = (counts == counts.max(1, keepdims=True)).sum(1) == 1  # theirs breaks ties by label
    assert decided.mean() > 0.5
    np.testing.assert_array_equal(ours.numpy()[decided], theirs.predict(test)[decided])


def test_raw_digits_are_almost_solved_by_one_neighbour() -> None:
    values, labels = digits()
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))
    train, test = order[:1500], order[1500:]  # shuffled: their last are by other writers
    correct = knn_predict(values[test], values[train], labels[train]) == labels[test]
    theirs: Any = KNeighborsClassifier(1, algorithm="brute").fit(values[train], labels[train])
    assert correct.float().mean() == pytest.approx(theirs.score(values[test], labels[test]))
    assert correct.float().mean() > 0.975
