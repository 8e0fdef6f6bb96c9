"""Parts of the anomaly score of rows, against sums written out in NumPy."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

import ambigan
from ambigan.anomaly.scorer import AnomalyScorer
from ambigan.anomaly.vector_parts import VectorParts
from ambigan.data import Split
from ambigan.run import Run

RNG = np.random.default_rng(0)
KNOWN = RNG.normal(size=(60, 4)).astype(np.float32) * np.float32([1, 5, 0.1, 2])
OTHERS = RNG.normal(size=(9, 4)).astype(np.float32) * 4


@pytest.fixture(scope="module")
def run() -> Run:
    return ambigan.fit("bigan", KNOWN, epochs=1, batch_size=20, scaling="none")


def split(values: np.ndarray) -> Split:
    return Split(torch.as_tensor(values), None)


def distances(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(rows[:, None] - known[None]).sum(2))


@pytest.mark.parametrize("num", [1, 3])
def test_distances_are_those_to_the_nearest_known_rows(run: Run, num: int) -> None:
    found = VectorParts(run, split(KNOWN), n_neighbors=num).scores(run, split(OTHERS)).parts
    mean, deviation = KNOWN.mean(0, dtype=np.float64), KNOWN.std(0, dtype=np.float64)
    rows, known = (OTHERS - mean) / deviation, (KNOWN - mean) / deviation
    expected = np.sort(distances(rows, known), 1)[:, :num].mean(1)
    np.testing.assert_allclose(found["neighbours"], expected, rtol=1e-6)
    variances, axes = np.linalg.eigh(known.T @ known / len(known))
    whitening = axes / np.sqrt(variances + 0.01 * variances.mean())
    expected = np.sort(distances(rows @ whitening, known @ whitening), 1)[:, :num].mean(1)
    np.testing.assert_allclose(found["whitened"], expected, rtol=1e-6)
    features = run.features(OTHERS, "discriminator.hidden1")
    nearest = distances(features, run.features(KNOWN, "discriminator.hidden1"))
    expected = np.sort(nearest, 1)[:, :num].mean(1)
    np.testing.assert_allclose(found["features"], expected, rtol=1e-4)
    errors = np.square((run.reconstruct(OTHERS) - OTHERS) / deviation).mean(1)
    np.testing.assert_allclose(found["reconstruction"], np.sqrt(errors), rtol=1e-4)


def test_a_known_row_scores_as_if_it_had_been_left_out(run: Run) -> None:
    known = np.vstack([KNOWN, KNOWN[:1]])  # one is there twice
    found = VectorParts(run, split(known)).scores(run, split(known)).parts["neighbours"]
    rows = (known - known.mean(0, dtype=np.float64)) / known.std(0, dtype=np.float64)
    between = distances(rows, rows)
    np.fill_diagonal(between, np.inf)
    np.testing.assert_allclose(found, between.min(1), rtol=1e-6, atol=1e-12)


def test_shares_of_columns_name_the_one_that_is_wrong(run: Run) -> None:
    strange = KNOWN[:4].copy()
    strange[:, 2] += 3  # thirty deviations
    found = VectorParts(run, split(KNOWN)).scores(run, split(strange))
    assert found.columns is not None
    np.testing.assert_allclose(found.columns.sum(1), 1)
    assert (found.columns.argmax(1) == 2).all()


def test_a_part_is_the_fraction_of_normal_rows_below(run: Run) -> None:
    scorer = AnomalyScorer(run, split(KNOWN), split(KNOWN[:0]))
    of_known, of_others = scorer.scores(run, split(KNOWN)), scorer.scores(run, split(OTHERS * 9))
    for name, scores in of_known.parts.items():
        beyond = scores - (rankdata(scores, method="min") - 1) / len(scores)
        assert (beyond >= -1e-12).all(), name
        assert (beyond < 0.06).all(), name
        assert (of_others.parts[name] > 1).all(), name
    weights = [2, 1, 1, 1, 1]
    expected = np.average(list(of_known.parts.values()), axis=0, weights=weights)
    np.testing.assert_allclose(of_known.scores, expected)
    np.testing.assert_allclose(np.sort(of_known.scores), scorer.normal)
    assert np.mean(of_known.scores > scorer.threshold(0.9)) == pytest.approx(0.1, abs=0.02)


def test_a_scorer_is_pickled(run: Run) -> None:
    scorer = AnomalyScorer(run, split(KNOWN), split(KNOWN[:0]))
    again = pickle.loads(pickle.dumps(scorer))
    expected = scorer.scores(run, split(OTHERS)).scores
    np.testing.assert_array_equal(again.scores(run, split(OTHERS)).scores, expected)
