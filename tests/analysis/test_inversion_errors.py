"""Errors of an inversion are compared with PCA's and the mean's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ambigan.analysis import compare_errors
from ambigan.data import Split
from linear_game import linear_run


def test_errors_are_those_of_numpy() -> None:
    run = linear_run()
    draws = np.random.default_rng(0)
    basis = draws.normal(size=(3, 8))
    train = draws.normal(size=(200, 3)) @ basis + 0.01 * draws.normal(size=(200, 8)) + 1
    x = torch.as_tensor(draws.normal(size=(5, 3)) @ basis + 1).float()
    split, given = Split(torch.as_tensor(train).float(), None), Split(x, None)
    found = run.invert(given, steps=30)
    errors = compare_errors(run, split, given, found)
    assert list(errors) == ["nearest sample", "inverted", "pca", "mean"]
    assert errors["inverted"]["known"] == pytest.approx(found.errors.mean(), rel=1e-4)
    wanted = ((x.numpy() - train.mean(0)) ** 2).mean()
    assert errors["mean"]["known"] == pytest.approx(wanted, rel=1e-4)
    assert errors["pca"]["known"] < 1e-3
    assert all(list(parts) == ["known"] for parts in errors.values())

    known = np.ones(8, dtype=np.bool_)
    known[5:] = False  # the other five determine three coordinates
    errors = compare_errors(run, split, given, run.invert(given, steps=30, mask=known))
    wanted = ((x.numpy() - train.mean(0))[:, 5:] ** 2).mean()
    assert errors["mean"]["hidden"] == pytest.approx(wanted, rel=1e-4)
    assert errors["pca"]["hidden"] < 0.01 * wanted
