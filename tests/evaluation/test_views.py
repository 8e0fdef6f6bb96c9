"""Views of labelled pictures: which they are, and what a classifier makes of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ambigan.cli import main
from ambigan.core.errors import ConfigError
from ambigan.data import Dataset, DataSettings, open_dataset
from ambigan.data.values import to_float
from ambigan.evaluation.crops import CroppedViews, CropSettings
from ambigan.evaluation.features import FeatureFunction
from ambigan.evaluation.protocols import PROTOCOLS, classify
from ambigan.evaluation.result_file import read_results
from ambigan.run_evaluation import evaluate
from ambigan.training import train
from games import toy_config

Listen = Callable[[Callable[[str], object]], None]

CPU = torch.device("cpu")
FLAT = FeatureFunction("pixels", "baseline", lambda x: x.flatten(1))


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return open_dataset(DataSettings(source="digits", max_train=120))


@pytest.fixture(scope="module")
def cropped() -> Dataset:
    return open_dataset(DataSettings(source="digits", max_train=120, crop=(6, 6)))


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `conv_run`, of a fifth of the digits, whose views are soon classified."""
    out = tmp_path_factory.mktemp("views") / "run"
    train(toy_config("bigan-images", train__epochs="1", data__max_train="300"), out)
    return out


def windows(picture: Tensor) -> list[Tensor]:
    """All crops of 6x6 of a digit, as they are and mirrored."""
    places = [(top, left) for top in range(3) for left in range(3)]
    crops = [to_float(picture[:, t : t + 6, w : w + 6]) for t, w in places]
    return [c for crop in crops for c in (crop.flatten(), crop.flip(-1).flatten())]


def test_each_view_is_a_crop_of_its_picture_and_they_differ(
    digits: Dataset, cropped: Dataset
) -> None:
    settings = CropSettings(num=4, flip=True)
    views = CroppedViews(cropped, settings)
    found = views.train_features(FLAT, CPU).view(4, 120, 36)
    for i in range(0, 120, 17):
        known = torch.stack(windows(digits.train.values[i]))
        for view in found[:, i]:
            assert (known == view).all(1).any()
    assert not torch.equal(found[0], found[1])
    assert torch.equal(found, views.train_features(FLAT, CPU).view(4, 120, 36)), "drawn by a seed"
    other = CroppedViews(cropped, replace(settings, seed=1)).train_features(FLAT, CPU)
    assert not torch.equal(found.flatten(), other.flatten())


def test_ten_crops_are_the_corners_and_the_middle_and_their_mirror_images(
    digits: Dataset, cropped: Dataset
) -> None:
    views = CroppedViews(cropped, CropSettings(test_crops=10))
    x = to_float(digits.test.values)
    corners = [x[..., t : t + 6, w : w + 6] for t, w in ((1, 1), (0, 0), (0, 2), (2, 0), (2, 2))]
    mean = torch.stack([c for crop in corners for c in (crop, crop.flip(-1))]).mean(0)
    torch.testing.assert_close(views.test_features(FLAT, CPU), mean.flatten(1))
    five = CroppedViews(cropped, CropSettings(test_crops=5)).test_features(FLAT, CPU)
    torch.testing.assert_close(five, torch.stack(corners).mean(0).flatten(1))
    middle = to_float(digits.train.values[..., 1:7, 1:7]).flatten(1)
    torch.testing.assert_close(views.train_features(FLAT, CPU), middle)


def test_scaled_views_are_as_large_as_networks_take_them(digits: Dataset) -> None:
    views = CroppedViews(digits, CropSettings(num=2, short_side=(8, 12)))
    found = views.train_features(FLAT, CPU)
    assert found.shape == (240, 64)
    whole = to_float(digits.train.values).flatten(1)
    assert not torch.allclose(found[:120], whole)
    assert torch.corrcoef(torch.stack([found[:120].flatten(), whole.flatten()]))[0, 1] > 0.5


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (CropSettings(num=3), "of 3 views of a picture there would be one"),
        (CropSettings(num=3, flip=True), "there would be two"),
        (CropSettings(test_crops=5), "five crops of 8x8 of pictures of that size would be equal"),
        (CropSettings(num=3, short_side=(4, 9)), "cannot be cut from pictures scaled to a short"),
        (CropSettings(num=3, short_side=(12, 9)), "two rising lengths of 8 or more"),
    ],
)
def test_views_that_cannot_be(digits: Dataset, settings: CropSettings, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CroppedViews(digits, settings)


def test_no_view_of_an_example_is_held_out_while_another_is_learned_from() -> None:
    """Labels drawn at random: only who has seen a view of an example knows the label of another."""
    torch.manual_seed(0)
    labels, test_labels = torch.randint(2, (60,)), torch.randint(2, (40,))
    once = torch.randn(60, 200)
    for name in ("linear_lbfgs", "svm_l2"):
        scores = classify(
            PROTOCOLS[name],
            torch.cat([once] * 5),
            labels,
            torch.randn(40, 200),
            test_labels,
            views=5,
        )
        (held,) = [v for k, v in scores.details.items() if k.startswith("validation_accuracy")]
        assert max(held.values()) < 90


@pytest.mark.parametrize(("name", "constant"), [("linear_lbfgs", "L2"), ("svm_l2", "C")])
def test_equal_views_are_as_one(name: str, constant: str) -> None:
    """In loss, in choice, and in how sure the choice is."""
    torch.manual_seed(0)
    labels, train, test = torch.randint(3, (90,)), torch.randn(90, 5), torch.randn(50, 5)
    train += 2 * torch.nn.functional.one_hot(labels, 5)
    probe, test_labels = PROTOCOLS[name], torch.randint(3, (50,))
    once = classify(probe, train, labels, test, test_labels)
    often = classify(probe, torch.cat([train] * 20), labels, test, test_labels, views=20)
    assert often["chosen"][constant] == once["chosen"][constant]
    tried = f"validation_accuracy_by_{constant.lower()}"
    assert often[tried] == pytest.approx(once[tried])
    assert often["accuracy"] == pytest.approx(once["accuracy"], abs=2.1)


@pytest.mark.parametrize("views", [0, 1, 3])
def test_rows_that_are_not_views_of_each_label(views: int) -> None:
    data = torch.randn(40, 3), torch.arange(20) % 2, torch.randn(20, 3), torch.arange(20) % 2
    with pytest.raises(ConfigError, match="40 rows of features are not"):
        classify(PROTOCOLS["linear_lbfgs"], *data, views=views)


def test_too_many_views_are_refused_before_they_are_made(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ambigan.evaluation.crops.physical_memory", lambda: 120 * 64 * 4 * 10.0)
    CroppedViews(digits, CropSettings(num=5, short_side=(8, 9))).train_features(FLAT, CPU)
    with pytest.raises(ConfigError, match="720 views of 64 features need"):
        CroppedViews(digits, CropSettings(num=6, short_side=(8, 9))).train_features(FLAT, CPU)


def test_rows_kept_of_other_views_are_not_taken(
    small_run: Path, tmp_path: Path, listen: Listen
) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    told: list[str] = []

    def stop_at_pixels(line: str) -> None:
        told.append(line)
        if "pixels" in line:
            raise KeyboardInterrupt

    listen(stop_at_pixels)
    with pytest.raises(KeyboardInterrupt):
        evaluate(run, crops=CropSettings(num=2, flip=True), weights="raw")
    listen(told.append)
    first = told[0]
    for seed, again in ((0, False), (7, True)):
        told.clear()
        settings = CropSettings(num=2, flip=True, seed=seed)
        evaluate(run, crops=settings, weights="raw", baselines=["raw"])
        assert (first in told) == again


def test_a_protocol_that_takes_one_view_says_which_take_more() -> None:
    data = torch.randn(40, 3), torch.arange(20) % 2, torch.randn(20, 3), torch.arange(20) % 2
    with pytest.raises(ConfigError, match=r"knn1_cosine takes one view.*linear_lbfgs_10"):
        classify(PROTOCOLS["knn1_cosine"], *data, views=2)


@pytest.mark.usefixtures("quick_pages")
def test_by_the_command_beside_the_probe_of_the_middle(small_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(small_run, tmp_path / "run")
    plain = ["evaluate", str(run), "--protocol", "linear_lbfgs"]
    flags = ["--views", "3", "--views-short-side", "8,10", "--test-crops", "10"]
    assert main(plain) == 0
    before = (run / "results" / "linear_lbfgs.json").read_bytes()
    assert main(["evaluate", str(run), *flags]) == 0
    assert (run / "results" / "linear_lbfgs.json").read_bytes() == before
    found = read_results(run / "results" / "linear_lbfgs--3-views-scaled-8-10-10-crops.json")
    assert found[0].protocol.views["num"] == 3
    names = {result.subject.name for result in found}
    assert {"pixels", f"random {found[0].subject.name}"} <= names
    middle = read_results(run / "results" / "linear_lbfgs.json")
    assert found[0].headline != middle[0].headline
    assert main(["report", str(run)]) == 0
    page = (run / "report.html").read_text()
    assert "3-views-scaled-8-10-10-crops" in page
    assert "linear_lbfgs on encoder.conv6" in page, "the headline is of whole pictures"
    assert "--views 3 --views-short-side 8,10 --test-crops 10" in page


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--views", "many"], "views.num cannot be 'many'"),
        (["--views", "2", "--views-flip", "--protocol", "kmeans"], "takes one view"),
        (["--views", "2", "--curve"], "leave out --views"),
        (["--test-crops", "7"], "views.test_crops cannot be 7"),
        (["--views", "2"], "add --views-short-side A,B or --views-flip"),
        (["--views-flip"], "say how many there are"),
        (["--views", "0"], "what is measured anyway"),
        (["--test-crops", "10", "--protocol", "reconstruction_l2"], "leave out views and crops"),
    ],
)
def test_what_the_command_refuses(
    conv_run: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(conv_run), *words]) == 2
    assert told in capsys.readouterr().err
