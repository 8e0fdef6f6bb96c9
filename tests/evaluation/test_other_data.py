"""A run measured on data it was not trained on, in the run's form and in their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ambigan
from ambigan.cli import main
from ambigan.core.errors import ConfigError, DataError
from ambigan.data import DataSettings, open_dataset
from ambigan.data.images.image_decoding import read_pixels
from ambigan.evaluation.protocols import classify, find_protocol
from ambigan.evaluation.protocols.few_examples import groups_of

Listen = Callable[[Callable[[str], object]], None]


@pytest.fixture
def run(conv_run: Path, tmp_path: Path) -> ambigan.Run:
    shutil.copytree(conv_run, tmp_path / "run")
    return ambigan.load(tmp_path / "run", weights="raw")


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """Sixty colour images of two classes, 16x12, in a published training and test split."""
    generator = np.random.default_rng(0)
    for split, num in (("train", 20), ("test", 10)):
        for label, name in enumerate(("dark", "light")):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(num):
                pixels = generator.integers(90 * label, 160 + 90 * label, (12, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return f"folder:{tmp_path / 'photos'}"


def test_values_are_those_computed_by_hand(run: ambigan.Run, photos: str) -> None:
    (result, *_) = ambigan.evaluate(run, data=photos, protocols=["knn1_cosine"], baselines=[])
    whole = open_dataset(DataSettings(photos))
    features = []
    for split in (whole.train, whole.test):
        small = [read_pixels(image.numpy(), 1, (8, 8)) for image in split.values]
        features.append(torch.from_numpy(run.features(np.stack(small))))
    labels, truth = whole.train.labels, whole.test.labels
    assert labels is not None
    assert truth is not None
    by_hand = classify(find_protocol("knn1_cosine"), features[0], labels, features[1], truth)
    assert result.metrics == by_hand.metrics
    assert result.subject.dim == features[0].shape[1]


def test_the_record_names_both_data(run: ambigan.Run, photos: str, listen: Listen) -> None:
    told: list[str] = []
    listen(told.append)
    (result, *_) = ambigan.evaluate(run, data=photos, protocols=["knn1_cosine"])
    about = result.provenance
    assert (about.data.name, about.trained_on.name) == (photos, "digits")
    assert (about.data.num_train, about.data.num_test) == (40, 20)
    assert about.is_of_other_data
    assert about.asked["data"] == photos
    (file,) = (run.path / "results").glob("knn1_cosine--on-folder-photos-*.json")
    assert file.is_file()
    (line,) = [line for line in told if "run's form" in line]
    assert "images of 3x12x16, in the run's form: colours made grey" in line
    assert line.endswith("resized and cropped to 8x8")


def test_its_own_data_under_their_name_are_its_own(run: ambigan.Run, listen: Listen) -> None:
    told: list[str] = []
    listen(told.append)
    own = ambigan.evaluate(run, protocols=["knn1_cosine"], baselines=["raw"])
    same = ambigan.evaluate(run, protocols=["knn1_cosine"], baselines=["raw"], data="digits")
    assert [r.metrics for r in own] == [r.metrics for r in same]
    assert not same[0].provenance.is_of_other_data
    assert not any("form" in line for line in told)


def test_data_in_their_own_form(run: ambigan.Run, photos: str, tmp_path: Path) -> None:
    grey = tmp_path / "grey"
    for path in (tmp_path / "photos").rglob("*.png"):
        other = grey / path.relative_to(tmp_path / "photos")
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).convert("L").save(other)
    asked = {"protocols": ["knn1_cosine"], "baselines": ["random"], "framing": "data"}
    layers = ["encoder.convs@4"]
    found = ambigan.evaluate(run, data=f"folder:{grey}", layers=layers, **asked)
    test = open_dataset(DataSettings(f"folder:{grey}")).test.values
    with torch.no_grad():
        x = test.float() / 127.5 - 1
        assert run.method.features(x, layers[0]).shape[1] == found[0].subject.dim
    assert found[1].subject.name == "random encoder.convs@4"
    with pytest.raises(ConfigError, match=r"'discriminator\.output' cannot take images of 1x12x16"):
        ambigan.evaluate(run, data=f"folder:{grey}", layers=["discriminator.output"], **asked)
    with pytest.raises(ConfigError, match="images of 3x12x16: it is bound to the run's 1x8x8"):
        ambigan.evaluate(run, data=photos, layers=layers, **asked)
    with pytest.raises(ConfigError, match="leave out --framing data"):
        ambigan.evaluate(
            run, data=f"folder:{grey}", protocols=["reconstruction_l2"], framing="data"
        )


def test_vectors_go_through_the_runs_scaling(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name, shift in (("own", 50), ("other", 60)):
        x, y = generator.normal(shift, 7, (60, 5)), np.arange(60) % 2
        np.savez(tmp_path / f"{name}.npz", x=x + y[:, None], y=y)
    path = tmp_path / "run"
    words = ["train", "bigan", "--data", f"npz:{tmp_path / 'own.npz'}", "--out", str(path)]
    words += ["--preset", "small", "--epochs", "1", "--train.batch-size", "16"]
    assert main(words) == 0
    run = ambigan.load(path, weights="raw")
    other = f"npz:{tmp_path / 'other.npz'}"
    settings = DataSettings(other, test_fraction=0.5)
    (result,) = ambigan.evaluate(run, data=settings, protocols=["knn1_euclidean"], baselines=[])
    raw = np.load(tmp_path / "other.npz")
    whole = open_dataset(settings)
    assert whole.train.rows is not None
    assert whole.test.rows is not None
    rows = whole.train.rows.numpy(), whole.test.rows.numpy()
    features = [torch.from_numpy(run.features(raw["x"][at])) for at in rows]
    labels = [torch.from_numpy(raw["y"][at]) for at in rows]
    protocol = find_protocol("knn1_euclidean")
    parts = features[0], labels[0], features[1], labels[1]
    by_hand = classify(protocol, *parts, groups=groups_of(whole))
    assert result.metrics == by_hand.metrics
    with pytest.raises(DataError, match=r"holds images; the model takes vectors"):
        ambigan.evaluate(run, data="digits")


@pytest.mark.usefixtures("quick_pages")
def test_by_the_command(run: ambigan.Run, photos: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", str(run.path), "--data", photos, "--protocol", "knn1_cosine"]
    words += ["--weights", "raw", "--data.max-train", "30"]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    results = json.loads(out)
    assert results[0]["provenance"]["data"]["num_train"] == 30
    assert results[0]["provenance"]["trained_on"]["name"] == "digits"
    assert "in the run's form" in err
    assert main(words) == 0
    assert f"knn1_cosine on {photos}" in capsys.readouterr().out
    assert main(["report", str(run.path)]) == 0
    page = (run.path / "report.html").read_text()
    assert f"knn1_cosine on {photos}" in page
    assert f"--data {photos}" in page
    for extra, line in (
        (["--framing", "data"], "name them by --data"),
        (["--data.max-train", "3"], "give --data as well"),
        (["--data", photos, "--train.epochs", "3"], "takes --data.NAME alone"),
        (["--data", photos, "--curve"], "leave out --views"),
    ):
        assert main(["evaluate", str(run.path), *extra]) == 2
        assert line in capsys.readouterr().err


@pytest.mark.usefixtures("quick_pages")
def test_transfer_to_other_data(run: ambigan.Run, photos: str) -> None:
    words = ["transfer", str(run.path), "--network", "encoder", "--epochs", "1", "--data", photos]
    assert main(words) == 0
    (file,) = (run.path / "results").glob("transfer--*--on-folder-photos-*.json")
    from ambigan.evaluation.result_file import read_results

    results = read_results(file)
    assert results[0].provenance.trained_on.name == "digits"
    assert results[0].provenance.data.name == photos
    assert main(["report", str(run.path)]) == 0
    assert f"--data {photos}" in (run.path / "report.html").read_text()


def test_other_channels_and_depths_are_refused_or_said(
    run: ambigan.Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    draw = np.random.default_rng(0)
    made = {
        "bands": draw.normal(size=(6, 13, 8, 8)).astype(np.float32),
        "floats": draw.normal(size=(6, 8, 8)).astype(np.float32),
        "deep": draw.integers(0, 4096, (6, 8, 8), np.uint16),
    }
    for name, images in made.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            np.save(tmp_path / name / f"{number}.npy", image)
    for name, said in (("bands", "images of 13 channels"), ("floats", "takes 8-bit images of")):
        words = ["embed", str(run.path), "--data", str(tmp_path / name)]
        assert main([*words, "--out", str(tmp_path / "x.npy")]) == 2
        with pytest.raises(DataError, match=said):
            ambigan.evaluate(run, data=str(tmp_path / name), protocols=["knn1_cosine"])
    words = ["embed", str(run.path), "--data", str(tmp_path / "deep")]
    assert main([*words, "--out", str(tmp_path / "x.npy")]) == 0
    assert "16 bits become 8 by their full range" in caplog.text
