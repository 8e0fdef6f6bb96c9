"""Protocols of real-valued targets, such as the sugar in a fruit by its spectrum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..result import FEW_HELD_OUT, Metric
from .registry import Scores, Task, register_protocol

R2 = Metric("r2", "R²", direction="higher", digits=3)
_Floats = NDArray[np.float64]
FitPredict = Callable[[_Floats, _Floats, _Floats], _Floats]
"""A function of training features, training targets and test features that predicts targets."""

_RESAMPLES = 1000
"""Draws of the bootstrap."""

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

    Up to `few` examples of both splits together are divided into folds, again and again, and the
    value is the mean over repetitions; groups stay whole. More, and those of a published test
    split, are fitted on the training split and scored on the test split. The networks have seen the
    training split alone in both cases, without targets. The interval is that of a bootstrap over
    the examples that are scored, where they are few. The strength of the penalty is the best of
    `alphas` by leave-one-out errors within the training part.
    """

    def fit_predict(train: _Floats, targets: _Floats, test: _Floats) -> _Floats:
        linear: Any = import_module("sklearn.linear_model")
        shift, scale = train.mean(0), train.std(0)
        if task.common_scale is not None:
            scale[:] = task.common_scale
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
    if len(x) > few or task.groups is None:
        predictions = [fit_predict(train, known, test).reshape(held_out.shape)]
        truth = held_out
    else:
        truth, predictions = y, list[_Floats]()
        for repeat in range(repeats):
            predictions.append(np.empty_like(y))
            for fitted, held in _folds(task.groups.numpy(), folds, seed + repeat):
                found = fit_predict(x[fitted], y[fitted], x[held])
                predictions[-1][held] = found.reshape(len(held), -1)
    per_target = np.mean([_r2(truth, predicted) for predicted in predictions], 0)
    interval = None
    if len(held_out) < FEW_HELD_OUT or len(predictions) > 1:
        interval = _bootstrapped(truth, predictions, seed)
    metric = replace(R2, value=float(per_target.mean()), interval=interval)
    return [metric], {"r2_per_target": per_target.tolist()}


def _folds(
    groups: NDArray[np.int64], folds: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The places of fitted and of held-out examples, part by part; groups stay whole."""
    split: Any = import_module("sklearn.model_selection").KFold
    names = np.unique(groups)
    is_alone = len(names) == len(groups)
    for _, held in split(min(folds, len(names)), shuffle=True, random_state=seed).split(names):
        is_held = np.zeros(len(groups), np.bool_)
        is_held[held if is_alone else np.isin(groups, names[held])] = True
        yield np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _bootstrapped(
    truth: _Floats, predictions: Sequence[_Floats], seed: int
) -> tuple[float, float] | None:
    """The 95 % interval of R² over examples drawn with replacement, each time of one repetition."""
    rng = np.random.default_rng(seed)
    found: list[float] = []
    for number in range(_RESAMPLES):
        drawn = rng.integers(len(truth), size=len(truth))
        predicted = predictions[number % len(predictions)]
        if (truth[drawn] != truth[drawn[0]]).any(0).all():
            found.append(float(_r2(truth[drawn], predicted[drawn]).mean()))
    if not found:
        return None
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def _r2(truth: _Floats, predicted: _Floats) -> _Floats:
    """The share of variance that is explained, of each target."""
    residual = np.square(truth - predicted.reshape(truth.shape)).sum(0)
    return 1 - residual / np.square(truth - truth.mean(0)).sum(0)
