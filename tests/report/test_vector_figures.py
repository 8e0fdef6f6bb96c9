from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from ambigan.report.figures import inline_svg, vectors

RNG = np.random.default_rng(0)
DATA, SAMPLES = RNG.normal(size=(200, 6)), RNG.normal(2, 1, size=(300, 6))


def test_few_dimensions_have_a_row_each() -> None:
    figure = vectors.quantile_bands(DATA, SAMPLES, [f"column {i}" for i in range(6)])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == [f"column {i}" for i in range(6)]
    bars = [c for c in axes.collections if isinstance(c, LineCollection)]
    quantiles = np.quantile(DATA, [0.05, 0.95], axis=0).T
    drawn = np.stack([np.asarray(segment)[:, 0] for segment in bars[0].get_segments()])
    np.testing.assert_allclose(drawn, quantiles)
    np.testing.assert_allclose(axes.get_lines()[1].get_xdata(), np.median(SAMPLES, 0))


def test_many_dimensions_are_an_axis() -> None:
    data = RNG.normal(size=(50, 100))
    axes = vectors.quantile_bands(data, data + 1).axes[0]
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), np.median(data, 0))
    np.testing.assert_allclose(axes.get_lines()[1].get_ydata(), np.median(data, 0) + 1)


def test_two_dimensions_are_shown_as_they_are() -> None:
    figure = vectors.plane(DATA[:, :2], SAMPLES[:, :2], names=["length", "width"])
    drawn = figure.axes[0].patches[1].get_path().vertices
    np.testing.assert_allclose(np.asarray(drawn)[::2], SAMPLES[:, :2])
    assert ">length<" in inline_svg(figure, "")


def test_more_dimensions_are_shown_on_the_components_of_the_data() -> None:
    figure = vectors.plane(DATA, paths=SAMPLES[:20].reshape(2, 10, 6))
    centred = DATA - DATA.mean(0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    drawn = np.asarray(figure.axes[0].patches[0].get_path().vertices)[::2]
    np.testing.assert_allclose(np.abs(drawn), np.abs(scores), atol=1e-9)
    assert len(figure.axes[0].get_lines()) == 2


def test_values_meet_their_reconstructions() -> None:
    figure = vectors.agreement(DATA, DATA)
    points = np.asarray(figure.axes[0].patches[0].get_path().vertices)
    np.testing.assert_allclose(points[:, 0], points[:, 1])
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()


@pytest.mark.parametrize("num", [1, 2, 25])
def test_broken_values_are_drawn_all_the_same(num: int) -> None:
    broken = np.full((5, num), np.nan)
    inline_svg(vectors.quantile_bands(broken, broken), "")
    inline_svg(vectors.profiles(broken, limits=vectors.common_limits(broken)), "")
    inline_svg(vectors.reconstruction_profile(broken[0], broken[0]), "")
    inline_svg(vectors.path_profile(broken), "")
    inline_svg(vectors.agreement(broken, broken), "")
    if num > 1:
        inline_svg(vectors.plane(broken, broken), "")


def test_one_axis_holds_nearly_all_values() -> None:
    low, high = vectors.common_limits(DATA, SAMPLES)
    inside = (low < DATA) & (high > DATA)
    assert inside.mean() > 0.99
    assert vectors.common_limits(np.zeros(3))[0] < 0
