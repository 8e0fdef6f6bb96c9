"""Protocols of real-valued targets, such as the sugar in a fruit by its spectrum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..result import Metric
from .registry import Scores, Task, register_protocol

R2 = Metric("r2", "R²", direction="higher", digits=3)
_Floats = NDArray[np.float64]
FitPredict = Callable[[_Floats, _Floats, _Floats], _Floats]
"""A function of training features, training targets and test features that predicts targets."""

CONSTANTS: dict[str, Any] = {"folds": 5, "repeats": 10, "few": 2000, "seed": 0}


@register_protocol(
    "targets",
    "R² of ridge regression on standardised features, by repeated cross-validation",
    "ours",
    metrics=(R2,),
    constants={"alphas": [10.0**power for power in range(-3, 6)], **CONSTANTS},
    quick=True,
)
def ridge_r2(task: Task, *, alphas: Sequence[float], **constants: Any) -> Scores:
    """R² of each target, averaged, of examples that the regression has not seen.

    Up to `few` examples of both splits together are divided into folds, again and again; the value
    is the mean over repetitions and the interval holds 95 % of them. More are fitted on the
    training split and scored on the test split, without an interval. The strength of the penalty is
    the best of `alphas` by leave-one-out errors within the training part.
    """

    def fit_predict(train: _Floats, targets: _Floats, test: _Floats) -> _Floats:
        linear: Any = import_module("sklearn.linear_model")
        shift, scale = train.mean(0), train.std(0)
        scale[scale == 0] = 1
        model = linear.RidgeCV(alphas=list(alphas)).fit((train - shift) / scale, targets)
        return model.predict((test - shift) / scale)

    return cross_validated(task, fit_predict, **constants)


def pls_r2(task: Task, *, max_components: int = 20, **constants: Any) -> Scores:
    """The same measure of partial least squares on values, the usual regression of spectra.

    The number of components is the best of 1 to `max_components` by cross-validation within the
    training part.
    """

    def fit_predict(train: _Floats, targets: _Floats, test: _Floats) -> _Floats:
        search: Any = import_module("sklearn.model_selection")
        pls: Any = import_module("sklearn.cross_decomposition").PLSRegression
        most = min(max_components, train.shape[1], len(train) * 4 // 5 - 1)
        grid = {"n_components": [*range(1, most + 1)]}
        folds = search.KFold(5, shuffle=True, random_state=0)
        model = search.GridSearchCV(pls(scale=True), grid, scoring="r2", cv=folds)
        return model.fit(train, targets).predict(test)

    return cross_validated(task, fit_predict, **constants)


def cross_validated(
    task: Task, fit_predict: FitPredict, *, folds: int, repeats: int, few: int, seed: int
) -> Scores:
    """R² of a regression, by repeated cross-validation where there are few examples.

    Args:
        task: Features and targets.
        fit_predict: The regression.
        folds: Number of parts of which each is held out once.
        repeats: Number of divisions into parts.
        few: Largest number of examples that are divided so.
        seed: Seed of the divisions.
    """
    train, test = (part.double().numpy() for part in (task.train, task.test))
    known, held_out = (
        part.double().numpy().reshape(len(part), -1) for part in (task.labels, task.test_labels)
    )
    x, y = np.concatenate([train, test]), np.concatenate([known, held_out])
    if len(x) > few:
        per_target = _r2(held_out, fit_predict(train, known, test))
        return [replace(R2, value=float(per_target.mean()))], {"r2_per_target": per_target.tolist()}
    split: Any = import_module("sklearn.model_selection").KFold
    found = np.empty((repeats, y.shape[1]))
    for repeat in range(repeats):
        predicted = np.empty_like(y)
        parts = split(min(folds, len(x)), shuffle=True, random_state=seed + repeat).split(x)
        for fitted, held in parts:
            predicted[held] = fit_predict(x[fitted], y[fitted], x[held]).reshape(len(held), -1)
        found[repeat] = _r2(y, predicted)
    means = found.mean(1)
    low, high = np.percentile(means, (2.5, 97.5))
    metric = replace(R2, value=float(means.mean()), interval=(float(low), float(high)))
    return [metric], {"r2_per_target": found.mean(0).tolist()}


def _r2(truth: _Floats, predicted: _Floats) -> _Floats:
    """The share of variance that is explained, of each target."""
    residual = np.square(truth - predicted.reshape(truth.shape)).sum(0)
    return 1 - residual / np.square(truth - truth.mean(0)).sum(0)
