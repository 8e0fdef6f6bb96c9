"""Few labelled examples are scored by repeated cross-validation, and PCA is no rotation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ambigan
from ambigan.data import DataSettings, open_dataset
from ambigan.evaluation import runner
from ambigan.evaluation.baselines.feature_baselines import pca_baseline
from ambigan.evaluation.config import EvaluationConfig
from ambigan.evaluation.features import extract
from ambigan.evaluation.protocols import classify, find_protocol
from ambigan.evaluation.protocols.few_examples import FOLDS, REPEATS, groups_of
from ambigan.evaluation.protocols.registry import Task
from ambigan.evaluation.result import FEW_HELD_OUT, wilson_interval
from ambigan.run_evaluation import evaluate_baselines


def clouds(num: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, num)
    values = rng.normal(size=(num, 4)) + 2 * np.eye(3, 4)[labels]
    return torch.as_tensor(values, dtype=torch.float32), torch.as_tensor(labels)


def measured(num: int, num_test: int, name: str = "knn1_euclidean", **options: Any) -> Any:
    x, y = clouds(num)
    cut = num - num_test
    return classify(find_protocol(name), x[:cut], y[:cut], x[cut:], y[cut:], **options)


def test_few_are_scored_by_all_examples_and_the_test_split_stays_in_the_details() -> None:
    plain, few = measured(80, 8), measured(80, 8, groups=torch.arange(80))
    assert few["cross_validation"] == {
        "folds": FOLDS,
        "repeats": REPEATS,
        "examples": 80,
        "seed": 0,
        "test_split": {"accuracy": plain["accuracy"]},
    }
    metric = few.metrics[0]
    assert metric.interval == wilson_interval(metric.value, 80)
    widths = [m.interval[1] - m.interval[0] for m in (metric, plain.metrics[0])]
    assert widths[0] < widths[1] / 2
    assert len(few["accuracy_per_class"]) == 3


@pytest.mark.parametrize("name", ["retrieval_cosine", "kmeans", "logistic_lbfgs"])
def test_every_metric_has_an_interval_around_it(name: str) -> None:
    for metric in measured(60, 6, name, groups=torch.arange(60)).metrics:
        assert metric.interval is not None
        assert 0 <= metric.interval[0] <= metric.value <= metric.interval[1] <= 100


def test_many_published_and_unknown_splits_are_measured_as_before() -> None:
    many = FEW_HELD_OUT + 300
    plain = measured(many, FEW_HELD_OUT)
    assert measured(many, FEW_HELD_OUT, groups=torch.arange(many)) == plain
    assert measured(2100, 50, groups=torch.arange(2100)) == measured(2100, 50)
    assert "cross_validation" not in measured(80, 8).details


def test_groups_stay_on_one_side() -> None:
    """Copies of one example are a group: next to its copy each would be right, by any labels."""
    values = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 0)
    labels = (torch.arange(20) % 2).repeat_interleave(4)
    protocol = find_protocol("knn1_euclidean")
    parts = values[:72], labels[:72], values[72:], labels[72:]
    leaking = classify(protocol, *parts, groups=torch.arange(80))
    whole = classify(protocol, *parts, groups=torch.arange(20).repeat_interleave(4))
    assert leaking["accuracy"] == 100
    assert whole["accuracy"] < 80


def test_classes_of_one_example_are_measured_on_the_split_that_there_is() -> None:
    x = torch.eye(6)
    parts = x[:4], torch.arange(4), x[4:], torch.tensor([4, 5])
    found = classify(find_protocol("knn1_euclidean"), *parts, groups=torch.arange(6))
    assert "cross_validation" not in found.details


@pytest.mark.parametrize(
    ("text", "settings", "is_known"),
    [("", {}, True), ("", {"group": "g"}, True), ("published", {}, False)],
)
def test_data_say_whether_another_split_may_be_made(
    tmp_path: Path, text: str, settings: dict[str, Any], is_known: bool
) -> None:
    rng = np.random.default_rng(0)
    if text:
        path, x = tmp_path / "x.npz", rng.normal(size=(20, 3))
        np.savez(path, x_train=x[:15], x_test=x[15:])
        dataset = open_dataset(DataSettings(f"npz:{path}"))
    else:
        path = tmp_path / "x.csv"
        rows = [f"{a},{b},{n // 4}" for n, (a, b) in enumerate(rng.normal(size=(20, 2)))]
        path.write_text("\n".join(["a,b,g", *rows]) + "\n")
        dataset = open_dataset(DataSettings(f"csv:{path}", **settings))
    groups = groups_of(dataset)
    assert (groups is not None) == is_known
    if groups is not None:
        assert len(groups) == 20
        assert len(set(groups.tolist())) == (5 if settings else 20)


def test_ridge_keeps_groups_and_published_splits() -> None:
    rng = np.random.default_rng(0)
    x = torch.as_tensor(rng.normal(size=(40, 3)), dtype=torch.float32)
    y = (x.double() @ torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))[:, None]
    y = y + 0.1 * torch.as_tensor(rng.normal(size=(40, 1)))
    protocol = find_protocol("ridge_r2")
    pooled = protocol.measure(Task(x[:30], y[:30], x[30:], y[30:], groups=torch.arange(40)))
    own = protocol.measure(Task(x[:30], y[:30], x[30:], y[30:]))
    for found in (pooled, own):
        low, high = found.metrics[0].interval
        assert 0.9 < low < found["r2"] < high < 1
    assert pooled["r2"] != own["r2"]


def test_pca_has_as_many_components_as_latents_but_a_third_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    wide = torch.as_tensor(rng.normal(size=(60, 300)), dtype=torch.float32)
    assert pca_baseline(wide, 8).name == "pca8"
    assert pca_baseline(wide, 50).name == "pca20"
    scales = torch.tensor([10.0, 10.0, 1.0, 0.1, 0.1])
    narrow = torch.as_tensor(rng.normal(size=(600, 5)), dtype=torch.float32) * scales
    assert pca_baseline(narrow, 50).name == "pca2"  # 95 % of the variance, not a rotation
    assert pca_baseline(narrow, 2).name == "pca2"


def test_principal_components_are_not_whitened() -> None:
    """Of standardised columns, all components say what the columns say, to every probe."""
    x, y = clouds(400)
    x = x @ torch.randn(4, 4, generator=torch.Generator().manual_seed(1))
    x = (x - x.mean(0)) / x.std(0, unbiased=False)
    function = pca_baseline(x[:300], 2)
    assert function.common_scale == pytest.approx(1, abs=0.1)
    for name in ("logistic_lbfgs", "linear_lbfgs"):
        protocol = find_protocol(name)
        turned = x @ torch.linalg.qr(torch.randn(4, 4)).Q
        plain = classify(protocol, x[:300], y[:300], x[300:], y[300:], common_scale=1.0)
        rotated = classify(protocol, turned[:300], y[:300], turned[300:], y[300:], common_scale=1.0)
        assert rotated["accuracy"] == pytest.approx(plain["accuracy"], abs=1)
    assert extract(function, x[:300]).shape == (300, 2)


def test_pls_is_kept_when_an_evaluation_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    rows = [",".join(f"{v:.4f}" for v in row) for row in rng.normal(size=(40, 4))]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["a,b,c,t", *rows]) + "\n")
    settings = {"target_column": ("t",), "batch_size": 16, "preset": "small", "epochs": 1}
    run = ambigan.fit("bigan", f"csv:{path}", out=tmp_path / "run", **settings)
    count: list[int] = []
    measure = runner._measure_pls

    def counted(*args: Any) -> Any:
        count.append(1)
        return measure(*args)

    def stop(*_args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_measure_pls", counted)
    with monkeypatch.context() as patch:
        patch.setattr("ambigan.run_evaluation.write_results", stop)
        with pytest.raises(KeyboardInterrupt):
            ambigan.evaluate(run.path, protocols=["ridge_r2"], baselines=["raw", "pca"])
    found = ambigan.evaluate(run.path, protocols=["ridge_r2"], baselines=["raw", "pca"])
    assert found[-1].subject.name == "PLS"
    assert len(count) == 1


def test_the_test_split_alone_is_scored_where_that_is_asked_for(tmp_path: Path) -> None:
    values, labels = clouds(80)
    np.savez(tmp_path / "x.npz", X=values.numpy(), y=labels.numpy())
    settings = DataSettings(f"npz:{tmp_path / 'x.npz'}")
    divided, alone = (
        evaluate_baselines(settings, "knn1_euclidean", (2,), device="cpu", cross_validate=way)
        for way in (True, False)
    )
    for ours, theirs in zip(alone, divided, strict=True):
        assert "cross_validation" not in ours.details
        of_test = theirs.details["cross_validation"]["test_split"]
        assert ours.headline.value == of_test["accuracy"]
    config = EvaluationConfig(cross_validate=False)
    assert runner.file_name(find_protocol("knn1_euclidean"), config) == "knn1_euclidean--test-split"
    assert config.asked["cross_validate"] is False
