"""Protocols: pinned constants, scores, and clear refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from ambigan.core.errors import ConfigError
from ambigan.core.spec import DataSpec
from ambigan.data.dataset import Dataset, Split
from ambigan.evaluation.protocols import (
    PROTOCOLS,
    find_protocol,
    run_classification,
    run_reconstruction,
)
from ambigan.evaluation.reconstruction import Maps

LABELLED = [name for name, protocol in PROTOCOLS.items() if "labels" in protocol.needs]


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    bunch: Any = load_digits()
    order = torch.randperm(len(bunch.data), generator=torch.Generator().manual_seed(0))
    values = torch.as_tensor(bunch.data).float()[order]
    labels = torch.as_tensor(bunch.target).long()[order]
    return values[:1500], labels[:1500], values[1500:], labels[1500:]


def test_a_changed_constant_needs_a_new_name() -> None:
    """If this fails, results under the old name can no longer be compared: add a protocol."""
    assert {name: dict(protocol.constants) for name, protocol in PROTOCOLS.items()} == {
        "knn1_euclidean": {"k": 1, "metric": "euclidean"},
        "knn1_cosine": {"k": 1, "metric": "cosine"},
        "logistic_lbfgs": {"l2": 1e-3, "tolerance": 1e-4, "max_iterations": 1000},
        "reconstruction_l2": {"num_generated": 10_000, "seed": 0},
    }


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
    ("name", "least"), [("knn1_euclidean", 98), ("knn1_cosine", 98), ("logistic_lbfgs", 95)]
)
def test_raw_digits(name: str, least: float) -> None:
    scores = run_classification(find_protocol(name), *digits())
    assert least < scores["accuracy"] <= 100
    assert len(scores["accuracy_per_class"]) == 10
    assert ("converged" in scores) == (name == "logistic_lbfgs")


def test_accuracy_is_in_percent_and_by_class() -> None:
    train = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    labels = torch.tensor([0, 1, 2, 3])
    test = torch.tensor([[0.1], [0.2], [1.1], [1.9], [0.0], [0.9]])
    truth = torch.tensor([0, 0, 1, 1, 3, 1])
    scores = run_classification(find_protocol("knn1_euclidean"), train, labels, test, truth)
    assert scores["accuracy"] == 100 * 4 / 6
    assert scores["accuracy_per_class"] == [100, 100 * 2 / 3, None, 0]


def test_data_without_labels_are_told_what_they_can_have() -> None:
    message = "knn1_euclidean needs labels, and npy:spectra.npy has none; use reconstruction_l2."
    with pytest.raises(ConfigError) as raised:
        find_protocol("knn1_euclidean").check(
            {"sample", "encode", "reconstruct"}, "npy:spectra.npy"
        )
    assert str(raised.value) == message


def test_data_without_labels_and_a_method_without_an_encoder() -> None:
    with pytest.raises(ConfigError, match=r"npy:a\.npy has none; give them some\."):
        find_protocol("logistic_lbfgs").check({"sample"}, "npy:a.npy")


def test_a_method_must_be_able() -> None:
    with pytest.raises(ConfigError, match="can reconstruct; this one can do: sample"):
        find_protocol("reconstruction_l2").check({"sample", "labels"}, "mnist")
    find_protocol("reconstruction_l2").check({"reconstruct"}, "mnist")


@pytest.mark.parametrize("name", LABELLED)
def test_one_class_is_not_enough(name: str) -> None:
    values, labels = torch.randn(20, 3), torch.full((20,), 4)
    with pytest.raises(ConfigError, match=f"{name} needs two classes .* all 20 .* have label 4"):
        run_classification(find_protocol(name), values, labels, values, labels)


def test_a_protocol_is_run_for_what_it_is() -> None:
    values, labels = torch.randn(20, 3), torch.arange(20) % 2
    with pytest.raises(ConfigError, match="reconstruction_l2 classifies nothing"):
        run_classification(find_protocol("reconstruction_l2"), values, labels, values, labels)
    spec = DataSpec("vectors", (3,), bounded=False)
    data = Dataset("toy", spec, Split(values, None), Split(values, None), None, None, "")
    with pytest.raises(ConfigError, match="knn1_cosine reconstructs nothing"):
        run_reconstruction(find_protocol("knn1_cosine"), Maps(lambda x: x), data)
    errors = run_reconstruction(find_protocol("reconstruction_l2"), Maps(lambda x: x), data)
    assert errors["ratio_real"] == 0
