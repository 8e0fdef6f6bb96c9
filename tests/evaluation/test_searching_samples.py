"""Samples next to what their generator learned from, and searches in other spaces than a layer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ambigan
from ambigan.cli import main
from ambigan.core.errors import ConfigError
from ambigan.data import Split, open_dataset
from ambigan.retrieval import NamedExamples, novelty, search_similar
from ambigan.run import Run


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Run:
    return ambigan.load(finished_run)


def named(values: torch.Tensor) -> NamedExamples:
    return NamedExamples(Split(values, None), "examples")


def test_a_copy_is_near_0_and_what_is_as_new_as_held_out_data_near_1(run: Run) -> None:
    dataset = open_dataset(run.config.data)
    among, held_out = NamedExamples(dataset.train, "training"), dataset.test
    halves = [replace(held_out, values=held_out.values[at::2], labels=None) for at in (0, 1)]
    copies = search_similar(run, named(dataset.train.values[:50]), among, layer="values")
    assert novelty(run, copies, held_out, layer="values") == pytest.approx(0, abs=1e-6)
    new = search_similar(run, NamedExamples(halves[0], "half"), among, layer="values")
    assert novelty(run, new, halves[1], layer="values") == pytest.approx(1, abs=0.15)
    assert novelty(run, copies, dataset.train, layer="values") is None, "0 over 0"


def test_novelty_is_a_ratio_of_medians(run: Run) -> None:
    dataset = open_dataset(run.config.data)
    among = NamedExamples(dataset.train, "training")
    noise = torch.randint(0, 256, (31, *run.spec.shape), dtype=torch.uint8)
    found = search_similar(run, named(noise), among, layer="values", num=1)

    def nearest(values: torch.Tensor) -> float:
        x, y = (v.flatten(1).double().numpy() / 127.5 for v in (values, dataset.train.values))
        return float(np.median(np.sqrt(((x[:, None] - y[None]) ** 2).sum(2).min(1))))

    expected = nearest(noise) / nearest(dataset.test.values)
    assert novelty(run, found, dataset.test, layer="values") == pytest.approx(expected, rel=1e-4)


def test_a_projection_is_one_matrix_for_all_and_keeps_most_of_what_is_near(run: Run) -> None:
    dataset = open_dataset(run.config.data)
    among = NamedExamples(dataset.train, "training")
    queries = named(dataset.train.values[:40])
    found = search_similar(run, queries, among, project=2048, num=1)
    assert found.layer == f"{run.method.default_layer} projected to 2048"
    assert found.neighbours.values[:, 0].numpy() == pytest.approx(1, abs=1e-6)  # finds itself
    of_layer = search_similar(run, named(dataset.test.values[:200]), among, num=1)
    projected = search_similar(run, named(dataset.test.values[:200]), among, num=1, project=2048)
    cosines = [each.neighbours.values[:, 0].numpy() for each in (of_layer, projected)]
    assert np.abs(cosines[0] - cosines[1]).mean() < 0.03
    others = search_similar(run, queries, among, project=8, num=3, seed=1)
    assert not torch.equal(
        others.neighbours.places,
        search_similar(run, queries, among, project=8, num=3, seed=2).neighbours.places,
    )
    with pytest.raises(ConfigError, match="cannot project on 0 dimensions; ask for 1 or more"):
        search_similar(run, queries, among, project=0)


def test_the_verb_searches_samples_and_says_how_new_they_are(
    finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    words = ["search", str(finished_run), "--query", "samples:5", "--layer", "values", "--json"]
    assert main([*words, "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["layer"] == "pixels"
    assert printed["metric"] == "euclidean"
    assert printed["novelty"] > 0
    assert {line["query_id"] for line in printed["found"]} == {f"sample {n}" for n in range(5)}
    assert main([*words[:2], "--query", "samples:0"]) == 2
    assert "cannot draw 0 samples; ask for 1 or more" in capsys.readouterr().err
