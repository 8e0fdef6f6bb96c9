"""Records of results: what they hold, and which of them may stand together."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch

import ambigan
from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.data.dataset import Dataset, Split
from ambigan.evaluation.baselines.feature_baselines import pixel_features
from ambigan.evaluation.features import FeatureFunction
from ambigan.evaluation.protocols import find_protocol
from ambigan.evaluation.results import (
    classification_row,
    hardware,
    reconstruction_row,
    result_record,
    same_column,
)

VALUES = torch.zeros(5, 3)
DATA = Dataset(
    "csv:spectra.csv",
    DataSpec("vectors", (3,), bounded=False),
    Split(VALUES, None),
    Split(VALUES[:2], None),
    None,
    None,
    "ab" * 32,
)
ABOUT: dict[str, Any] = {"method": "bigan", "preset": "paper", "images_seen": 700, "dataset": DATA}


def classified() -> dict[str, Any]:
    model = FeatureFunction("encoder.hidden2", "model", lambda x: x)
    rows = [
        classification_row(pixel_features(), {"accuracy": 98.0}, dim=3, seconds=1.234),
        classification_row(model, {"accuracy": 96.3}, dim=1024, seconds=5.1, weights="ema"),
        classification_row(model, {"accuracy": 95.0}, dim=1024, seconds=5.1, weights="raw"),
    ]
    return result_record(find_protocol("knn1_euclidean"), rows, **ABOUT)


def test_a_record_holds_what_it_takes_to_compare_it() -> None:
    record = classified()
    assert list(record)[:7] == [
        "protocol", "summary", "settings", "source", "method", "preset", "images_seen"
    ]  # fmt: skip
    assert record["protocol"] == "knn1_euclidean"
    assert record["settings"] == {"k": 1, "metric": "euclidean"}
    assert record["data"] == {
        "name": "csv:spectra.csv",
        "sha256": "ab" * 32,
        "num_train": 5,
        "num_test": 2,
    }
    assert record["version"] == ambigan.__version__
    assert record["torch"] == torch.__version__
    assert record["hardware"]["processor"]
    assert record["hardware"]["cores"] >= 1


def test_the_headline_is_that_of_the_first_model_row() -> None:
    record = classified()
    assert record["accuracy"] == 96.3
    assert "ratio" not in record
    assert record["rows"][0] == {
        "features": "pixels",
        "weights": None,
        "kind": "baseline",
        "dim": 3,
        "accuracy": 98.0,
        "seconds": 1.23,
    }


def test_the_headline_of_reconstructions_is_their_ratio() -> None:
    errors = {"error_real": 6.0, "error_real_shuffled": 9.6, "ratio_real": 0.625}
    rows = [
        reconstruction_row("reconstruction", "model", errors, seconds=2, weights="raw"),
        reconstruction_row("pixel mean", "baseline", errors | {"ratio_real": 1.0}, seconds=0),
    ]
    record = result_record(find_protocol("reconstruction_l2"), rows, **ABOUT)
    assert record["ratio"] == 0.625
    assert "accuracy" not in record
    assert record["rows"][0] == {
        "features": "reconstruction",
        "weights": "raw",
        "kind": "model",
        **errors,
        "seconds": 2,
    }


def test_a_record_without_a_model_has_no_headline() -> None:
    row = classification_row(pixel_features(), {"accuracy": 98.0}, dim=3, seconds=1)
    record = result_record(find_protocol("knn1_cosine"), [row], **ABOUT)
    assert "accuracy" not in record


def test_records_survive_json() -> None:
    record = classified()
    assert json.loads(json.dumps(record)) == record


def test_hardware_of_a_cpu_run_names_no_gpu() -> None:
    assert hardware("cpu")["gpu"] is None


def test_equal_records_stand_in_one_column() -> None:
    other = copy.deepcopy(classified())
    other |= {"method": "gan", "preset": None, "accuracy": 90.0, "images_seen": 1}
    same_column(classified(), other)


def changed(**values: Any) -> dict[str, Any]:
    return copy.deepcopy(classified()) | {"method": "gan", "preset": None} | values


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (changed(protocol="knn1_cosine"), "measured by knn1_euclidean, the other by knn1_cosine"),
        (changed(settings={"k": 3}), "'k': 1.*the other under {'k': 3}"),
        (
            changed(data={"name": "csv:spectra.csv", "sha256": "cd" * 32}),
            "of csv:spectra.csv abababababab, the other of csv:spectra.csv cdcdcdcdcdcd",
        ),
    ],
)
def test_other_protocols_and_data_are_kept_apart(other: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        same_column(classified(), other)
    assert str(raised.value).startswith("bigan (paper) and gan cannot stand in one column")
