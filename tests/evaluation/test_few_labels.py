"""Few labels of every class, against scikit-learn's own pipeline, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from ambigan.core.errors import ConfigError
from ambigan.evaluation.classifiers.label_subsets import balanced_draw
from ambigan.evaluation.protocols import Task, classify, find_protocol

NUM_TRAIN, NUM_CLASSES = 240, 3


def clouds(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping classes of 240, 90 and 30 in columns of different scale."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(NUM_CLASSES), (240, 90, 30)))
    values = rng.normal(size=(len(labels), 6)) * 3
    values[:, :3] += 4 * np.eye(NUM_CLASSES)[labels]
    return torch.tensor(values * np.logspace(0.5, -0.5, 6), dtype=torch.float32), torch.tensor(
        labels
    )


def parts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    x, y = clouds()
    return x[:NUM_TRAIN], y[:NUM_TRAIN], x[NUM_TRAIN:], y[NUM_TRAIN:]


@pytest.mark.parametrize("per_class", [1, 10])
@pytest.mark.parametrize("common_scale", [None, 5.0])
def test_scores_are_those_of_scikit_learn(per_class: int, common_scale: float | None) -> None:
    """Columns are scaled by all training rows, by hand; labels are drawn, 20 times."""
    train, labels, test, test_labels = parts()
    x = train.double().numpy()
    scale: Any = x.std(0) if common_scale is None else common_scale

    def scaled(rows: torch.Tensor) -> NDArray[np.float64]:
        return (rows.double().numpy() - x.mean(0)) / scale

    scores: list[float] = []
    for draw in range(20):
        rows = balanced_draw(labels, per_class * NUM_CLASSES, 0, draw)
        assert np.bincount(labels[rows]).tolist() == [per_class] * NUM_CLASSES
        model = LogisticRegression(C=1.0, max_iter=1000, tol=1e-6).fit(
            scaled(train[rows]), labels[rows]
        )
        scores.append(100 * balanced_accuracy_score(test_labels, model.predict(scaled(test))))
    task = Task(*parts(), common_scale=common_scale)
    found = find_protocol(f"few_labels_{per_class}").measure(task)
    (metric,) = found.metrics
    assert metric.value == pytest.approx(np.mean(scores), abs=0.2)
    assert found["deviation_over_draws"] == pytest.approx(np.std(scores, ddof=1), abs=0.2)
    half = 2.093 * np.std(scores, ddof=1) / 20**0.5
    assert metric.interval == pytest.approx((metric.value - half, metric.value + half), abs=0.2)
    assert found["labels"] == per_class * NUM_CLASSES
    assert 40 < metric.value < 95


def test_ten_labels_say_more_than_one() -> None:
    one, ten = (find_protocol(f"few_labels_{n}").measure(Task(*parts())) for n in (1, 10))
    assert ten["balanced_accuracy"] > one["balanced_accuracy"] + 5


def test_the_largest_class_alone_is_worth_one_class() -> None:
    """Features that say nothing: a third, though two thirds of the examples are of one class."""
    train, labels, test, test_labels = parts()
    blank = torch.zeros_like(train), labels, torch.zeros_like(test), test_labels
    found = find_protocol("few_labels_10").measure(Task(*blank))
    assert found["balanced_accuracy"] == pytest.approx(100 / 3)


def test_small_sets_are_cross_validated_with_as_many_labels() -> None:
    """The interval allows for parts; it is no Wilson interval, for this is no share of examples."""
    protocol = find_protocol("few_labels_1")
    found = classify(protocol, *parts(), groups=torch.arange(len(clouds()[0])))
    assert found["cross_validation"]["folds"] == 5
    assert found["labels"] == NUM_CLASSES
    once = protocol.measure(Task(*parts()))
    assert found["cross_validation"]["test_split"]["balanced_accuracy"] == once["balanced_accuracy"]
    low, high = found.metrics[0].interval
    assert low < found["balanced_accuracy"] < high
    assert high - low < 15


def test_too_few_examples_are_refused() -> None:
    labels = torch.tensor([0] * 50 + [1] * 10)
    with pytest.raises(ConfigError) as error:
        find_protocol("few_labels_10").check_labels(labels)
    assert str(error.value) == (
        "few_labels_10: draws of 10 of each class need 11 training examples of every class; label 1"
        " has 10. Instead, use few_labels_1 or give more."
    )
    find_protocol("few_labels_1").check_labels(labels)
    with pytest.raises(ConfigError, match="need 2 training examples of every class; label 1 has 1"):
        find_protocol("few_labels_1").check_labels(labels[:51])
