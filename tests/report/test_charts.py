from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ambigan.core.errors import ConfigError
from ambigan.report.figures import inline_svg, save_figure, vectors
from ambigan.report.figures.charts import MAX_POINTS, Score, line_chart, score_chart, short_number
from ambigan.report.figures.theme import clean

RNG = np.random.default_rng(0)
STEPS = list(range(100, 1100, 100))


def lines_of(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(line.get_xydata()) for line in figure.axes[0].get_lines()]


def test_a_curve_is_drawn_as_it_is() -> None:
    values = RNG.normal(size=10).tolist()
    (drawn,) = lines_of(line_chart({"loss": (STEPS, values)}))
    np.testing.assert_allclose(drawn, np.stack([STEPS, values], 1))


def test_a_long_curve_becomes_means_with_their_range() -> None:
    values = RNG.normal(size=4000)
    figure = line_chart({"loss": (list(range(4000)), values.tolist())})
    (drawn,) = lines_of(figure)
    assert len(drawn) == MAX_POINTS
    assert drawn[0, 1] == pytest.approx(values[:14].mean())
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert np.asarray(band)[:, 1].max() == pytest.approx(values.max())


def test_values_that_are_no_numbers_are_left_out() -> None:
    (drawn,) = lines_of(line_chart({"x": ([1, 2, 3], [1.0, float("nan"), 3.0])}))
    assert drawn[:, 0].tolist() == [1, 3]
    line_chart({"x": ([1], [float("nan")])})  # nothing is left, and that is drawn too


def test_zones_and_levels_are_in_sight() -> None:
    figure = line_chart(
        {"x": (STEPS, [0.5] * 10)}, include=(0,), reference=1, alarm_below=0.2, alarm_above=0.98
    )
    low, high = figure.axes[0].get_ylim()
    assert low == 0
    assert high > 1
    assert len(figure.axes[0].patches) == 2


def test_rates_are_drawn_on_powers_of_ten() -> None:
    figure = line_chart({"rate": (STEPS, np.geomspace(1e-3, 1e-5, 10).tolist())}, log=True)
    assert "10⁻³" in inline_svg(figure, "")


def test_only_several_curves_need_a_legend() -> None:
    one, two = {"real": (STEPS, STEPS)}, {"real": (STEPS, STEPS), "fake": (STEPS, STEPS)}
    assert ">real<" not in inline_svg(line_chart(one), "")
    assert ">real<" in inline_svg(line_chart(two), "")


def test_accuracies_stand_beside_the_best_baseline() -> None:
    scores = [Score("ours", 90, False, (88, 92)), Score("pixels", 95, True), Score("pca", 80, True)]
    figure = score_chart(scores, best=95, best_baseline=95)
    dashed = [x for x in lines_of(figure) if x[:, 0].tolist() == [95, 95]]
    assert len(dashed) == 1
    drawn = inline_svg(figure, "")
    assert all(text in drawn for text in ("ours", "90.00", "pixels", "95.00", "pca", "80.00"))


@pytest.mark.parametrize("percent", [0.0, 50.0, 100.0])
def test_one_accuracy_alone_can_be_drawn(percent: float) -> None:
    inline_svg(score_chart([Score("x", percent, False)]), "")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (950, "950"), (1200, "1.2k"), (2.5e6, "2.5M"), (3e9, "3G")]
)
def test_large_numbers_are_short(value: float, text: str) -> None:
    assert short_number(value) == text


def test_svg_for_a_page_brings_nothing_that_could_clash() -> None:
    one = inline_svg(line_chart({"a": (STEPS, STEPS), "b": (STEPS, STEPS)}), "two <lines>")
    other = inline_svg(line_chart({"a": (STEPS, STEPS)}), "a line")
    for part in ("<style", "metadata", "xmlns", "font-family", "http"):
        assert part not in one
    assert 'aria-label="two &lt;lines&gt;"' in one
    identifiers = [set(re.findall(r'id="([^"]+)"', drawn)) for drawn in (one, other)]
    assert identifiers[0]
    assert not identifiers[0] & identifiers[1]
    used = re.findall(r'(?:url\(#|href="#)([^")]+)', one)
    assert used
    assert set(used) <= identifiers[0]


def test_every_colour_follows_the_theme() -> None:
    figure = line_chart({"a": (STEPS, STEPS)}, reference=5, alarm_below=200)
    drawn = inline_svg(figure, "")
    colours = re.findall(r"(?:fill|stroke): ([^;\"]+)", drawn)
    assert colours
    assert all(colour == "none" or colour.startswith("var(--") for colour in colours)


def test_svg_is_the_same_every_time() -> None:
    first, second = (inline_svg(line_chart({"a": (STEPS, STEPS)}), "") for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["$\\frac{x$", "<b>&", "字", "a\x00b\x1bc", "_x", "x" * 500, ""])
def test_any_text_can_be_a_name(name: str) -> None:
    drawn = inline_svg(line_chart({name: (STEPS, STEPS), "other": (STEPS, STEPS)}), name)
    assert "\x00" not in drawn
    assert "<b>" not in drawn
    inline_svg(score_chart([Score(name, 50, True)]), name)
    inline_svg(vectors.quantile_bands(np.eye(2), np.eye(2), [name, name]), name)


def test_text_is_one_short_printable_line() -> None:
    assert clean(" a\n\tb\x00 ") == "a b"
    assert clean("x" * 50) == "x" * 39 + "…"
    assert clean("\udcff") == ""


def test_figures_are_saved_as_their_name_ends(tmp_path: Path) -> None:
    figure = line_chart({"a": (STEPS, STEPS)}, width=200, height=100)
    save_figure(tmp_path / "a.png", figure)
    save_figure(tmp_path / "a.svg", figure)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (400, 200)
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        save_figure(tmp_path / "a.bmp", figure)
