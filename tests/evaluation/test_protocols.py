"""Protocols: pinned constants, scores, and clear refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.data.dataset import Dataset, Split
from ambigan.evaluation.metrics.reconstruction import Maps
from ambigan.evaluation.protocols import PROTOCOLS, classify, find_protocol

LABELLED = [name for name, protocol in PROTOCOLS.items() if protocol.needs == "labels"]


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    bunch: Any = load_digits()
    order = torch.randperm(len(bunch.data), generator=torch.Generator().manual_seed(0))
    values = torch.as_tensor(bunch.data).float()[order]
    labels = torch.as_tensor(bunch.target).long()[order]
    return values[:1500], labels[:1500], values[1500:], labels[1500:]


CHOICE = {
    "validation_fraction": 0.2,
    "seed": 0,
    "stop_errors": 2.0,
    "selection_tolerance": 1e-3,
    "tolerance": 2e-4,
    "max_iterations": 300,
}
PROBE = {
    "l2": [100, 30, 10, 3, 1, 0.3, 0.1, 0.03, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6],
    **CHOICE,
}
C_GRID = [10.0**e * m for e in range(-6, 2) for m in (1, 3)] + [100]
FEW_LABELS = {"num_draws": 20, "seed": 0, "c": 1.0, "tolerance": 1e-4, "max_iterations": 1000}
PINNED: dict[str, dict[str, Any]] = {
    "knn1_euclidean": {"k": 1, "metric": "euclidean"},
    "knn1_cosine": {"k": 1, "metric": "cosine"},
    "logistic_lbfgs": {"l2": 1e-3, "tolerance": 1e-4, "max_iterations": 1000},
    "reconstruction_l2": {"num_generated": 10_000, "seed": 0},
    "knn_sweep": {
        "k": [1, 5, 10, 20, 50, 100, 200],
        "metrics": ["cosine", "euclidean"],
        "num_validation": 2000,
        "validation_fraction": 0.2,
        "seed": 0,
    },
    "linear_lbfgs": {"fraction": 1.0, **PROBE},
    "linear_lbfgs_10": {"fraction": 0.1, **PROBE},
    "linear_lbfgs_1": {"fraction": 0.01, **PROBE},
    "svm_l2": CHOICE,
    "svm_l2_1000": {
        "c": [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2],
        "num_labels": 1000,
        "num_validation": 10_000,
        "num_choosing": 10,
        "num_draws": 100,
        "seed": 0,
        "tolerance": 2e-4,
        "max_iterations": 300,
    },
    "few_labels_1": {"per_class": 1, **FEW_LABELS},
    "few_labels_10": {"per_class": 10, **FEW_LABELS},
    "reconstruction_mse": {},
    "ridge_r2": {
        "alphas": [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0],
        "folds": 5,
        "repeats": 10,
        "few": 2000,
        "seed": 0,
    },
    "kmeans": {"restarts": 5, "seed": 0, "tolerance": 1e-4, "max_iterations": 300},
    "kmeans_test_split": {"restarts": 5, "seed": 0, "tolerance": 1e-4, "max_iterations": 300},
    "retrieval_cosine": {"recall_at": [1, 5, 10], "precision_at": 10},
    "generation_features": {
        "num_generated": 10_000,
        "seed": 0,
        "subsets": 50,
        "subset_size": 1000,
        "neighbours": 3,
    },
    "generation_inception": {
        "num_generated": 10_000,
        "seed": 0,
        "subsets": 100,
        "subset_size": 1000,
        "neighbours": 3,
        "splits": 10,
        "score_seed": 2020,
    },
}


def test_a_changed_constant_needs_a_new_name() -> None:
    """If this fails, results under the old name can no longer be compared: add a protocol."""
    found = {name: dict(protocol.constants) for name, protocol in PROTOCOLS.items()}
    assert found["svm_l2"].pop("c") == pytest.approx(C_GRID)
    assert found == PINNED


def test_quick_protocols_are_those_of_the_first_release_and_one_of_targets() -> None:
    assert [protocol.name for protocol in PROTOCOLS.values() if protocol.quick] == [
        "knn1_euclidean", "knn1_cosine", "logistic_lbfgs", "ridge_r2", "reconstruction_l2"
    ]  # fmt: skip


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_say_what_they_are(name: str) -> None:
    protocol = find_protocol(name)
    assert protocol.name == name
    assert protocol.summary
    assert "\n" not in protocol.summary
    assert protocol.source
    assert protocol.needs


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'knn_cosine'\. Did you mean 'knn1_cosine'"):
        find_protocol("knn_cosine")


@pytest.mark.parametrize(
    ("name", "least", "notes"),
    [
        ("knn1_euclidean", 98, ()),
        ("knn1_cosine", 98, ()),
        ("logistic_lbfgs", 95, ("warnings", "iterations")),
        ("knn_sweep", 98, ("chosen", "accuracy_by_k")),
        ("linear_lbfgs", 95, ("chosen", "warnings")),
        ("linear_lbfgs_10", 80, ("chosen", "warnings")),
        ("svm_l2", 95, ("chosen", "warnings")),
        ("kmeans", 70, ("warnings",)),
        ("kmeans_test_split", 65, ("warnings",)),
    ],
)
def test_raw_digits(name: str, least: float, notes: tuple[str, ...]) -> None:
    scores = classify(find_protocol(name), *digits())
    assert least < scores["accuracy"] <= 100
    assert len(scores["accuracy_per_class"]) == 10
    assert set(notes) <= set(scores.details)
    assert scores.metrics[0].interval is not None


def test_clusters_of_the_test_split_are_of_directions_and_of_no_training_example() -> None:
    task = digits()
    found = classify(find_protocol("kmeans_test_split"), *task)
    train, labels, test, test_labels = task
    lengths = torch.linspace(0.5, 3, len(test))[:, None]
    again = classify(
        find_protocol("kmeans_test_split"), train.flip(1) * 7, labels, test * lengths, test_labels
    )
    assert again["accuracy"] == found["accuracy"]
    assert again["nmi"] == pytest.approx(found["nmi"])
    assert classify(find_protocol("kmeans"), *task)["nmi"] != found["nmi"]


def some_data(name: str, labels: torch.Tensor | None) -> Dataset:
    """Nothing but a name and labels."""
    split = Split(torch.empty(0), labels)
    spec = DataSpec("vectors", (2,), bounded=False)
    return Dataset(name, spec, split, split, None, None, "")


def test_too_few_labels_are_refused_before_anything_is_done() -> None:
    _, labels, _, _ = digits()
    data, fewer = some_data("digits", labels), some_data("digits", labels[:200])
    with pytest.raises(ConfigError, match=r"svm_l2_1000: 1,000 labels .* 11,000 .* are 1,500"):
        find_protocol("svm_l2_1000").check((), data)
    with pytest.raises(ConfigError, match="linear_lbfgs_1: none of the 10 labelled examples"):
        find_protocol("linear_lbfgs_1").check((), fewer)
    find_protocol("linear_lbfgs_10").check((), data)


def test_accuracy_is_in_percent_and_by_class() -> None:
    train = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    labels = torch.tensor([0, 1, 2, 3])
    test = torch.tensor([[0.1], [0.2], [1.1], [1.9], [0.0], [0.9]])
    truth = torch.tensor([0, 0, 1, 1, 3, 1])
    scores = classify(find_protocol("knn1_euclidean"), train, labels, test, truth)
    assert scores["accuracy"] == 100 * 4 / 6
    assert scores["accuracy_per_class"] == [100, 100 * 2 / 3, None, 0]


def test_data_without_labels_are_told_what_they_can_have() -> None:
    message = "knn1_euclidean needs labels, and npy:spectra.npy has none; use reconstruction_l2."
    unlabelled = some_data("npy:spectra.npy", None)
    with pytest.raises(ConfigError) as raised:
        find_protocol("knn1_euclidean").check({"sample", "encode", "reconstruct"}, unlabelled)
    assert str(raised.value) == message


def test_data_without_labels_and_a_method_without_an_encoder() -> None:
    with pytest.raises(ConfigError, match=r"npy:a\.npy has none; give them some\."):
        find_protocol("logistic_lbfgs").check({"sample"}, some_data("npy:a.npy", None))


def test_a_method_must_be_able() -> None:
    with pytest.raises(ConfigError, match="can reconstruct; this one can do: sample"):
        find_protocol("reconstruction_l2").check({"sample"}, some_data("digits", digits()[1]))
    find_protocol("reconstruction_l2").check({"reconstruct"}, some_data("npy:a.npy", None))


@pytest.mark.parametrize("name", LABELLED)
def test_one_class_is_not_enough(name: str) -> None:
    values, labels = torch.randn(20, 3), torch.full((20,), 4)
    with pytest.raises(ConfigError, match=f"{name} needs two classes .* all 20 .* have label 4"):
        classify(find_protocol(name), values, labels, values, labels)


def test_a_protocol_is_run_for_what_it_is() -> None:
    values, labels = torch.randn(20, 3), torch.arange(20) % 2
    with pytest.raises(ConfigError, match="reconstruction_l2 classifies nothing"):
        classify(find_protocol("reconstruction_l2"), values, labels, values, labels)
    spec = DataSpec("vectors", (3,), bounded=False)
    data = Dataset("toy", spec, Split(values, None), Split(values, None), None, None, "")
    errors = find_protocol("reconstruction_l2").measure(Maps(lambda x: x), data, "cpu")
    assert errors["ratio_real"] == 0
