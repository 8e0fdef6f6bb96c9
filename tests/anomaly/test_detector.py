"""`AnomalyDetector` as scikit-learn uses it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

import ambigan
from ambigan import AnomalyDetector

VALUES, BENIGN = load_breast_cancer(return_X_y=True)
NORMAL, OTHERS = VALUES[BENIGN == 1], VALUES[BENIGN == 0]
TRAIN, HELD_OUT = NORMAL[:250], NORMAL[250:]
QUICK: dict[str, Any] = {"epochs": 1, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore:.*(hardly|lie between 0 and 1).*")


@pytest.fixture(scope="module")
def fitted() -> AnomalyDetector:
    return AnomalyDetector(**QUICK).fit(TRAIN)


def test_malignant_samples_score_lower(fitted: AnomalyDetector) -> None:
    scored = np.vstack([HELD_OUT, OTHERS])
    truth = np.arange(len(scored)) < len(HELD_OUT)
    scores = fitted.score_samples(scored)
    assert roc_auc_score(truth, scores) > 0.95
    np.testing.assert_allclose(fitted.decision_function(scored), scores - fitted.offset_)
    predicted = fitted.predict(scored)
    np.testing.assert_array_equal(predicted == -1, scores < fitted.offset_)
    assert (predicted[~truth] == -1).mean() > 0.4
    assert (predicted[truth] == -1).mean() < 0.1
    assert (fitted.predict(TRAIN) == -1).mean() == pytest.approx(0.01, abs=0.005)


def test_rows_score_alike_alone_and_together(fitted: AnomalyDetector) -> None:
    alone = np.concatenate([fitted.score_samples(row[None]) for row in OTHERS[:5]])
    np.testing.assert_allclose(alone, fitted.score_samples(OTHERS[:5]), rtol=1e-5)


def test_contamination_is_the_fraction_that_is_flagged() -> None:
    mixed = np.vstack([TRAIN, OTHERS[:28]])
    detector = AnomalyDetector(contamination=0.1, **QUICK)
    predicted = detector.fit_predict(mixed)
    assert (predicted == -1).mean() == pytest.approx(0.1, abs=0.005)
    assert (predicted[250:] == -1).mean() > 0.5


def test_contributions_are_those_of_all_columns() -> None:
    constant = np.insert(TRAIN, 3, 7.0, axis=1)
    found = AnomalyDetector(**QUICK).fit(constant).explain(np.insert(OTHERS[:3], 3, 7.0, axis=1))
    assert found.columns is not None
    assert found.columns.shape == (3, 31)
    assert (found.columns[:, 3] == 0).all()


def test_it_is_pickled_and_cloned(fitted: AnomalyDetector) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(OTHERS), fitted.predict(OTHERS))
    assert clone(fitted).get_params() == fitted.get_params()


def test_frames_are_taken(fitted: AnomalyDetector) -> None:
    names = [f"c{n}" for n in range(30)]
    frame = AnomalyDetector(**QUICK).fit(pd.DataFrame(TRAIN, columns=names))
    scores = frame.score_samples(pd.DataFrame(OTHERS, columns=names))
    np.testing.assert_allclose(scores, fitted.score_samples(OTHERS))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "lof"}, "unknown method 'lof'"),
        ({"contamination": 0.7}, r"contamination is 0.7; it is 'auto' or in \(0, 0.5\]"),
        ({"n_neighbors": 0}, "n_neighbors is 0; it is 'auto' or a number, 1 or more"),
    ],
)
def test_wrong_arguments_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AnomalyDetector(**QUICK | given).fit(TRAIN)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_pass() -> None:
    rounding = {"check_methods_subset_invariance": "float32 rounds by the number of rows at once"}
    passed = check_estimator(
        AnomalyDetector(epochs=1), expected_failed_checks=rounding, on_skip=None
    )
    assert len(passed) > 40


def test_a_run_is_pickled_with_its_weights() -> None:
    run = ambigan.fit("autoencoder", TRAIN, epochs=1)
    again = pickle.loads(pickle.dumps(run))
    assert again.path != run.path
    np.testing.assert_array_equal(again.features(OTHERS), run.features(OTHERS))
