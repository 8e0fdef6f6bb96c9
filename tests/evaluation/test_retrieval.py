"""Retrieval scores against scikit-learn and a transcription."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from ambigan.evaluation.metrics.ranking import mean_average_precision, ranking_scores


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    bunch = load_digits()
    values, labels = torch.as_tensor(bunch.data).float(), torch.as_tensor(bunch.target).long()
    return values[1500:], values[:1500], labels[1500:], labels[:1500]


def cosines(queries: torch.Tensor, references: torch.Tensor) -> np.ndarray:
    q, r = (t.double().numpy() for t in (queries, references))
    q, r = (t / np.linalg.norm(t, axis=1, keepdims=True) for t in (q, r))
    return q @ r.T


def test_average_precision_is_scikit_learns() -> None:
    queries, references, query_labels, labels = digits()
    expected = np.mean(
        [
            average_precision_score(labels.numpy() == int(wanted), row)
            for row, wanted in zip(cosines(queries, references), query_labels, strict=True)
        ]
    )
    found = mean_average_precision(queries, references, query_labels, labels)
    assert found == pytest.approx(expected, abs=2e-6)


def test_recall_and_precision() -> None:
    queries, references, query_labels, labels = digits()
    order = np.argsort(-cosines(queries, references), axis=1, kind="stable")
    hits = labels.numpy()[order] == query_labels.numpy()[:, None]
    scores = ranking_scores(
        queries, references, query_labels, labels, recall_at=[1, 5, 10], precision_at=10
    )
    assert list(scores) == ["map", "recall_1", "recall_5", "recall_10", "precision_10"]
    for k in (1, 5, 10):
        assert scores[f"recall_{k}"] == pytest.approx(100 * hits[:, :k].any(1).mean())
    assert scores["precision_10"] == pytest.approx(100 * hits[:, :10].mean())


def test_a_perfect_and_a_worst_ranking() -> None:
    references = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    labels = torch.tensor([3, 3, 5])
    query = torch.tensor([[2.0, 0.0]])
    assert mean_average_precision(query, references, torch.tensor([3]), labels) == 1
    assert mean_average_precision(query, references, torch.tensor([5]), labels) == pytest.approx(
        1 / 3
    )


def test_queries_of_unknown_classes_are_left_out() -> None:
    references, labels = torch.eye(2), torch.tensor([0, 1])
    scores = ranking_scores(
        torch.eye(2), references, torch.tensor([0, 8]), labels, recall_at=[1, 5], precision_at=10
    )
    assert scores == {"map": 100, "recall_1": 100, "precision_2": 50}
