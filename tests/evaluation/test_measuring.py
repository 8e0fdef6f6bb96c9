"""Runs against protocols: every layer, all protocols, samples in any run's features."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from ambigan import load
from ambigan.cli import main
from ambigan.core.errors import ConfigError
from ambigan.evaluation.protocols import PROTOCOLS
from ambigan.measuring import evaluate


@pytest.fixture
def mlp(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "mlp"))


@pytest.fixture
def conv(conv_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(conv_run, tmp_path / "conv"))


def test_each_layer_that_is_worth_measuring(conv: Path) -> None:
    (record,) = evaluate(conv, protocols=["knn1_cosine"], layers=["each"], weights="raw")
    layers = load(conv).method.feature_layers
    assert "discriminator.convs@4" in layers
    assert [row["features"] for row in record["rows"]] == [
        *layers, "pixels", record["rows"][len(layers) + 1]["features"],
        *(f"random {layer}" for layer in layers),
    ]  # fmt: skip
    assert (conv / "results" / "knn1_cosine--each--raw.json").is_file()


def test_a_layer_that_does_not_exist_is_refused(mlp: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown layer 'encoder\.hidden7'"):
        evaluate(mlp, protocols=["knn1_cosine"], layers=["encoder.hidden7"])


def test_all_that_applies_and_why_the_rest_does_not(
    mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(mlp / "no hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    told: list[str] = []
    records = evaluate(mlp, protocols=["all"], weights="raw", baselines=["raw"], tell=told.append)
    measured = {record["protocol"] for record in records}
    assert set(PROTOCOLS) - measured == {"svm_l2_1000", "generation_inception"}
    left_out = [line for line in told if "left out" in line]
    assert len(left_out) == 2
    assert "11,000 training examples" in left_out[0]
    assert "--inception PATH" in left_out[1]


def test_samples_beside_what_gives_distances_a_meaning(mlp: Path) -> None:
    (record,) = evaluate(mlp, protocols=["generation_features"], weights="raw")
    rows = {row["features"]: row for row in record["rows"]}
    width = load(mlp).method.prior.dim
    assert list(rows) == [
        "samples", "training examples", f"gaussian of pca{width}", "shuffled values",
        "random generator",
    ]  # fmt: skip
    assert rows["samples"]["num"] == 10_000
    floor = rows["training examples"]["frechet"]
    assert floor < min(row["frechet"] for name, row in rows.items() if name[0] != "t")
    assert record["frechet"] == rows["samples"]["frechet"]


def test_samples_in_the_features_of_another_run(mlp: Path, conv: Path) -> None:
    space = f"{mlp}:encoder.hidden1"
    (record,) = evaluate(
        conv,
        protocols=["generation_features"],
        weights="raw",
        baselines=["raw"],
        spaces=[space, "discriminator.conv1@4"],
    )
    assert [row["space"] for row in record["rows"]] == [space] * 2 + ["discriminator.conv1@4"] * 2


def test_the_verb_prints_what_was_chosen(mlp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--protocol", "knn_sweep,svm_l2,kmeans,retrieval_cosine", "--weights", "raw"]
    assert main(["evaluate", str(mlp), *words]) == 0
    told = capsys.readouterr().out
    for title in ("metric", "NMI %", "mAP %", "recall@10 %", "accuracy %"):
        assert title in told
    assert all(len(line) < 200 for line in told.splitlines())
    record = json.loads((mlp / "results" / "retrieval_cosine--raw.json").read_text())
    assert record["map"] == record["rows"][0]["map"]
