from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_runs import make_reconstruction, make_result, make_run, make_vectors

from ambigan.data import Dataset, Split
from ambigan.data.inventory import Inventory
from ambigan.engine.run_folder import RunFolder
from ambigan.methods.bigan import BiGAN
from ambigan.report import write_report
from ambigan.report.figures.curves import _rates
from ambigan.report.report_data import for_map, held_out
from ambigan.report.sections import latent_paths

WritePage = Callable[..., Any]
HOSTILE = '"><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>'


class BlindBiGAN(BiGAN):
    """A method that gives features and can do nothing else."""

    capabilities = frozenset()


class Reader(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.identifiers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.identifiers += [value or "" for name, value in attrs if name == "id"]


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', text)


def unlabelled(dataset: Dataset) -> Dataset:
    return dataclasses.replace(
        dataset, train=Split(dataset.train.values, None), test=Split(dataset.test.values, None)
    )


def test_a_page_has_its_parts_in_order(full_page: Any, digits: Dataset) -> None:
    page = full_page
    assert page.path == page.run.path / "report.html"
    assert "<h1>BiGAN on digits</h1>" in page.text
    assert sections(page.text) == [
        "results",
        "samples",
        "reconstructions",
        "interpolations",
        "map",
        "curves",
        "data",
        "settings",
        "again",
    ]
    assert page.text.index('class="facts"') < page.text.index('id="results"')
    for text in ("91.25", "knn1_euclidean", "Raw pixels", digits.sha256, "Learning rate"):
        assert text in page.text


def test_a_page_needs_nothing_beside_it(full_page: Any) -> None:
    page, reader = full_page, Reader(full_page.text)
    links = [value for _, name, value in reader.attributes if name in ("src", "href", "xlink:href")]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "script" not in reader.tags
    assert "@import" not in page.text
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)\)", page.text))
    assert not re.findall(r"https?://", page.text)
    assert len(page.text.encode()) < 1_000_000


def test_every_name_is_there_once_and_every_link_leads_somewhere(full_page: Any) -> None:
    reader = Reader(full_page.text)
    assert len(set(reader.identifiers)) == len(reader.identifiers)
    links = [value for _, name, value in reader.attributes if name == "href"]
    assert {link[1:] for link in links if link.startswith("#")} <= set(reader.identifiers)


def test_hostile_names_are_text(write_page: WritePage, digits: Dataset) -> None:
    hostile = dataclasses.replace(
        digits,
        name=f"folder:{HOSTILE}",
        label_names=(HOSTILE, "$\\frac{$", "a\0b", "\udcff", *(["<!--", "]]>", "{{ 1 + 1 }}"] * 2)),
        skipped=(f"{HOSTILE}: cannot be read", "\udcff.jpg: torn"),
        inventory=Inventory("images", 9, (HOSTILE,), {f"in {HOSTILE}": 3}, (f"warned {HOSTILE}",)),
    )
    result = make_result(hostile, HOSTILE, summary=HOSTILE, source=HOSTILE)
    for place in (0, 2):
        subject = dataclasses.replace(result[place].subject, name=HOSTILE)
        result[place] = dataclasses.replace(result[place], subject=subject)
    page = write_page(hostile, [result], train__seed="3")
    reader = Reader(page.text)
    assert "script" not in reader.tags
    assert not [item for item in reader.attributes if item[1].startswith("on")]
    pictures = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "src")]
    assert all(source.startswith("data:") for source in pictures)
    section = page.text[page.text.index('id="data"') : page.text.index('id="settings"')]
    assert section.count("&lt;script&gt;alert(1)") >= 5
    assert "{{ 1 + 1 }}" in page.text
    assert "\0" not in page.text


def test_a_method_that_only_samples(write_page: WritePage, digits: Dataset) -> None:
    page = write_page(digits, method="gan")
    assert sections(page.text) == [
        "samples",
        "interpolations",
        "map",
        "curves",
        "data",
        "settings",
        "again",
    ]
    assert "from one draw of the prior to another" in page.text
    assert "discriminator.hidden2" in page.text


def test_a_method_that_only_has_features(write_page: WritePage, digits: Dataset) -> None:
    page = write_page(digits, method_class=BlindBiGAN)
    assert sections(page.text) == ["map", "curves", "data", "settings", "again"]


def test_data_without_labels(write_page: WritePage, digits: Dataset) -> None:
    page = write_page(unlabelled(digits), [make_reconstruction(digits)])
    assert "results" not in sections(page.text)
    assert "without labels" in page.text
    assert 'class="legend"' not in page.text
    assert (
        "var(--c3," not in page.text[page.text.index('id="map"') : page.text.index('id="curves"')]
    )


@pytest.mark.usefixtures("small_maps")
def test_nothing_logged_leaves_out_the_curves(tmp_path: Path, digits: Dataset) -> None:
    run, folder = make_run(tmp_path, digits)
    folder.stats_file.unlink()
    folder.timing_file.unlink()
    text = write_report(run, folder, digits, []).read_text()
    assert "curves" not in sections(text)
    assert "<dt>training</dt>" not in text


@pytest.mark.parametrize("num_values", [1, 2, 40])
def test_vectors_are_shown_by_charts(write_page: WritePage, num_values: int) -> None:
    page = write_page(make_vectors(num_values))
    assert "<img" not in page.text
    assert {"samples", "reconstructions", "map"} <= set(sections(page.text))
    assert "How values are spread" in page.text
    assert ("Samples among data" in page.text) == (num_values > 1)
    assert ("Example 1" in page.text) == (num_values == 40)
    assert "images" not in re.sub(r"<style>.*?</style>", "", page.text, flags=re.DOTALL)


def test_vectors_with_labels_have_results(write_page: WritePage) -> None:
    dataset = make_vectors(6, labelled=True)
    page = write_page(dataset, [make_result(dataset)])
    assert "results" in sections(page.text)
    assert "column 3" in page.text


def test_vectors_reach_the_run_in_the_units_of_their_file() -> None:
    dataset = make_vectors(4)
    examples = held_out(dataset, 10)
    assert examples.x.mean() == pytest.approx(50, abs=4)
    assert examples.scaled.mean() == pytest.approx(0, abs=0.5)
    assert dataset.scaling is not None
    again = dataset.scaling.apply(torch.from_numpy(examples.x)).numpy()
    np.testing.assert_allclose(again, examples.scaled, atol=1e-5)


def test_a_small_test_split_is_joined_by_training_examples(digits: Dataset) -> None:
    few = for_map(digits, 100)
    assert few.origin == "60 test examples and 40 training examples"
    assert few.labels is not None
    assert len(few.x) == len(few.scaled) == len(few.labels) == 100
    assert for_map(digits, 30).origin == "30 test examples"


def test_reconstruction_errors_are_those_that_were_measured(full_page: Any) -> None:
    assert "lies 2.5 from its own example and 5 from another" in full_page.text
    assert "50\u00a0% of that distance" in full_page.text
    cells = re.sub(r"(<[^>]*>|\s)+", "|", full_page.text)
    assert "|reconstruction|EMA|data|0.500|2.500|5.000|" in cells


def test_alarms_are_prominent_while_they_last(
    full_page: Any, write_page: WritePage, digits: Dataset
) -> None:
    blind, text = {"method_class": BlindBiGAN}, "samples hardly differ"
    assert 'class="warnings' not in full_page.text
    passed = write_page(digits, [make_result(digits)], alarms={1: [text]}, **blind).text
    assert '<aside class="warnings passed"' in passed
    assert "since passed" in passed
    lasting = write_page(digits, [make_result(digits)], alarms={3: [text]}, **blind).text
    assert '<aside class="warnings"' in lasting
    assert text in lasting


@pytest.mark.usefixtures("small_maps")
def test_features_that_are_no_numbers_still_have_a_page(tmp_path: Path, digits: Dataset) -> None:
    run, folder = make_run(tmp_path, digits)
    with torch.no_grad():
        for parameter in run.method.parameters():
            parameter.fill_(float("nan"))
    text = write_report(run, folder, digits, []).read_text()
    assert "are not numbers" in text


def test_a_page_is_the_same_every_time(full_page: Any, digits: Dataset) -> None:
    folder = RunFolder(full_page.run.path)
    results = [make_reconstruction(digits), make_result(digits)]  # in whichever order
    assert write_report(full_page.run, folder, digits, results).read_text() == full_page.text


def test_players_with_one_learning_rate_share_a_line() -> None:
    stats: list[dict[str, Any]] = [
        {"images_seen": seen, "learning_rate": {"discriminator": 1e-3, "generator": rate}}
        for seen, rate in ((1, 1e-3), (2, 1e-5))
    ]
    (apart,) = _rates(stats, "images seen")
    assert ">discriminator<" in apart.svg
    assert ">generator<" in apart.svg
    for line in stats:
        line["learning_rate"]["discriminator"] = line["learning_rate"]["generator"]
    (together,) = _rates(stats, "images seen")
    assert ">generator<" not in together.svg
    stats[1]["learning_rate"]["generator"] = 0.0  # which no logarithm has
    assert len(list(_rates(stats, "images seen"))) == 1
    assert together.caption == "What the optimisers were told: 0.001 to 1e-05."


def test_paths_are_straight_and_include_their_ends() -> None:
    starts, stops = np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)
    path = latent_paths(starts, stops, 5)
    assert path.shape == (2, 5, 3)
    np.testing.assert_allclose(path[1, :, 2], [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.slow
def test_a_trained_run_has_a_page(finished_run: Path, tmp_path: Path) -> None:
    from ambigan import evaluate, load
    from ambigan.data import open_dataset
    from ambigan.evaluation.result_file import read_folder

    evaluate(finished_run)
    results = read_folder(finished_run / "results")
    run, folder = load(finished_run), RunFolder(finished_run)
    folder.report_file = tmp_path / "report.html"
    text = write_report(run, folder, open_dataset(run.config.data), results).read_text()
    assert sections(text)[0] == "results"


def test_tables_that_scroll_are_reached_by_keyboard(full_page: Any) -> None:
    scrollers = re.findall(r'<div class="scroll"[^>]*>', full_page.text)
    assert scrollers
    assert all('tabindex="0" role="region" aria-label="' in each for each in scrollers)


def test_a_protocol_is_told_in_words_and_its_constants_on_demand(full_page: Any) -> None:
    text = full_page.text
    block = text[text.index('<div class="protocol">') : text.index('<div class="sides">')]
    assert block.index('<p class="muted small">') < block.index("<summary>Constants</summary>")
    assert "<details open" not in block


def test_titles_name_the_folder_and_not_its_path(full_page: Any) -> None:
    header = full_page.text[: full_page.text.index('<dl class="facts">')]
    assert f"<title>{full_page.run.path.name}: " in header
    assert str(full_page.run.path.parent) not in header
