"""Logistic regression against a float64 transcription of its objective."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from ambigan.evaluation.classifiers.logistic import fit_logistic

CONSTANTS = {"tolerance": 1e-5, "max_iterations": 1000}


def problem(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Three overlapping classes of which one feature is constant and one far from zero."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (300,), generator=generator)
    values = torch.randn(300, 6, generator=generator)
    values[:, :3] += torch.nn.functional.one_hot(labels, 3)
    values[:, 4] = 2.5
    values[:, 5] = values[:, 5] * 100 + 5000
    return values, labels


def transcription(
    train: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64], l2: float
) -> NDArray[np.float64]:
    """Logits of the minimiser of mean cross-entropy + l2 / 2 |W|^2 over standardised features."""
    mean, deviation = train.mean(0), train.std(0)
    deviation[deviation == 0] = 1
    x, y, classes = (train - mean) / deviation, np.eye(labels.max() + 1)[labels], labels.max() + 1

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = flat[:-classes].reshape(-1, classes), flat[-classes:]
        logits = x @ weights + bias
        logits = logits - logits.max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        residual = (np.exp(log_p) - y) / len(x)
        gradient = np.concatenate([(x.T @ residual + l2 * weights).ravel(), residual.sum(0)])
        return -(y * log_p).sum() / len(x) + l2 / 2 * (weights**2).sum(), gradient

    start = np.zeros((x.shape[1] + 1) * classes)
    best = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "maxiter": 5000}
    ).x
    return (test - mean) / deviation @ best[:-classes].reshape(-1, classes) + best[-classes:]


@pytest.mark.parametrize("l2", [1e-3, 1e-1])
def test_predictions_are_those_of_the_minimum(l2: float) -> None:
    values, labels = problem()
    train, test = values[:200], values[200:]
    model = fit_logistic(train, labels[:200], l2=l2, **CONSTANTS)
    logits = transcription(train.double().numpy(), labels[:200].numpy(), test.double().numpy(), l2)
    best = np.sort(logits, 1)
    clear = best[:, -1] - best[:, -2] > 0.01
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(model.predict(test).numpy()[clear], logits.argmax(1)[clear])
    assert model.converged


def test_weights_are_scikit_learns_on_scaled_features() -> None:
    values, labels = problem()
    found = fit_logistic(values, labels, l2=0.01)
    deviation = values.numpy().std(0)
    deviation[deviation == 0] = 1
    scaled = (values.numpy() - values.numpy().mean(0)) / deviation
    model = LogisticRegression(C=1 / (0.01 * len(scaled)), max_iter=1000).fit(scaled, labels)
    np.testing.assert_allclose(found.weights.numpy(), model.coef_, atol=1e-3)
    assert found.predict(values).tolist() == model.predict(scaled).tolist()


def test_it_says_when_it_did_not_converge_and_does_not_warn() -> None:
    values, labels = problem()
    model = fit_logistic(values, labels, l2=1e-6, tolerance=1e-9, max_iterations=2)
    assert not model.converged
    assert model.iterations == 2


def test_labels_need_not_begin_at_zero() -> None:
    values, labels = problem()
    plain = fit_logistic(values, labels, l2=1e-3, **CONSTANTS)
    shifted = fit_logistic(values, labels * 3 + 4, l2=1e-3, **CONSTANTS)
    assert torch.equal(shifted.predict(values), plain.predict(values) * 3 + 4)


def test_two_classes_are_enough() -> None:
    values, labels = problem()
    model = fit_logistic(values, labels.clamp(max=1), l2=1e-3, **CONSTANTS)
    assert (model.predict(values) == labels.clamp(max=1)).float().mean() > 0.6


def test_raw_digits() -> None:
    bunch = load_digits()
    values, labels = torch.as_tensor(bunch.data).float(), torch.as_tensor(bunch.target).long()
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))
    train, test = order[:1500], order[1500:]
    model = fit_logistic(values[train], labels[train], l2=1e-3, **CONSTANTS)
    assert model.converged
    assert (model.predict(values[test]) == labels[test]).float().mean() > 0.94
