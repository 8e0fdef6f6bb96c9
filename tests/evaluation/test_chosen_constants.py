"""Protocols that choose a constant, against transcriptions with scikit-learn and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from ambigan.core.randomness import Randomness
from ambigan.evaluation.classifiers.label_subsets import balanced_draw, fraction_of_each, hold_out
from ambigan.evaluation.classifiers.semi_supervised_svm import svm_over_draws
from ambigan.evaluation.protocols import classify, find_protocol


def digits(num: int = 1000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Few bright pixels, so that classes overlap; labels with gaps, of unequal frequency."""
    bunch: Any = load_digits()
    order = torch.randperm(len(bunch.data), generator=torch.Generator().manual_seed(0))
    values = torch.as_tensor(bunch.data).float()[order][:, 20:36]
    labels = torch.as_tensor(bunch.target).long()[order] // 2 * 3 + 1
    return values[:num], labels[:num], values[num:], labels[num:]


def by_hand(
    fit: Any, train: torch.Tensor, labels: torch.Tensor, grid: list[float], standardise: bool
) -> tuple[float, Any]:
    """The strength that is best on a fifth of each class, of equals the middle; and a fit at it."""
    kept, held = hold_out(labels, 0.2, seed=0)
    x, y = train.double().numpy(), labels.numpy()
    if standardise:
        x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    scores = [
        (fit(strength, x[kept], y[kept]).predict(x[held]) == y[held]).mean() for strength in grid
    ]
    best = [strength for strength, s in zip(grid, scores, strict=True) if s == max(scores)]
    best = best[(len(best) - 1) // 2]
    return best, fit(best, x, y)


def test_svm_l2() -> None:
    train, labels, test, truth = digits()
    protocol = find_protocol("svm_l2")

    def fit(c: float, x: Any, y: Any) -> LinearSVC:
        return LinearSVC(C=c, dual=False, tol=1e-8, max_iter=100_000).fit(x, y)

    best, model = by_hand(fit, train, labels, protocol.constants["c"], False)
    scores = classify(protocol, train, labels, test, truth)
    assert scores["chosen"]["C"] == best
    assert scores["warnings"] == []
    right = 100 * (model.predict(test.double().numpy()) == truth.numpy()).mean()
    assert scores["accuracy"] == pytest.approx(right, abs=0.13)  # one example of 797


@pytest.mark.parametrize(("name", "fraction"), [("linear_lbfgs", 1.0), ("linear_lbfgs_10", 0.1)])
def test_linear_probes(name: str, fraction: float) -> None:
    train, labels, test, truth = digits()
    protocol = find_protocol(name)
    places = fraction_of_each(labels, fraction, 0) if fraction < 1 else torch.arange(len(labels))
    x, y = train[places], labels[places]

    def fit(l2: float, x: Any, y: Any) -> LogisticRegression:
        return LogisticRegression(C=1 / (l2 * len(x)), tol=1e-7, max_iter=10_000).fit(x, y)

    best, model = by_hand(fit, x, y, protocol.constants["l2"], True)
    scores = classify(protocol, train, labels, test, truth)
    assert scores["chosen"]["L2"] == best
    assert scores["chosen"]["labels"] == len(places)
    exact = x.double().numpy()
    deviation = np.where(exact.std(0) > 0, exact.std(0), 1)
    expected = model.predict((test.double().numpy() - exact.mean(0)) / deviation)
    right = 100 * (expected == truth.numpy()).mean()
    assert scores["accuracy"] == pytest.approx(right, abs=0.13)


def test_svm_over_draws() -> None:
    train, labels, test, truth = digits()
    classes, test_classes = (labels - 1) // 3, (truth - 1) // 3
    grid = [1e-4, 1e-3, 1e-2]
    found = svm_over_draws(
        (train, classes),
        test,
        grid=grid,
        num_labels=100,
        num_validation=300,
        num_choosing=3,
        num_draws=4,
        seed=5,
        tolerance=2e-4,
        max_iterations=300,
    )
    order = Randomness(5, "validation").permutation(1000)
    held, pool = order[:300], order[300:].sort().values

    def accuracy(c: float, draw: int, x: torch.Tensor, y: torch.Tensor) -> float:
        rows = pool[balanced_draw(classes[pool], 100, 5, draw)]
        model = LinearSVC(C=c, dual=False, tol=1e-8, max_iter=100_000)
        model.fit(train[rows].double().numpy(), classes[rows].numpy())
        return 100 * (model.predict(x.double().numpy()) == y.numpy()).mean()

    seen = {
        c: np.mean([accuracy(c, draw, train[held], classes[held]) for draw in range(3)])
        for c in grid
    }
    assert found.c == max(grid, key=lambda c: seen[c])
    assert found.validation == pytest.approx(seen, abs=0.12)
    expected = [accuracy(found.c, draw, test, test_classes) for draw in range(3, 7)]
    accuracies = 100 * (found.predictions == test_classes).double().mean(1)
    assert accuracies.tolist() == pytest.approx(expected, abs=0.13)
    assert found.predictions.shape == (4, len(test))
    assert found.converged


def test_knn_sweep() -> None:
    train, labels, test, truth = digits()
    scores = classify(find_protocol("knn_sweep"), train, labels, test, truth)
    order = Randomness(0, "knn").permutation(1000)
    held, kept = order[:200].sort().values, order[200:].sort().values
    ks = [1, 5, 10, 20, 50, 100, 200]
    seen = {
        metric: accuracies(train[held], train[kept], labels[kept], labels[held], ks, metric)
        for metric in ("cosine", "euclidean")
    }
    for metric, found in scores["validation_accuracy_by_metric_and_k"].items():
        assert found == pytest.approx(seen[metric])
    best = max(max(found.values()) for found in seen.values())
    assert seen[scores["chosen"]["metric"]][scores["chosen"]["k"]] == best
    expected = accuracies(test, train, labels, truth, ks, scores["chosen"]["metric"])
    assert scores["accuracy_by_k"] == pytest.approx(expected)
    assert scores["accuracy"] == scores["accuracy_by_k"][scores["chosen"]["k"]]


def test_knn_sweep_leaves_out_ks_above_the_number_of_examples() -> None:
    train, labels, test, truth = digits(60)
    scores = classify(find_protocol("knn_sweep"), train, labels, test, truth)
    assert list(scores["accuracy_by_k"]) == [1, 5, 10, 20]


def accuracies(
    queries: torch.Tensor,
    references: torch.Tensor,
    labels: torch.Tensor,
    truth: torch.Tensor,
    ks: list[int],
    metric: str,
) -> dict[int, float]:
    """By a full sort of float64 distances; of tied votes the label of the nearest wins."""
    q, r = queries.double().numpy(), references.double().numpy()
    if metric == "cosine":
        q, r = (t / np.linalg.norm(t, axis=1, keepdims=True) for t in (q, r))
    distances = ((q[:, None] - r[None]) ** 2).sum(-1)
    order = labels.numpy()[np.argsort(distances, axis=1, kind="stable")]
    found = {}
    for k in ks:
        votes = [
            max(row[:k].tolist(), key=lambda label, row=row: (row[:k] == label).sum())
            for row in order
        ]
        found[k] = 100 * float((np.array(votes) == truth.numpy()).mean())
    return found
