"""Directions, walks and sums of latents next to NumPy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("dash")

from ambigan.analysis import latent_paths
from ambigan.core.errors import ConfigError
from ambigan.explorer.latent_space import LatentSpace, combine

RNG = np.random.default_rng(0)
LATENTS = (
    RNG.normal(size=(400, 5)) * [3, 1, 0.5, 0.2, 0.1] @ np.linalg.qr(RNG.normal(size=(5, 5)))[0] + 2
)


def test_directions_are_the_principal_ones() -> None:
    space = LatentSpace.of(LATENTS)
    centred = LATENTS - LATENTS.mean(0)
    _, singular, rows = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(space.deviations, singular / np.sqrt(len(LATENTS)), rtol=1e-5)
    np.testing.assert_allclose(np.abs((space.directions * rows).sum(1)), 1, rtol=1e-5)
    assert (space.directions[np.arange(5), np.abs(space.directions).argmax(1)] > 0).all()
    np.testing.assert_allclose(space.shares().sum(), 1, rtol=1e-5)


def test_a_latent_moves_by_deviations_along_directions_and_axes() -> None:
    space = LatentSpace.of(LATENTS)
    moved = space.moved(space.mean, [2.0, -1.0], {3: 0.5})
    expected = space.mean + 2 * space.deviations[0] * space.directions[0]
    expected = expected - space.deviations[1] * space.directions[1]
    expected[3] += 0.5 * LATENTS[:, 3].std()
    np.testing.assert_allclose(moved, expected, rtol=1e-5)
    assert space.moved(space.mean, [], {}).tolist() == space.mean.tolist()


def test_truncation_draws_towards_the_mean() -> None:
    space = LatentSpace.of(LATENTS)
    latents = LATENTS[:4].astype(np.float32)
    np.testing.assert_allclose(space.truncated(latents, 1.0), latents, rtol=1e-5)
    np.testing.assert_allclose(space.truncated(latents, 0.0), np.tile(space.mean, (4, 1)))
    halved = (latents + space.mean) / 2
    np.testing.assert_allclose(space.truncated(latents, 0.5), halved, rtol=1e-5)


def test_one_latent_of_one_dimension_has_a_space() -> None:
    space = LatentSpace.of(np.ones((1, 1)))
    assert space.directions.shape == (1, 1)
    assert space.deviations.tolist() == [0]
    assert space.moved(space.mean, [3.0], {}).tolist() == [1]


def test_walks_and_sums() -> None:
    first, last = np.zeros(2, np.float32), np.array([4, 8], np.float32)
    np.testing.assert_allclose(latent_paths(first[None], last[None], 5)[0, :, 1], [0, 2, 4, 6, 8])
    terms = {name: RNG.normal(size=(3, 2)).astype(np.float32) for name in "ABC"}
    a, b, c = (terms[name].mean(0) for name in "ABC")
    np.testing.assert_allclose(combine(terms), a - b + c, rtol=1e-5)
    empty = {"A": terms["A"], "B": np.empty((0, 2), np.float32)}
    np.testing.assert_allclose(combine(empty), a, rtol=1e-5)
    with pytest.raises(ConfigError, match="at least one example"):
        combine({})
