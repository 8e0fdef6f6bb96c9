"""VICReg against a transcription in NumPy, and views of swapped values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ambigan.core.randomness import Randomness
from ambigan.objectives.views import swap_values, vicreg


def variance(rows: NDArray[np.float64]) -> float:
    return float(np.maximum(0, 1 - np.sqrt(rows.var(0) + 1e-4)).mean())


def covariance(rows: NDArray[np.float64]) -> float:
    found = np.cov(rows.T, bias=True)
    return float((found[~np.eye(len(found), dtype=bool)] ** 2).sum() / len(found))


def test_terms_are_those_of_the_paper() -> None:
    scales = torch.tensor([0.2, 0.5, 1.0, 2.0], dtype=torch.float64)
    first, second = (Randomness(seed).normal(30, 4).double() * scales for seed in (1, 2))
    terms = {name: float(value) for name, value in vicreg(first, second).items()}
    a, b = first.numpy(), second.numpy()
    assert terms["invariance"] == pytest.approx(25 * ((a - b) ** 2).mean(), rel=1e-12)
    assert terms["variance"] == pytest.approx(12.5 * (variance(a) + variance(b)), rel=1e-12)
    assert terms["covariance"] == pytest.approx(covariance(a) + covariance(b), rel=1e-12)
    assert terms["variance"] > 0


def test_embeddings_that_collapse_cost_most() -> None:
    same = torch.ones(8, 3)
    assert float(vicreg(same, same)["variance"]) == pytest.approx(25 * (1 - 0.01))
    assert float(vicreg(same, same)["invariance"]) == 0


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_a_share_of_the_values_is_that_of_another_example(shape: tuple[int, ...]) -> None:
    num = 2000
    x = torch.arange(num).view(-1, *[1] * len(shape)) + torch.rand(num, *shape)
    seen = swap_values(x, 0.3, Randomness(0))
    swapped = seen != x
    assert float(swapped.float().mean()) == pytest.approx(0.3, abs=0.02)
    columns = zip(x.flatten(1).T, seen.flatten(1).T, strict=True)
    assert all(torch.isin(found, column).all() for column, found in columns)
    assert torch.equal(seen, swap_values(x, 0.3, Randomness(0)))
    assert torch.equal(x, swap_values(x, 0.0, Randomness(0)))


def test_covariances_have_a_weight_of_their_own() -> None:
    draw = torch.Generator().manual_seed(3)
    first, second = (torch.randn(40, 5, generator=draw).cumsum(1) for _ in range(2))
    whole, halved = vicreg(first, second), vicreg(first, second, 0.5)
    assert float(whole["covariance"]) > 0
    assert float(halved["covariance"]) == pytest.approx(0.5 * float(whole["covariance"]))
    assert {name: float(halved[name]) for name in ("invariance", "variance")} == {
        name: float(whole[name]) for name in ("invariance", "variance")
    }
