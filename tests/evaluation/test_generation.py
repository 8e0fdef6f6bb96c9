"""Distances of distributions against SciPy, torch-fidelity and transcriptions."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.datasets import load_digits

from ambigan.core.errors import ConfigError
from ambigan.core.imports import import_torchvision
from ambigan.evaluation.baselines.sample_baselines import gaussian_stand_in, shuffled_values
from ambigan.evaluation.metrics.inception import find_weights, load_inception
from ambigan.evaluation.metrics.sample_distances import (
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_and_recall,
)
from ambigan.evaluation.protocols import find_protocol


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Zeros to fours, and fives to nines."""
    bunch: Any = load_digits()
    values = torch.as_tensor(bunch.data).float() / 8 - 1
    return values[bunch.target < 5], values[bunch.target >= 5]


def fidelity(module: str) -> Any:
    import_torchvision()
    return importlib.import_module(f"torch_fidelity.{module}")


def test_frechet_distance_is_scipys_and_torch_fidelitys() -> None:
    a, b = digits()
    x, y = a.double().numpy(), b.double().numpy()
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(cov_x @ cov_y + 1e-12 * np.eye(64)).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)
    theirs = fidelity("metric_fid")
    statistics = [theirs.fid_features_to_statistics(part.double()) for part in (a, b)]
    fid = theirs.fid_statistics_to_metric(*statistics, verbose=False)
    assert frechet_distance(a, b) == pytest.approx(fid["frechet_inception_distance"], rel=1e-5)


def test_frechet_distance_of_fewer_examples_than_features() -> None:
    a, b = (part[:30] for part in digits())
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-5)
    shifted = frechet_distance(a, a + torch.arange(64) / 100)
    assert shifted == pytest.approx(float((torch.arange(64) / 100).square().sum()), rel=1e-4)


def test_frechet_distance_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ConfigError, match=r"of 5,000 features .* 4,096 or fewer"):
        frechet_distance(torch.zeros(3, 5000), torch.zeros(3, 5000))
    with pytest.raises(ConfigError, match="need two examples or more; there are 1"):
        frechet_distance(torch.zeros(1, 5), torch.zeros(3, 5))


def test_kernel_distance_of_whole_sets() -> None:
    a, b = (part[:200] for part in digits())
    x, y = a.double().numpy(), b.double().numpy()

    def kernel(p: Any, q: Any) -> Any:
        return (p @ q.T / 64 + 1) ** 3

    def without_diagonal(k: Any) -> float:
        return (k.sum() - np.trace(k)) / (200 * 199)

    expected = without_diagonal(kernel(x, x)) + without_diagonal(kernel(y, y))
    expected -= 2 * kernel(x, y).mean()
    mean, deviation = kernel_distance(a, b, subsets=3, subset_size=1000, seed=0)
    assert mean == pytest.approx(expected, rel=1e-6)
    assert deviation == pytest.approx(0, abs=1e-6)


def test_precision_and_recall() -> None:
    real, generated = (part[:300] for part in digits())
    distances = torch.cdist(generated.double(), real.double())

    def radius(x: torch.Tensor) -> torch.Tensor:
        return torch.cdist(x.double(), x.double()).sort(1).values[:, 3]  # the first is itself

    precision = (distances <= radius(real)[None]).any(1).double().mean()
    recall = (distances <= radius(generated)[:, None]).any(0).double().mean()
    found = precision_and_recall(generated, real, 3)
    assert found == pytest.approx((100 * float(precision), 100 * float(recall)), abs=0.4)
    assert precision_and_recall(real, real, 3) == (100, 100)
    with pytest.raises(ConfigError, match="3 neighbours need more than 3 examples"):
        precision_and_recall(real[:3], real, 3)


def test_inception_score_ends() -> None:
    certain = 100 * torch.eye(10).repeat(10, 1)
    mean, deviation = inception_score(certain, splits=1, seed=0)
    assert (mean, deviation) == (pytest.approx(10), 0)
    assert inception_score(torch.zeros(50, 10), splits=5, seed=0)[0] == pytest.approx(1)


def test_distances_do_not_count_a_layers_units_and_rank_what_is_nearer_first() -> None:
    protocol = find_protocol("generation_features")
    a, b = digits()
    real, same, other = a[:400], a[400:], b[:400]
    near, far = (protocol.measure(part, real, "cpu") for part in (same, other))
    assert near["frechet"] < far["frechet"]
    assert near["kid"] < far["kid"]
    assert near["precision"] > far["precision"]
    scaled = protocol.measure(1000 * same, 1000 * real, "cpu")
    assert scaled["frechet"] == pytest.approx(near["frechet"], rel=1e-3)
    assert scaled["kid"] == pytest.approx(near["kid"], abs=1e-4)


def test_stand_ins_keep_what_they_should() -> None:
    values = torch.cat(digits())
    drawn = gaussian_stand_in(values, 10, 4000, seed=0, bounded=False)
    torch.testing.assert_close(drawn.mean(0), values.mean(0), atol=0.06, rtol=0)
    assert torch.linalg.matrix_rank(drawn - values.mean(0), rtol=1e-4) == 10
    assert gaussian_stand_in(values, 10, 50, seed=0, bounded=True).abs().max() <= 1
    images = (values.view(-1, 1, 8, 8) + 1).mul(127.5).byte()
    shuffled = shuffled_values(images, 4000, seed=0)
    assert shuffled.dtype == torch.uint8
    assert shuffled.shape == (4000, 1, 8, 8)
    means = [part.double().mean(0) for part in (shuffled, images)]
    torch.testing.assert_close(means[0], means[1], atol=6, rtol=0)
    one, two = shuffled[:, 0, 3, 3].double(), shuffled[:, 0, 3, 4].double()
    assert abs(float(torch.corrcoef(torch.stack([one, two]))[0, 1])) < 0.06


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inception weights as they are drawn, since the real ones need the network."""
    extractor = fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3

    class Untrained(extractor):
        def load_state_dict(self, *_args: Any, **_options: Any) -> None: ...

    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save({}, path)
    torch.manual_seed(0)
    torch.save(Untrained("inception-v3-compat", ["2048"], str(path)).state_dict(), path)
    return path


def test_inception_describes_images_of_one_and_of_three_channels(weights: Path) -> None:
    describe, sha256 = load_inception(find_weights(weights))
    grey = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = describe(grey)
    assert features.shape == (3, 2048 + 1008)
    torch.testing.assert_close(describe(grey.expand(-1, 3, -1, -1)), features)
    assert len(sha256) == 64
    extractor = fidelity("feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    theirs = extractor("inception-v3-compat", ["2048"], str(weights))
    levels = ((grey + 1) * 127.5).round().byte().expand(-1, 3, -1, -1)
    torch.testing.assert_close(features[:, :2048], theirs(levels)[0])


def test_the_protocol_by_inception(weights: Path) -> None:
    describe, _ = load_inception(find_weights(weights))
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.rand(num, 3, 16, 16, generator=generator) * 2 - 1 for num in (5, 10))
    scores = find_protocol("generation_inception").measure(describe(fake), describe(real), "cpu")
    assert {metric.name for metric in scores.metrics} | set(scores.details) == {
        "fid", "kid", "kid_deviation", "precision", "recall", "inception_score",
        "inception_score_deviation",
    }  # fmt: skip
    assert scores["fid"] >= 0


def test_weights_that_are_missing_wrong_or_unsafe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file of Inception weights at"):
        find_weights(tmp_path / "none.pth")
    wrong = tmp_path / "wrong.pth"
    torch.save({"a": torch.zeros(2)}, wrong)
    with pytest.raises(ConfigError, match="does not hold the weights of torch-fidelity's"):
        load_inception(find_weights(wrong))
    unsafe = tmp_path / "unsafe.pth"
    torch.save({"a": Path("x")}, unsafe)
    with pytest.raises(ConfigError, match="holds no weights that can be loaded safely"):
        find_weights(unsafe)


def test_offline_both_ways_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(ConfigError, match=r"no route to host.*go online once.*--inception PATH"):
        find_weights(None)
