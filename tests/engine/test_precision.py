"""Precision left to the device: what is taken, what a run records, and what may differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ambigan.core import precision
from ambigan.core.errors import ConfigError
from ambigan.data import Batches, open_dataset
from ambigan.engine.config import RunConfig, differences_of_runs, resolve_precision
from ambigan.engine.run_folder import RunFolder
from ambigan.engine.train_state import TrainState
from ambigan.engine.train_step import TrainStep
from ambigan.training import make_method, resume, train
from games import toy_config

CPU = torch.device("cpu")


def as_fast(monkeypatch: pytest.MonkeyPatch, times: float) -> None:
    for module in ("ambigan.core.precision", "ambigan.training"):
        monkeypatch.setattr(f"{module}.bf16_gain", lambda _device: times)


def auto(value: str = "auto") -> RunConfig:
    return toy_config("bigan-small", train__precision=value, train__epochs="1")


@pytest.mark.parametrize(("times", "taken"), [(3.0, "bf16"), (1.0, "fp32"), (0.02, "fp32")])
def test_auto_takes_bf16_where_it_is_faster(
    monkeypatch: pytest.MonkeyPatch, times: float, taken: str
) -> None:
    as_fast(monkeypatch, times)
    assert resolve_precision(auto(), CPU).train.precision == taken
    for named in ("fp32", "bf16"):
        assert resolve_precision(auto(named), CPU).train.precision == named


def test_a_run_records_what_was_taken_and_goes_on_with_it_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_fast(monkeypatch, 0.5)
    alarms: list[str] = []
    train(auto(), tmp_path / "run", alarm=alarms.append)
    assert RunFolder(tmp_path / "run").read_config()["train"]["precision"] == "fp32"
    assert not any("bf16" in line for line in alarms)
    as_fast(monkeypatch, 3.0)
    resume(tmp_path / "run", expected=lambda _theirs: auto())
    assert RunFolder(tmp_path / "run").read_config()["train"]["precision"] == "fp32"
    with pytest.raises(ConfigError, match=r"train\.precision: 'bf16' against 'fp32'"):
        resume(tmp_path / "run", expected=lambda _theirs: auto("bf16"))


def test_bf16_without_instructions_for_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    as_fast(monkeypatch, 1 / 57)
    alarms: list[str] = []
    train(auto("bf16"), tmp_path / "run", alarm=alarms.append)
    (told,) = [line for line in alarms if "bf16" in line]
    assert "takes 57 times as long" in told
    assert "--precision auto" in told


def test_a_step_does_not_guess() -> None:
    config = auto()
    digits = open_dataset(config.data)
    state = TrainState(make_method(config, digits.spec), 0)
    with pytest.raises(ConfigError, match="was not settled"):
        TrainStep(state, Batches(digits.train, 0, CPU), config.train)


def test_nothing_else_may_differ() -> None:
    asked = auto()
    for name, value in (("epochs", 2), ("seed", 3)):
        there = replace(asked, train=replace(asked.train, precision="bf16", **{name: value}))
        (told,) = differences_of_runs(asked, there)
        assert name in told


def test_the_gain_is_measured_once() -> None:
    precision.bf16_gain.cache_clear()
    assert precision.bf16_gain(CPU) > 0
    assert precision.bf16_gain(CPU) == precision.bf16_gain(CPU)
