"""Inversion reaches what is known to be the best, and only known values count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import ambigan
from ambigan.core.errors import ConfigError
from ambigan.data import open_dataset
from ambigan.inversion import InversionSettings, invert
from ambigan.run import Run
from games import toy_config, toy_method
from linear_game import linear_run

Floats = NDArray[Any]


def linear_data(num: int = 6, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(num, 8))


def least_squares(run: Run, x: Floats, known: Floats | None = None, ridge: float = 0.0) -> Floats:
    """Latents in float64, by the normal equations over the known values of each example."""
    W = run.method.generator.weight.detach().double().numpy()  # pyright: ignore
    b = run.method.generator.bias.detach().double().numpy()  # pyright: ignore
    known = np.ones(x.shape) if known is None else np.broadcast_to(known, x.shape)
    found = []
    for row, weights in zip(x, known, strict=True):
        A = W * weights[:, None]
        left = A.T @ A / weights.sum() + ridge * np.eye(W.shape[1]) / W.shape[1]
        found.append(np.linalg.solve(left, A.T @ (row - b) / weights.sum()))
    return np.stack(found)


@pytest.mark.parametrize("encodes", [False, True])
def test_the_least_squares_solution_is_reached(encodes: bool) -> None:
    run, x = linear_run(encodes=encodes), linear_data()
    found = run.invert(x, steps=500)
    best = least_squares(run, x)
    np.testing.assert_allclose(found.latents, best, atol=2e-3)
    np.testing.assert_allclose(found.reconstructions, run.decode(best), atol=1e-2)
    np.testing.assert_allclose(found.errors, ((run.decode(best) - x) ** 2).mean(1), rtol=1e-4)
    assert (found.errors <= found.errors_before).all()
    np.testing.assert_allclose(found.completed, x, rtol=1e-6)
    if encodes:
        assert not found.initial_latents.any()


def test_masked_least_squares() -> None:
    run, x = linear_run(), linear_data()
    known = np.random.default_rng(1).random(x.shape) < 0.7
    known[:, :4] = True  # as many as determine the latents
    changed = np.where(known, x, 1e3)
    found = run.invert(changed, mask=known, steps=500)
    np.testing.assert_allclose(found.latents, least_squares(run, x, known), atol=2e-3)
    np.testing.assert_allclose(found.completed[known], x[known], rtol=1e-6)
    np.testing.assert_array_equal(found.completed[~known], found.reconstructions[~known])
    of_columns = run.invert(x, mask=known[0], steps=300)
    np.testing.assert_allclose(of_columns.latents, least_squares(run, x, known[0]), atol=5e-3)
    missing = run.invert(np.where(known, x, np.nan), steps=500)
    np.testing.assert_array_equal(missing.latents, found.latents)


def test_the_prior_term_is_a_ridge() -> None:
    run, x = linear_run(), linear_data()
    found = run.invert(x, steps=500, prior_weight=0.5)
    np.testing.assert_allclose(found.latents, least_squares(run, x, ridge=0.5), atol=2e-3)


def test_features_are_compared_by_their_relative_distance() -> None:
    """Of features that are proportional to x, both terms have the same minimum."""
    run, x = linear_run(), linear_data()
    found = run.invert(x, steps=500, feature_weight=3.0)
    np.testing.assert_allclose(found.latents, least_squares(run, x), atol=2e-3)
    with pytest.raises(ConfigError, match=r"no layer|unknown layer"):
        run.invert(x, steps=1, feature_weight=1.0, layer="discriminator.7")


def test_latents_stay_within_the_support_of_a_uniform_prior() -> None:
    run = linear_run("uniform")
    x = run.decode(np.full((2, 3), 2.0))
    assert np.abs(run.invert(x, steps=100).latents).max() == 1.0


def test_examples_and_calls_do_not_influence_one_another() -> None:
    run, x = linear_run(), linear_data(300)
    whole = run.invert(x, steps=20, seed=3)
    np.testing.assert_array_equal(run.invert(x, steps=20, seed=3).latents, whole.latents)
    part = run.invert(x[150:170], steps=20, seed=3)
    np.testing.assert_allclose(part.latents, whole.latents[150:170], atol=1e-3)
    other = run.invert(x, steps=20, seed=4)
    assert not np.array_equal(other.initial_latents, whole.initial_latents)


VARIANTS = (
    *("autoencoder-small", "bigan-small", "bigan-images", "bigan-gaussian", "gan-small"),
    *("bigbigan-small", "latent_regressor-small", "structural-small", "gan-residual"),
)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_method_is_inverted_and_left_as_it_is(name: str) -> None:
    method = toy_method(toy_config(name)).eval()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    noise = torch.Generator().manual_seed(0)
    x = torch.rand((5, *method.spec.shape), generator=noise) * 2 - 1
    known = torch.ones(x.shape, dtype=torch.bool)
    known[:, :, 4:] = False
    for mask, weight in ((None, 0.0), (known, 0.1)):
        found = invert(method, x, mask, InversionSettings(3, feature_weight=weight))
        assert found.latents.shape == (5, method.prior.dim)
        assert found.latents.dtype == torch.float32
        assert torch.isfinite(found.latents).all()
        if not weight:
            assert (found.errors <= found.start_errors + 1e-6).all()
    after = method.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(parameter.grad is None for parameter in method.parameters())


def test_a_trained_run_of_images(conv_run: Path) -> None:
    run = ambigan.load(conv_run)
    split = open_dataset(run.config.data).test
    x = split.values[:10]
    found = run.invert(x, steps=60)
    assert (found.errors < found.errors_before).all()
    np.testing.assert_allclose(found.initial_latents, run.encode(x), atol=1e-5)
    squares = (found.reconstructions - run.originals(x)) ** 2
    np.testing.assert_allclose(found.errors, squares.mean((1, 2, 3)), rtol=1e-4)
    mask = np.ones((8, 8), dtype=bool)
    mask[4:] = False
    hidden = run.invert(x, steps=5, mask=mask)
    each = run.invert(x, steps=5, mask=np.broadcast_to(mask, (10, 8, 8)))
    np.testing.assert_array_equal(hidden.latents, each.latents)
    np.testing.assert_allclose(hidden.completed[:, :, :4], run.originals(x)[:, :, :4], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0; an inversion takes 1 or more"),
        ({"num_starts": 0}, "num_starts is 0"),
        ({"prior_weight": -1.0}, "prior_weight is -1.0; a weight is 0 or more"),
        ({"mask": np.ones(7)}, r"mask has shape \(7,\).* give \(D,\) for all .* \(N, D\)"),
        ({"mask": np.ones((5, 8))}, r"mask has shape \(5, 8\), .* data of 6x8"),
        ({"mask": np.full(8, 2)}, "holds 1 or True"),
        ({"mask": np.zeros(8)}, "nothing known of example 0"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        linear_run().invert(linear_data(), **options)


def test_wrong_images_and_masks_are_refused(conv_run: Path) -> None:
    run = ambigan.load(conv_run)
    with pytest.raises(ConfigError, match="this model takes"):
        run.invert(np.zeros((2, 1, 9, 9)), steps=1)
    with pytest.raises(ConfigError, match=r"give \(H, W\) for all examples or \(N, H, W\)"):
        run.invert(np.zeros((2, 1, 8, 8), np.uint8), steps=1, mask=np.ones((9, 9)))


def test_a_run_without_a_generator_is_refused() -> None:
    run = linear_run()
    run.method.capabilities = frozenset()  # pyright: ignore
    with pytest.raises(ConfigError, match="a run of linear cannot decode"):
        run.invert(linear_data())
