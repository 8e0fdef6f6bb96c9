"""Runs side by side: what is trained for it, grouped, measured, said and shown."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ambigan
from ambigan.cli import main
from ambigan.comparison import Comparison, compare
from ambigan.comparison.runs import distinct_names
from ambigan.comparison.tables import own_result
from ambigan.core.errors import CheckpointError
from ambigan.evaluation.result_file import read_results, write_results
from ambigan.report.figures.charts import line_chart

SMALL = ["--settings.network.hidden", "16,16", "--settings.latent-dim", "4", "--device", "cpu"]
TYPED = ["compare", "bigan:small", "gan:small", "--data", "digits", "--seeds", "3"]
TYPED += ["--epochs", "1", "--protocol", "knn1_euclidean", "--data.max-train", "200", *SMALL]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two presets over three seeds, trained, measured and compared by one command."""
    out = tmp_path_factory.mktemp("compared") / "grid"
    with pytest.MonkeyPatch.context() as patch:  # the experiment's own page, once for each run
        patch.setattr("ambigan.experiments.writers.render", lambda *_: "")
        patch.setattr("ambigan.experiments.runner.pictures_of", lambda *_: None)
        assert main([*TYPED, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def compared(grid: Path) -> Comparison:
    return compare(grid, device="cpu")


def test_two_presets_over_three_seeds_are_one_command(grid: Path, compared: Comparison) -> None:
    assert (grid / "comparison.html").is_file()
    assert [group.name for group in compared.groups] == ["bigan-small", "gan-small"]
    assert [[run.seed for run in group.runs] for group in compared.groups] == [[0, 1, 2]] * 2


def test_the_same_command_trains_nothing_again(
    grid: Path, capsys: pytest.CaptureFixture[str], quick_pages: None
) -> None:
    times = {path: path.stat().st_mtime_ns for path in grid.rglob("model/config.json")}
    assert main([*TYPED, "--out", str(grid), "--json"]) == 0
    assert times == {path: path.stat().st_mtime_ns for path in grid.rglob("model/config.json")}
    told = json.loads(capsys.readouterr().out)
    assert [group["seeds"] for group in told["groups"]] == [[0, 1, 2]] * 2
    assert told["settings"]["method"] == {"bigan-small": "bigan", "gan-small": "gan"}
    assert told["costs"]["examples seen"]["gan-small"] > 0


def test_results_are_means_over_seeds_with_intervals(compared: Comparison) -> None:
    (results,) = [r for r in compared.results if r[0].protocol.name == "knn1_euclidean"]
    own = own_result(results, "bigan-small")
    runs = [run for run in compared.groups[0].runs for run in run.results]
    values = [
        r.headline.value
        for r in runs
        if r.protocol.name == "knn1_euclidean" and r.subject.kind == "model"
    ]
    assert own is not None
    assert len(values) == 3
    assert own.headline.value == pytest.approx(sum(filter(None, values)) / 3)
    low, high = own.headline.interval or (0, 0)
    assert low < (own.headline.value or 0) < high <= 100
    baselines = [r.subject.name for r in results if r.subject.kind == "baseline"]
    assert baselines == ["pixels", "pca4"]  # once, and not for each run


def test_one_table_holds_settings_results_and_costs(compared: Comparison) -> None:
    rows = {row.cells[0].text: [cell.text for cell in row.cells] for row in compared.table.rows}
    assert rows["method"][1:3] == ["bigan", "gan"]
    assert rows["settings.encoder_dropout"][2] == "–"
    assert re.fullmatch(r"[\d.]+ \([\d.]+ to [\d.]+\)", rows["knn1_euclidean, accuracy, %"][1])
    assert "pixels" in rows["knn1_euclidean, accuracy, %"][3]
    assert {"steps", "examples seen", "training"} <= set(rows)
    assert {len(cells) for cells in rows.values()} == {len(compared.table.columns)}


def test_what_cannot_be_compared_is_said(compared: Comparison) -> None:
    told = " ".join(compared.notes)
    assert "Losses of different methods" in told
    assert "Not measured by reconstruction_l2: gan-small." in told
    assert "different data" not in told


def test_the_page_needs_nothing_beside_it(grid: Path) -> None:
    page = (grid / "comparison.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    for anchor in ("settings", "results", "curves", "samples", "reconstructions", "cost"):
        assert f'<section id="{anchor}">' in page
    scrollers = re.findall(r'<div class="scroll"[^>]*>', page)
    assert all('tabindex="0" role="region" aria-label=' in each for each in scrollers)
    assert page.count("Samples of gan-small") == 1
    assert "Reconstructions by gan-small" not in page
    again = re.search(r"<pre>(.*)</pre>", page)
    assert again is not None
    assert again[1].startswith("ambigan compare bigan:small gan:small --seeds 0,1,2")


def test_runs_of_other_data_stand_in_tables_of_their_own(
    grid: Path, finished_run: Path, tmp_path: Path, quick_pages: None
) -> None:
    other, name = tmp_path / "other", "results/knn1_euclidean.json"
    shutil.copytree(finished_run, other, ignore=shutil.ignore_patterns("results"))
    first = grid / "runs" / "small" / "bigan-small" / "seed-0"
    results = read_results(next(first.glob("results/knn1_euclidean*.json")))
    for result in results:
        about = result.provenance
        about = replace(about, data=replace(about.data, sha256="0" * 64))
        results[results.index(result)] = replace(result, provenance=about)
    write_results(other / name, results)
    found = compare([first, other], page=tmp_path / "page.html", device="cpu")
    assert [group.name for group in found.groups] == ["seed-0", "other"]
    assert "pca4" in {r.subject.name for r in found.results[0]}  # the experiment's own baselines
    titles = [row.cells[0].text for row in found.summary.rows]
    assert titles.count("knn1_euclidean on digits") == 2
    assert (tmp_path / "page.html").is_file()


def test_a_run_without_weights_is_still_compared(grid: Path, tmp_path: Path) -> None:
    shutil.copytree(grid / "runs", tmp_path / "runs")
    for path in tmp_path.rglob("seed-0"):
        shutil.rmtree(path / "model")
        shutil.rmtree(path / "checkpoints")
    found = ambigan.compare(tmp_path, device="cpu")
    assert "bigan-small cannot be loaded" in " ".join(found.notes)
    assert "bigan-small is not finished (seed 0)." in found.notes


def test_names_are_the_shortest_that_differ() -> None:
    seeds = [("a", "runs", "small", "bigan", f"seed-{i}") for i in range(2)]
    others = [("a", "runs", "table", "bigan", f"seed-{i}") for i in range(2)]
    assert distinct_names([seeds, others]) == ["small", "table"]
    assert distinct_names([[("x", "b-0"), ("x", "b-1")], [("x", "c-0"), ("x", "c-1")]]) == [
        "b",
        "c",
    ]
    assert distinct_names([[("x", "b", "m")], [("x", "c", "m")]]) == ["b", "c"]
    assert distinct_names([[("x", "a", "m")], [("x", "b", "m")], [("x", "a", "n")]]) == [
        "a/m",
        "b/m",
        "a/n",
    ]
    assert distinct_names([[("x", "s", "seed-0")], [("x", "s", "seed-0")]]) == ["x (1)", "x (2)"]


def test_ranges_lie_behind_curves() -> None:
    curves: Any = {"a": ([1, 2, 3], [1.0, 2.0, 3.0])}
    figure = line_chart(curves, ranges={"a": ([0.5, 1.5, 2.5], [1.5, 2.5, 3.5])})
    assert len(figure.axes[0].collections) == 1
    assert not line_chart(curves).axes[0].collections


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "no run at nothing"),
        (["bigan:smal", "--data", "digits"], "Did you mean 'small'"),
        (["bigan:small"], "name the data by --data"),
        (["bigan:small", "bigan:small", "--data", "digits"], "name each method or preset once"),
        (["bigan:small", "bigan:imagenet_official", "--data", "digits"], "--data.size"),
        (["bigan:small", "--data", "digits", "--out", "a.html"], "name a folder"),
        ([".", "--seeds", "3"], "--seeds is of training"),
        ([".", "--out", "page.txt"], "must end in .html"),
        (["."], "is no run and holds none"),
        (["bigan:small", "nothing", "--data", "digits"], "no run at nothing"),  # nothing is trained
        (["hf:ann/digits"], "a model on the hub"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *words]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert told in line
    assert not list(tmp_path.iterdir())


def test_no_run_is_read_through_a_link(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(finished_run)
    with pytest.raises(CheckpointError, match="holds none"):
        compare(tmp_path)
