"""Frozen layers of a run: rows, what they are compared with, and going on."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

import ambigan
from ambigan.core.errors import ConfigError
from ambigan.data import Dataset, open_dataset
from ambigan.transfer import TransferSettings
from ambigan.transfer.frozen_layers import measure_transfer
from ambigan.transfer.frozen_layers import measure_transfer as measure

QUICK = TransferSettings(epochs=1, batch_size=64, flip=False)


@pytest.fixture
def run(conv_run: Path, tmp_path: Path) -> ambigan.Run:
    shutil.copytree(conv_run, tmp_path / "run")
    return ambigan.load(tmp_path / "run")


@pytest.fixture
def digits(run: ambigan.Run) -> Dataset:
    return open_dataset(run.config.data)


def test_every_number_of_layers_stands_beside_random_ones(
    run: ambigan.Run, digits: Dataset
) -> None:
    record = measure(run, digits, network="encoder", labels=200, settings=QUICK)
    assert json.loads((run.path / "results/transfer.json").read_text()) == record
    rows = [(row["frozen"], row["start"], row["kind"]) for row in record["rows"]]
    assert rows[0] == (0, "scratch", "baseline")
    assert rows[1:] == [
        (number, start, "model" if start == "trained" else "baseline")
        for number in range(1, 7)
        for start in ("trained", "random")
    ]
    assert record["rows"][3]["features"] == "encoder.conv1 to conv2"
    assert record["settings"]["labels"] == 200
    assert record["settings"]["epochs"] == 1
    assert record["protocol"] == "transfer"
    assert all(0 <= row["accuracy"] <= 100 for row in record["rows"])


def test_it_goes_on_where_it_was(run: ambigan.Run, digits: Dataset) -> None:
    told: list[str] = []

    def stop(line: str) -> None:
        told.append(line)
        if len(told) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_transfer(run, digits, network="encoder", labels=100, settings=QUICK, tell=stop)
    path = run.path / "results/transfer.json"
    first = json.loads(path.read_text())["rows"]
    assert len(first) == 3
    told.clear()
    record = measure_transfer(
        run, digits, network="encoder", labels=100, settings=QUICK, tell=told.append
    )
    assert record["rows"][:3] == first
    assert len(told) == len(record["rows"]) - 3 == 10
    told.clear()
    again = measure_transfer(
        run, digits, network="encoder", labels=100, settings=QUICK, tell=told.append
    )
    assert (again["rows"], told) == (record["rows"], [])


def test_other_constants_begin_anew(run: ambigan.Run, digits: Dataset) -> None:
    told: list[str] = []
    for epochs in (1, 2):
        settings = dataclasses.replace(QUICK, epochs=epochs)
        measure_transfer(
            run, digits, network="encoder", labels=50, settings=settings, tell=told.append
        )
    assert len(told) == 26


def test_what_cannot_be_transferred_is_refused(run: ambigan.Run, digits: Dataset) -> None:
    with pytest.raises(ConfigError, match=r"latents beside the data.*; take --network encoder"):
        measure_transfer(run, digits, network="discriminator", settings=QUICK)
    with pytest.raises(ConfigError, match="no chain of layers"):
        measure_transfer(run, digits, network="generator", settings=QUICK)
    with pytest.raises(ConfigError, match="--labels 9999: there are 1 to 1,500"):
        measure_transfer(run, digits, labels=9999, settings=QUICK)
    with pytest.raises(ConfigError, match="3 labels are fewer than the 10 classes"):
        measure_transfer(run, digits, labels=3, settings=QUICK)
    blind = dataclasses.replace(digits, train=dataclasses.replace(digits.train, labels=None))
    with pytest.raises(ConfigError, match="needs labels of two classes"):
        measure_transfer(run, blind, settings=QUICK)
    assert not (run.path / "results/transfer.json").exists()
