"""Convolutional runs as typed: rectangles, an encoder of higher resolution, a plan."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import ambigan
from ambigan.cli import main
from ambigan.evaluation.result_file import read_results
from ambigan.methods import METHODS

TOY = [
    *("--settings.latent-dim", "4", "--settings.network.width", "2", "--precision", "fp32"),
    *("--device", "cpu", "--batch-size", "10", "--epochs", "1", "--train.statistics-batches", "2"),
]


@pytest.fixture
def tall(tmp_path: Path) -> Path:
    """Digits twice, one above the other, as gray pictures of 96 x 48."""
    digits = load_digits()
    for number in range(40):
        path = tmp_path / "tall" / str(digits.target[number] % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray((digits.images[number] * 15).astype(np.uint8))
        pair = np.asarray(image.resize((48, 48))), np.asarray(image.rotate(180).resize((48, 48)))
        Image.fromarray(np.concatenate(pair)).save(path)
    return tmp_path / "tall"


NARROW = {
    "bigbigan": ["--settings.network.encoder-width", "0.03125"],
    "structural": ["--settings.network.generator-width", "8", "--settings.bank-size", "20"],
    "barlow_twins": ["--settings.embedding-dim", "4"],
    "byol": ["--settings.embedding-dim", "4", "--settings.predictor-width", "4"],
    "moco": ["--settings.embedding-dim", "4", "--settings.bank-size", "20"],
    "simclr": ["--settings.embedding-dim", "4"],
}


@pytest.mark.usefixtures("quick_pages")
@pytest.mark.parametrize("method", list(METHODS))
def test_rectangles_of_one_channel_need_no_code(method: str, tall: Path, tmp_path: Path) -> None:
    out, toy = (
        tmp_path / "run",
        TOY[2:] if method in ("barlow_twins", "byol", "moco", "simclr") else TOY,
    )
    words = [*toy, *NARROW.get(method, [])]
    assert main(["train", method, "--data", f"folder:{tall}", "--out", str(out), *words]) == 0
    about = json.loads((out / "config.json").read_text())
    assert about["preset"] == "images"
    run = ambigan.load(out)
    assert run.spec.shape == (1, 96, 48)
    assert main(["evaluate", str(out), "--protocol", "knn1_euclidean"]) == 0
    assert main(["embed", str(out), "--out", str(tmp_path / "features.npy")]) == 0
    assert np.load(tmp_path / "features.npy").shape[0] == 40
    assert main(["report", str(out)]) == 0
    if "sample" in run.capabilities:
        assert main(["sample", str(out), "--num", "4"]) == 0
        assert np.load(out / "samples.npy").shape == (4, 1, 96, 48)


@pytest.mark.usefixtures("quick_pages")
def test_the_encoder_may_see_more_than_the_generator_draws(tall: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["--settings.network.image-size", "24,12", "--settings.network.encoder", "alexnet"]
    assert (
        main(["train", "bigan", "--data", f"folder:{tall}", "--out", str(out), *words, *TOY]) == 0
    )
    assert main(["evaluate", str(out)]) == 0
    assert main(["reconstruct", str(out), "--num", "4"]) == 0
    assert np.load(out / "reconstructions.npy").shape == (2, 4, 1, 24, 12)
    assert main(["interpolate", str(out), "--pairs", "2", "--steps", "3"]) == 0
    assert main(["report", str(out)]) == 0
    results = read_results(out / "results" / "reconstruction_l2.json")
    assert 0 < (results[0].value("ratio_real") or 0) < 3


def test_layers_are_measured_pooled_and_together(tall: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["train", "gan", "--data", f"folder:{tall}", "--out", str(out), *TOY]) == 0
    layers = "discriminator.conv1@4,discriminator.convs@4"
    words = ["evaluate", str(out), "--protocol", "knn1_cosine", "--layer", layers]
    assert main(words) == 0
    (path,) = (out / "results").glob("knn1_cosine*.json")
    subjects = [result.subject for result in read_results(path)]
    dims = {subject.name: subject.dim for subject in subjects if subject.kind == "model"}
    assert dims["discriminator.conv1@4"] == 2 * 16
    assert dims["discriminator.convs@4"] == (2 + 2 + 4 + 4 + 8 + 8) * 16


def test_a_plan_says_what_is_needed_and_writes_nothing(
    tall: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    words = ["--plan", "--train.ema-decay", "0.9", *TOY]
    assert main(["train", "bigan", "--data", f"folder:{tall}", *words]) == 0
    told = capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == before
    for word in ("discriminator", "generator", "encoder", "optimizer", "activations", "images/s"):
        assert word in told
    assert re.search(r"time +[\d.]+ s for 40 images", told)
    assert main(["train", "--resume", "run", "--plan"]) == 2
    assert main(["train", "bigan", "--plan", "--out", "there"]) == 2
    assert "leave out --out" in capsys.readouterr().err
    started = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in started.items():  # as torchrun sets them
        monkeypatch.setenv(name, value)
    assert main(["train", "bigan", "--plan"]) == 2
    assert "start it without torchrun, and give --processes" in capsys.readouterr().err


def test_convolutions_of_vectors_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 6)))
    words = ["train", "bigan", "--preset", "images", "--data", f"npy:{tmp_path / 'x.npy'}"]
    assert main([*words, *TOY, "--out", str(tmp_path / "run")]) == 2
    assert "is for images, but the data are vectors of 6 values" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_data_far_from_the_runs_form_are_refused_unless_asked(
    conv_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Large colour images for a run of 8x8 grey digits."""
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (48, 40), (80 * number, 9, 9)).save(tmp_path / f"photos/{number}.png")
    out = tmp_path / "features.npy"
    words = ["embed", str(conv_run), "--data", f"folder:{tmp_path / 'photos'}", "--out", str(out)]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "images of 3x40x48, in the run's form: colours made grey, resized and cropped" in line
    assert "give --framing run" in line
    assert not out.exists()
    assert main([*words, "--framing", "run"]) == 0
    assert "in the run's form" in capsys.readouterr().err
    assert np.load(out).shape[0] == 3
