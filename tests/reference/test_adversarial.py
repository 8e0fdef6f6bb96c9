"""Objectives against independent transcriptions in NumPy, in float64."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ambigan.objectives.adversarial import (
    bce_fake,
    bce_real,
    hinge_fake,
    hinge_real,
    hinge_saturation,
    saturation,
)

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=20)


@given(LOGITS)
def test_cross_entropies(logits: list[float]) -> None:
    exact = np.asarray(logits, dtype=np.float64)
    tensor = torch.tensor(logits, dtype=torch.float64)
    np.testing.assert_allclose(bce_real(tensor), np.logaddexp(0, -exact).mean(), rtol=1e-9)
    np.testing.assert_allclose(bce_fake(tensor), np.logaddexp(0, exact).mean(), rtol=1e-9)


def test_cross_entropies_stay_finite_far_out() -> None:
    far = torch.tensor([-1e4, 1e4])
    assert bce_real(far).item() == bce_fake(far).item() == 5000
    assert saturation(far) == 1


@given(LOGITS)
def test_hinges(scores: list[float]) -> None:
    exact = np.asarray(scores, dtype=np.float64)
    tensor = torch.tensor(scores, dtype=torch.float64)
    np.testing.assert_allclose(hinge_real(tensor), np.maximum(0, 1 - exact).mean(), rtol=1e-9)
    np.testing.assert_allclose(hinge_fake(tensor), np.maximum(0, 1 + exact).mean(), rtol=1e-9)


@given(LOGITS, LOGITS)
def test_a_hinge_is_saturated_where_it_has_no_gradient(
    real: list[float], fake: list[float]
) -> None:
    scores = [torch.tensor(values, requires_grad=True) for values in (real, fake)]
    (hinge_real(scores[0]) + hinge_fake(scores[1])).backward()
    gradients = torch.cat([score.grad for score in scores if score.grad is not None])
    beyond = torch.cat([scores[0] != 1, scores[1] != -1])  # at the margin itself both are right
    expected = ((gradients == 0) & beyond).float().mean()
    assert hinge_saturation(*scores) == expected
