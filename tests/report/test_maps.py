from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from ambigan.core.errors import DataError
from ambigan.report.figures import draw_map, embed_2d, inline_svg, latent_map
from ambigan.report.figures.maps import MOST_THUMBNAILS
from ambigan.report.figures.theme import CLASSES

RNG = np.random.default_rng(0)


def clusters(num: int, dim: int = 20) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(num) % 4
    return 8 * RNG.normal(size=(4, dim))[labels] + RNG.normal(size=(num, dim)), labels


def test_a_map_is_a_function_of_features_and_seed() -> None:
    features, _ = clusters(80)
    assert (embed_2d(features) == embed_2d(features)).all()


def test_a_map_keeps_neighbours() -> None:
    features, labels = clusters(120)
    assert silhouette_score(embed_2d(features), labels) > 0.6


def test_a_few_points_lie_on_their_principal_components() -> None:
    features, _ = clusters(9)
    centred = features - features.mean(0)
    scores = centred @ np.linalg.svd(centred)[2][:2].T
    np.testing.assert_allclose(np.abs(embed_2d(features)), np.abs(scores), atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (9, 1), (30, 1), (12, 300)])
def test_every_size_has_a_map(shape: tuple[int, int]) -> None:
    assert embed_2d(RNG.normal(size=shape)).shape == (shape[0], 2)


def test_features_that_are_all_alike_have_a_map() -> None:
    assert (embed_2d(np.ones((40, 3))) == 0).all()


@pytest.mark.parametrize("features", [np.zeros((2001, 2)), np.zeros((0, 2)), np.zeros(5)])
def test_what_has_no_map_is_refused(features: np.ndarray) -> None:
    with pytest.raises(DataError, match="a map takes"):
        embed_2d(features)


def test_features_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="not numbers"):
        embed_2d(np.array([[1.0, np.nan]]))


def test_labels_colour_and_name_the_classes() -> None:
    features, labels = clusters(40)
    drawn = inline_svg(latent_map(features, labels, ["a", "b", "c", "d"]), "")
    assert all(f"var(--c{index}, {CLASSES[index]})" in drawn for index in range(4))
    assert drawn.count("<text") == 4
    assert "var(--c4" not in drawn


def test_names_do_not_stand_on_each_other() -> None:
    points = np.concatenate([RNG.normal(size=(60, 2)), RNG.normal(size=(60, 2)) * 1.5])
    figure = draw_map(points, np.repeat([0, 1], 60), ["one", "other"])
    first, second = (text.get_window_extent() for text in figure.axes[0].texts)
    assert not first.overlaps(second)


def test_without_labels_there_is_one_colour_and_no_name() -> None:
    features, _ = clusters(40)
    drawn = inline_svg(latent_map(features), "")
    assert "var(--accent" in drawn
    assert "<text" not in drawn
    assert "var(--c" not in drawn


def test_many_classes_are_coloured_but_not_named() -> None:
    drawn = inline_svg(latent_map(RNG.normal(size=(9, 3)), np.arange(9)), "")
    assert drawn.count("<text") == 9
    many = inline_svg(draw_map(RNG.normal(size=(30, 2)), np.arange(30)), "")
    assert "<text" not in many


def test_every_point_is_drawn() -> None:
    drawn = inline_svg(draw_map(RNG.normal(size=(300, 2))), "")
    assert drawn.count("h0") == 300


@pytest.mark.slow
def test_a_thousand_points_keep_their_clusters() -> None:
    features, labels = clusters(1000, 1024)
    assert silhouette_score(embed_2d(features), labels) > 0.6


def test_some_examples_are_shown_where_they_lie_and_apart() -> None:
    rng = np.random.default_rng(0)
    points, images = rng.normal(size=(200, 2)), rng.uniform(-1, 1, (200, 1, 8, 8))
    figure = draw_map(points, np.arange(200) % 3, images=images)
    shown = figure.axes[0].images
    assert 5 < len(shown) <= MOST_THUMBNAILS
    middles = np.array([np.reshape(image.get_extent(), (2, 2)).mean(1) for image in shown])
    assert all((np.abs(points - middle).max(1) < 1e-9).any() for middle in middles)
    assert figure.axes[0].get_xlim() == draw_map(points, np.arange(200) % 3).axes[0].get_xlim()
    page = inline_svg(figure, "a map")
    assert page.count("<image ") == len(shown)
    assert "xlink" not in page
