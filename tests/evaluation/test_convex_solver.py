"""The convex solver against scikit-learn's optima, in every way it can be asked to work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from ambigan.evaluation.classifiers import preconditioned_lbfgs as minimise
from ambigan.evaluation.classifiers.convex import (
    ConvexObjective,
    LinearModel,
    cross_entropy,
    linear_svm,
    softmax_regression,
    squared_hinge,
)
from ambigan.evaluation.classifiers.preconditioned_lbfgs import Fit, LbfgsProblem

EXACT = {"tolerance": 1e-7, "max_iterations": 500}
"""What float64 features allow."""

PINNED = {"tolerance": 2e-4, "max_iterations": 300}
"""What protocols ask of float32 features; the minimum is then missed by about its square."""


def digits(num: int = 1200) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of real digits, as a random layer gives them: not centred, not scaled, positive."""
    bunch: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.data))
    generator = torch.Generator().manual_seed(0)
    layer = torch.randn(64, 96, generator=generator) / 8
    values = (torch.as_tensor(bunch.data[order]).float() / 4 @ layer).relu()
    labels = torch.as_tensor(bunch.target[order]).long()
    return values[:num], labels[:num], values[num:]


def liblinear(
    features: torch.Tensor, labels: torch.Tensor, c: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    model = LinearSVC(C=c, dual=False, tol=1e-10, max_iter=100_000)
    model.fit(features.double().numpy(), labels.numpy())
    return model.coef_, model.intercept_


def same_optimum(
    fit: Fit, coef: NDArray[np.float64], bias: NDArray[np.float64], within: float = 1e-5
) -> None:
    assert fit.converged
    theirs = np.column_stack([coef, bias])
    ours = torch.cat([fit.model.weights, fit.model.bias[:, None]], 1).numpy()
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(theirs) < within


def same_predictions(
    model: LinearModel, test: torch.Tensor, coef: NDArray[np.float64], bias: NDArray[np.float64]
) -> None:
    logits = test.double().numpy() @ coef.T + bias
    np.testing.assert_array_equal(model.predict(test).numpy(), logits.argmax(1))


def objective_of_svm(
    coef: NDArray[np.float64],
    bias: NDArray[np.float64],
    train: torch.Tensor,
    labels: torch.Tensor,
    c: float,
) -> float:
    sign = 2 * np.eye(10)[labels.numpy()] - 1
    slack = np.maximum(0, 1 - sign * (train.double().numpy() @ coef.T + bias))
    return float(0.5 * (np.square(coef).sum() + np.square(bias).sum()) + c * np.square(slack).sum())


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_the_svm_is_liblinears(c: float) -> None:
    train, labels, test = digits()
    fit = LbfgsProblem(train.double(), labels, 10, linear_svm()).fit(l2=1, scale=c, **EXACT)
    coef, bias = liblinear(train, labels, c)
    same_optimum(fit, coef, bias)
    same_predictions(fit.model, test.double(), coef, bias)


@pytest.mark.parametrize("c", [1e-4, 1e-2, 1.0])
def test_the_svm_in_float32_as_protocols_ask_for_it(c: float) -> None:
    train, labels, test = digits()
    fit = LbfgsProblem(train, labels, 10, linear_svm()).fit(l2=1, scale=c, **PINNED)
    coef, bias = liblinear(train, labels, c)
    least = objective_of_svm(coef, bias, train, labels, c)
    ours = objective_of_svm(fit.model.weights.numpy(), fit.model.bias.numpy(), train, labels, c)
    excess = 5e-6
    assert (ours - least) / least < excess
    # The penalty makes the objective strongly convex: |W - W*|^2 / 2 is at most what is missing.
    length = np.linalg.norm(np.column_stack([coef, bias]))
    same_optimum(fit, coef, bias, within=np.sqrt(2 * excess * least) / length)
    same_predictions(fit.model, test, coef, bias)


@pytest.mark.parametrize("c", [1e-3, 1.0])
def test_fewer_examples_than_features_are_solved_in_their_span(c: float) -> None:
    train, labels, test = digits(num=60)
    problem = LbfgsProblem(train, labels, 10, linear_svm())
    assert problem.features.shape[1] <= 60
    coef, bias = liblinear(train, labels, c)
    fit = problem.fit(l2=1, scale=c, **EXACT)
    same_optimum(fit, coef, bias)
    same_predictions(fit.model, test, coef, bias)


def test_many_features_are_whitened_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimise, "WHOLE", 40)
    monkeypatch.setattr(minimise, "LBFGS_PART", 40)
    train, labels, test = digits()
    problem = LbfgsProblem(train.double(), labels, 10, linear_svm())
    assert [len(moments) for moments in problem.moments] == [40, 40, 17]
    coef, bias = liblinear(train, labels, 1e-2)
    fit = problem.fit(l2=1, scale=1e-2, **EXACT)
    same_optimum(fit, coef, bias)
    same_predictions(fit.model, test.double(), coef, bias)


@pytest.mark.parametrize("l2", [1e-1, 1e-3])
def test_logistic_regression_is_scikit_learns(l2: float) -> None:
    train, labels, test = digits()
    scaler = StandardScaler().fit(train.double().numpy())
    x, y = (torch.as_tensor(scaler.transform(part.double().numpy())) for part in (train, test))
    fit = LbfgsProblem(x, labels, 10, softmax_regression(10)).fit(l2=l2, scale=1 / len(x), **EXACT)
    model = LogisticRegression(C=1 / (l2 * len(x)), tol=1e-9, max_iter=10_000)
    model.fit(x.numpy(), labels.numpy())
    shift = model.intercept_ - model.intercept_.mean() + float(fit.model.bias.mean())
    same_optimum(fit, model.coef_, shift)
    np.testing.assert_array_equal(fit.model.predict(y).numpy(), model.predict(y.numpy()))


def test_only_the_first_examples_count_if_so_asked() -> None:
    train, labels, test = digits()
    problem = LbfgsProblem(train.double(), labels, 10, linear_svm())
    whole = problem.fit(l2=1, scale=1e-2, num=700, **EXACT)
    coef, bias = liblinear(train[:700], labels[:700], 1e-2)
    same_optimum(whole, coef, bias)
    same_predictions(whole.model, test.double(), coef, bias)


def test_a_fit_begun_at_the_solution_is_over_at_once() -> None:
    train, labels, _ = digits()
    problem = LbfgsProblem(train, labels, 10, linear_svm())
    first = problem.fit(l2=1, scale=1e-2, **PINNED)
    again = problem.fit(l2=1, scale=1e-2, tolerance=1e-3, max_iterations=50, start=first.parameters)
    assert again.iterations <= 1
    assert again.converged


def test_too_few_iterations_are_told() -> None:
    train, labels, _ = digits()
    fit = LbfgsProblem(train, labels, 10, linear_svm()).fit(
        l2=1, scale=1.0, tolerance=1e-6, max_iterations=2
    )
    assert not fit.converged
    assert fit.iterations == 2


def test_the_answer_is_the_same_twice() -> None:
    train, labels, _ = digits()
    fits = [
        LbfgsProblem(train.clone(), labels, 10, linear_svm()).fit(l2=1, scale=1e-2, **PINNED)
        for _ in range(2)
    ]
    assert torch.equal(fits[0].model.weights, fits[1].model.weights)


@pytest.mark.parametrize("loss", [squared_hinge, cross_entropy])
def test_losses_and_slopes(loss: Any) -> None:
    logits = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    classes = torch.arange(9) % 4
    logits.requires_grad_()
    if loss is squared_hinge:
        sign = 2 * torch.nn.functional.one_hot(classes, 4).T.double() - 1
        expected = (1 - sign * logits).relu().square().sum()
    else:
        expected = torch.nn.functional.cross_entropy(logits.T, classes, reduction="sum")
    (slope,) = torch.autograd.grad(expected, logits)
    value, ours = loss(logits.detach().clone(), classes)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(ours, slope)


@pytest.mark.parametrize("objective", [linear_svm(), softmax_regression(3)])
def test_the_gradient_is_that_of_the_value(objective: ConvexObjective) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, dtype=torch.float64, generator=generator)
    problem = LbfgsProblem(x, torch.arange(40) % 3, 3, objective)
    at = torch.randn(3, 6, dtype=torch.float64, generator=generator)
    _, gradient = problem.value_and_gradient(at, 0.7, 0.1, 40)
    numeric = torch.zeros_like(at)
    for place in np.ndindex(3, 6):
        step = torch.zeros_like(at)
        step[place] = 1e-6
        high, low = (problem.value_and_gradient(at + s, 0.7, 0.1, 40)[0] for s in (step, -step))
        numeric[place] = (high - low) / 2e-6
    torch.testing.assert_close(gradient, numeric, atol=1e-6, rtol=1e-6)


def test_constant_and_repeated_features_do_no_harm() -> None:
    train, labels, _ = digits()
    train = torch.cat([train, train[:, :8], torch.zeros(len(train), 2), train[:, :1] * 0 + 3], 1)
    for objective, l2, scale in ((linear_svm(), 1.0, 1e-3), (softmax_regression(10), 1e-4, 1e-3)):
        fit = LbfgsProblem(train, labels, 10, objective).fit(l2=l2, scale=scale, **PINNED)
        assert fit.converged
        assert (fit.model.predict(train) == labels).double().mean() > 0.9
