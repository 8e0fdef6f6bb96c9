"""`ambigan anomaly` and training on the normal examples alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from ambigan.anomaly import image_parts, simulated_defects
from ambigan.cli import main
from ambigan.data import DataSettings, open_dataset

QUICK = ["--epochs", "2", "--batch-size", "32", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with a label, one of new rows without, and a run on the benign rows."""
    folder = tmp_path_factory.mktemp("anomaly")
    frame, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = frame.assign(label=benign.map({0: "malignant", 1: "benign"}))
    frame.to_csv(folder / "all.csv", index=False)
    frame[frame.label == "malignant"].drop(columns="label").to_csv(folder / "new.csv", index=False)
    words = ["train", "bigan", "--data", f"csv:{folder}/all.csv", "--data.train-on", "benign"]
    assert main([*words, *QUICK, "--out", str(folder / "run")]) == 0
    return folder


def test_the_training_split_holds_the_chosen_labels_alone(folder: Path) -> None:
    whole = open_dataset(DataSettings(f"csv:{folder}/all.csv"))
    chosen = open_dataset(DataSettings(f"csv:{folder}/all.csv", train_on=("benign",)))
    assert whole.train.labels is not None
    assert chosen.train.labels is not None
    assert chosen.test.labels is not None
    assert len(chosen.train) == int((whole.train.labels == 0).sum())
    assert set(chosen.train.labels.tolist()) == {0}
    assert (chosen.test.labels == 1).sum() == 212
    rows = [*chosen.train.rows.tolist(), *chosen.test.rows.tolist()]  # type: ignore[union-attr]
    assert sorted(rows) == list(range(569))
    np.testing.assert_allclose(chosen.train.values.mean(0), 0, atol=1e-5)  # scaled by them alone


def test_examples_are_ranked_and_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["anomaly", str(folder / "run")]) == 0
    told = capsys.readouterr().out
    assert "AUROC 0.9" in told
    table = pd.read_parquet(folder / "run/anomaly/scores.parquet")
    pd.testing.assert_frame_equal(table, pd.read_csv(folder / "run/anomaly/scores.csv"))
    assert table.anomaly_score.is_monotonic_decreasing
    assert (table.label == "malignant").sum() == 212
    assert (table[table.is_flagged].label == "malignant").mean() > 0.9
    page = (folder / "run/anomaly/anomaly.html").read_text()
    for word in ("Ranking", "AUROC", "average precision", table.main_column[0]):
        assert word in page


def test_new_rows_are_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", f"csv:{folder}/new.csv", "--out", str(folder / "found"), "--json"]
    assert main(["anomaly", str(folder / "run"), *words, "--threshold", "0.9"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["num_examples"] == 212
    assert found["measures"] is None
    assert found["num_flagged"] > 150
    assert {"row", "anomaly_score", "neighbours"} <= found["examples"][0].keys()
    assert (folder / "found/anomaly.html").is_file()


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains the network of defects for a few steps alone."""
    monkeypatch.setattr(
        image_parts,
        "train_defect_network",
        lambda images, seed: simulated_defects.train_defect_network(images, seed, steps=5),
    )


@pytest.mark.usefixtures("brief")
def test_images_are_ranked_with_heat_maps(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", "bigan", "--preset", "small", "--data", "digits", "--out", str(run)]
    assert main([*words, *QUICK]) == 0
    assert main(["anomaly", str(run)]) == 0
    table = pd.read_csv(run / "anomaly/scores.csv")
    assert len(table) == 297  # more than the page shows from either end
    assert np.load(run / "anomaly/heatmaps.npy").shape == (297, 8, 8)
    page = (run / "anomaly/anomaly.html").read_text()
    assert "Most anomalous" in page
    assert "Most normal" in page


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    "settings",
    [
        ["--data.crop", "8,8"],
        ["--settings.network.encoder", "dcgan", "--settings.network.image-size", "8,8"],
    ],
    ids=["crops", "a smaller generator"],
)
def test_heat_maps_are_as_large_as_the_images_whatever_the_networks_take(
    tmp_path: Path, settings: list[str]
) -> None:
    draw = np.random.default_rng(0)
    np.save(tmp_path / "images.npy", draw.integers(0, 256, (40, 16, 16, 1), dtype=np.uint8))
    words = ["train", "bigan", "--data", str(tmp_path / "images.npy"), "--out"]
    narrow = ["--settings.network.width", "4", "--settings.network.encoder-width", "4"]
    run = tmp_path / "run"
    assert main([*words, str(run), *narrow, *settings, *QUICK]) == 0
    assert main(["anomaly", str(run)]) == 0
    assert np.load(run / "anomaly/heatmaps.npy").shape == (4, 16, 16)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--threshold", "2"], "--threshold 2.0 is the fraction of normal examples that pass"),
        (["--neighbors", "0"], "--neighbors is 0; it counts: 1 or more"),
        (["--normal", "benine"], "unknown label 'benine'. Did you mean 'benign'?"),
        (["--out", "all.csv"], "all.csv is a file; name a folder with --out"),
    ],
)
def test_wrong_words_are_named(
    folder: Path,
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["anomaly", "run", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "label", "said"),
    [
        ("digits", "12", "unknown label '12'"),
        ("csv:new.csv", "benign", "new.csv has no labels; name the column"),
    ],
)
def test_labels_to_train_on_must_be_there(
    folder: Path,
    data: str,
    label: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    words = ["--data", data, "--data.train-on", label, "--out", "refused"]
    assert main(["train", "bigan", *words, *QUICK]) == 2
    assert said in capsys.readouterr().err


def test_few_normal_examples_and_labels_that_nothing_uses_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    few = pd.DataFrame(draw.normal(size=(40, 4)), columns=list("abcd"))
    few.to_csv("normal.csv", index=False)
    few.assign(label=["good"] * 30 + ["bad"] * 10).to_csv("new.csv", index=False)
    assert main(["train", "bigan", "--data", "normal.csv", "--out", "run", *QUICK]) == 0
    capsys.readouterr()
    assert main(["anomaly", "run", "--data", "new.csv"]) == 0
    told = capsys.readouterr().err
    assert "the threshold comes of 40 normal examples, and 100 are the fewest" in told
    assert "--normal LABEL" in told
    assert main(["anomaly", "run", "--data", "new.csv", "--normal", "good"]) == 0
    assert "AUROC" in capsys.readouterr().out
    assert main(["anomaly", "run", "--data", "normal.csv", "--normal", "good"]) == 2
    assert "normal.csv has no labels; name the column" in capsys.readouterr().err
