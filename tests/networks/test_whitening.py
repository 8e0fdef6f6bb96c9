"""Whitened features beside NumPy in float64."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ambigan.core.errors import ConfigError
from ambigan.networks.layers.whitening import Whitening
from games import SPEC, toy_config, toy_method


def features(num: int, width: int) -> torch.Tensor:
    mix = torch.randn(width, width, generator=torch.Generator().manual_seed(0)) ** 3
    h = torch.randn(num, width, generator=torch.Generator().manual_seed(1)) @ mix + 5
    h[:, 3] = -2.5  # a unit that never changes
    return h


def fitted(h: torch.Tensor, amount: float, power: float) -> Whitening:
    layer = Whitening(h.shape[1], amount, power)
    with layer.fitting():
        for part in h.split(7):
            assert (layer(part) == part).all()
    return layer


def expected(h: NDArray[Any], x: NDArray[Any], amount: float, power: float) -> NDArray[np.float64]:
    keep = h.std(0) > 1e-6
    z = np.where(keep, (h - h.mean(0)) / np.where(keep, h.std(0), 1), 0)
    u = np.where(keep, (x - h.mean(0)) / np.where(keep, h.std(0), 1), 0)
    strengths, directions = np.linalg.eigh(z.T @ z / len(z))
    floor = 1e-3 * strengths.mean()
    half = directions @ np.diag((strengths.clip(0) + floor) ** (-amount / 2)) @ directions.T
    length = np.sqrt(((z @ half) ** 2).sum(1).mean())
    v = u @ half
    return v * (np.linalg.norm(v, axis=1, keepdims=True) / length) ** (power - 1)


@pytest.mark.parametrize("amount", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("num", [200, 6])
def test_features_are_those_of_numpy(amount: float, power: float, num: int) -> None:
    """Also of fewer examples than features."""
    h, x = features(num, 12), features(300, 12)[-50:]
    found = fitted(h, amount, power)(x)
    right = expected(h.double().numpy(), x.double().numpy(), amount, power)
    np.testing.assert_allclose(found.numpy(), right, rtol=2e-3, atol=2e-4)


def test_what_is_not_fitted_passes_unchanged() -> None:
    h = features(9, 12)
    assert (Whitening(12, 0.5, 0.5)(h) == h).all()


def test_an_interrupted_fit_changes_nothing() -> None:
    h = features(9, 12)
    layer = Whitening(12, 0.5, 0.5)
    with suppress(KeyboardInterrupt), layer.fitting():
        layer(h)
        raise KeyboardInterrupt
    assert (layer(h) == h).all()


def test_features_of_one_value_are_finite() -> None:
    layer = fitted(torch.full((5, 4), 0.1), 0.5, 0.5)
    assert (layer(torch.full((2, 4), 0.1)) == 0).all()
    assert layer(torch.randn(3, 4)).isfinite().all()


def test_the_layer_gives_the_features_and_enters_nothing() -> None:
    changed = toy_config("bigan-small", settings__feature_power="0.5")
    plain, method = toy_method(toy_config("bigan-small")), toy_method(changed)
    x = torch.rand(5, *SPEC.shape) * 2 - 1
    assert method.default_layer == "encoder.whitening"
    assert (method.encode(x) == plain.encode(x)).all()
    assert method.layers == (*plain.layers, "encoder.whitening")


def test_networks_of_maps_are_refused() -> None:
    with pytest.raises(ConfigError, match="feature_whitening needs networks of dense layers"):
        toy_method(toy_config("bigan-images", settings__feature_whitening="0.5"))
