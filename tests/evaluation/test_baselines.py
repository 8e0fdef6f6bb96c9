"""Baselines: raw values, and PCA against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA as SklearnPCA

from ambigan.core.data_spec import DataSpec
from ambigan.evaluation.baselines import feature_baselines as baselines
from ambigan.evaluation.baselines.feature_baselines import fit_pca, pca_features, raw_features


def digits() -> torch.Tensor:
    bunch: Any = load_digits()
    return (torch.as_tensor(bunch.images)[:, None] * 15).byte()


def as_float(values: torch.Tensor) -> torch.Tensor:
    return values.float() / 127.5 - 1


def test_pixels_are_the_values() -> None:
    x = as_float(digits()[:5])
    function = raw_features(DataSpec("images", (1, 8, 8), bounded=True))
    assert (function.name, function.kind) == ("pixels", "baseline")
    assert torch.equal(function.function(x), x.reshape(5, 64))
    assert raw_features(DataSpec("vectors", (64,), bounded=False)).name == "raw values"


def test_pca_is_that_of_scikit_learn_up_to_signs() -> None:
    values = digits()
    x = as_float(values).flatten(1)
    expected = SklearnPCA(20, svd_solver="full").fit(x.double().numpy())
    pca = fit_pca(values, 20)
    signs = np.sign((pca.components.numpy() * expected.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(pca.components.numpy() * signs, expected.components_, atol=1e-5)
    ours = pca.encode(as_float(values)).numpy() * signs.T
    np.testing.assert_allclose(ours, expected.transform(x.double().numpy()), atol=1e-4)


@pytest.mark.parametrize(
    ("num", "asked", "width"), [(1797, 50, 50), (1797, 1024, 64), (30, 1024, 30)]
)
def test_pca_says_the_width_it_has(num: int, asked: int, width: int) -> None:
    values = digits()[:num]
    function = pca_features(values, asked)
    assert (function.name, function.kind) == (f"pca{width}", "baseline")
    assert function.function(as_float(values[:3])).shape == (3, width)


@pytest.mark.parametrize("shape", [(40, 7), (7, 40)])
def test_components_of_few_and_of_many_examples_are_those_of_numpy(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0)
    data, others = noise.normal(size=shape), noise.normal(size=(5, shape[1]))
    axes = np.linalg.svd(data - data.mean(0), full_matrices=False)[2][:3]
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(1)])[:, None]
    pca = fit_pca(torch.from_numpy(data), 3)
    np.testing.assert_allclose(pca.components.numpy(), axes, atol=1e-9)
    coordinates = pca.encode(torch.from_numpy(others)).numpy()
    np.testing.assert_allclose(coordinates, (others - data.mean(0)) @ axes.T, atol=1e-9)


def test_components_beyond_the_rank_say_nothing() -> None:
    data = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 40)))
    pca = fit_pca(data, 7)  # seven examples differ in six directions
    assert not pca.components[6].any()
    torch.testing.assert_close(pca.reconstruct(data), data)


def test_all_components_reconstruct_everything() -> None:
    values = digits()
    x = as_float(values)
    again = fit_pca(values, 64).reconstruct(x)
    assert again.shape == x.shape
    torch.testing.assert_close(again, x, atol=1e-5, rtol=0)


def test_pca_of_large_examples_is_randomised_but_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    values = digits()
    exact = fit_pca(values, 10)
    monkeypatch.setattr(baselines, "MAX_EXACT_DIMS", 63)
    first, again = fit_pca(values, 10), fit_pca(values, 10)
    assert torch.equal(first.components, again.components)
    overlap = (first.components * exact.components).sum(1).abs()
    assert overlap.min() > 0.99
    monkeypatch.setattr(baselines, "MAX_RANDOMIZED_EXAMPLES", 600)
    assert fit_pca(values, 10).components.shape == (10, 64)
