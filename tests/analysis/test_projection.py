"""Projections to two dimensions keep groups apart and are functions of features and seed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from ambigan.analysis.projection import project
from ambigan.core.errors import DataError

RNG = np.random.default_rng(0)
LABELS = np.arange(120) % 4
GROUPS = 4 * RNG.normal(size=(4, 20))[LABELS] + RNG.normal(size=(120, 20))


def test_pca_is_that_of_scikit_learn() -> None:
    expected = PCA(2).fit_transform(GROUPS)
    np.testing.assert_allclose(np.abs(project(GROUPS, "pca")), np.abs(expected), atol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # numba's, while it compiles
def test_umap_keeps_groups_apart_the_same_way_each_time() -> None:
    pytest.importorskip("umap")
    points = project(GROUPS, "umap", seed=3)
    np.testing.assert_array_equal(points, project(GROUPS, "umap", seed=3))
    assert silhouette_score(points, LABELS) > 0.6


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_few_or_equal_examples_have_a_map(method: str) -> None:
    assert project(RNG.normal(size=(3, 1)), method).shape == (3, 2)  # type: ignore[arg-type]
    assert (project(np.ones((40, 3)), method) == 0).all()  # type: ignore[arg-type]


def test_what_is_no_number_has_no_map() -> None:
    with pytest.raises(DataError, match="not numbers"):
        project(np.array([[np.nan, 1.0]]))
    with pytest.raises(DataError, match="N above 0"):
        project(np.empty((0, 3)))
