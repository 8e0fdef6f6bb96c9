"""Frozen layers of a run: rows, what they are compared with, and going on."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import ambigan
from ambigan.core.errors import ConfigError
from ambigan.evaluation.result_file import read_results, write_results
from ambigan.run_data import MeasuredData, open_measured
from ambigan.transfer import TransferSettings
from ambigan.transfer.frozen_layers import measure_transfer as measure

Listen = Callable[[Callable[[str], object]], None]

QUICK = TransferSettings(epochs=1, batch_size=64, flip=False)


@pytest.fixture
def run(conv_run: Path, tmp_path: Path) -> ambigan.Run:
    shutil.copytree(conv_run, tmp_path / "run")
    return ambigan.load(tmp_path / "run")


@pytest.fixture
def digits(run: ambigan.Run) -> MeasuredData:
    return open_measured(run)


def test_every_number_of_layers_stands_beside_random_ones(
    run: ambigan.Run, digits: MeasuredData
) -> None:
    results = measure(run, digits, network="encoder", labels=200, settings=QUICK)
    assert read_results(run.path / "results/transfer.json") == results
    rows = [(r.details["frozen"], r.details["start"], r.subject.kind) for r in results]
    assert rows[0] == (0, "scratch", "baseline")
    assert rows[1:] == [
        (number, start, "model" if start == "trained" else "untrained")
        for number in range(1, 7)
        for start in ("trained", "untrained")
    ]
    assert results[3].subject.name == "encoder.conv1 to conv2"
    protocol = results[0].protocol
    assert (protocol.constants["labels"], protocol.constants["epochs"]) == (200, 1)
    assert protocol.name == "transfer"
    assert all(0 <= (result.headline.value or 0) <= 100 for result in results)


def test_rows_of_filters_that_learned_nothing_are_added(
    run: ambigan.Run, digits: MeasuredData
) -> None:
    settings = dataclasses.replace(QUICK, width=16)
    ask = partial(measure, run, digits, network="encoder", labels=100, settings=settings)
    first = ask(starts=("trained",))
    results = ask(starts=("scaled", "kmeans"))
    assert results[: len(first)] == first
    added = [(r.details["frozen"], r.details["start"]) for r in results[len(first) :]]
    assert added == [(n, start) for n in range(1, 7) for start in ("scaled", "kmeans")]
    assert results[-1].subject.name == "kmeans encoder.conv1 to conv6"
    assert results[0].protocol.constants["width"] == 16


def test_it_goes_on_where_it_was(run: ambigan.Run, digits: MeasuredData, listen: Listen) -> None:
    told: list[str] = []

    def stop(line: str) -> None:
        told.append(line)
        if len(told) == 4:
            raise KeyboardInterrupt

    ask = partial(measure, run, digits, network="encoder", labels=100, settings=QUICK)
    listen(stop)
    with pytest.raises(KeyboardInterrupt):
        ask()
    first = read_results(run.path / "results/transfer.json")
    assert len(first) == 3
    told.clear()
    listen(told.append)
    results = ask()
    assert results[:3] == first
    assert len(told) == len(results) - 3 == 10
    told.clear()
    assert (ask(), told) == (results, [])


def test_another_machine_goes_on(
    run: ambigan.Run, digits: MeasuredData, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run.path / "results/transfer.json"
    ask = partial(measure, run, digits, network="encoder", labels=50, settings=QUICK)
    first = ask()
    write_results(path, first[:-1])
    monkeypatch.setattr("ambigan.run_data.hardware", lambda device: {"processor": "another"})
    again = ask(asked={"flag": "value"})
    assert again[:-1] == first[:-1]
    assert again[-1].metrics == first[-1].metrics
    assert read_results(path) == again


def test_other_constants_begin_again(
    run: ambigan.Run, digits: MeasuredData, listen: Listen
) -> None:
    told: list[str] = []
    listen(told.append)
    for epochs in (1, 2):
        settings = dataclasses.replace(QUICK, epochs=epochs)
        measure(run, digits, network="encoder", labels=50, settings=settings)
    assert len(told) == 26


def test_what_cannot_be_transferred_is_refused(run: ambigan.Run, digits: MeasuredData) -> None:
    with pytest.raises(ConfigError, match=r"latents beside the data.*; take --network encoder"):
        measure(run, digits, network="discriminator", settings=QUICK)
    with pytest.raises(ConfigError, match="no chain of layers"):
        measure(run, digits, network="generator", settings=QUICK)
    with pytest.raises(ConfigError, match="--labels 9999: there are 1 to 1,500"):
        measure(run, digits, labels=9999, settings=QUICK)
    with pytest.raises(ConfigError, match="3 labels are fewer than the 10 classes"):
        measure(run, digits, labels=3, settings=QUICK)
    train = dataclasses.replace(digits.dataset.train, labels=None)
    blind = dataclasses.replace(digits, dataset=dataclasses.replace(digits.dataset, train=train))
    with pytest.raises(ConfigError, match="needs labels of two classes"):
        measure(run, blind, settings=QUICK)
    assert not (run.path / "results/transfer.json").exists()
