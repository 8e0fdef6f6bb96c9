"""A least number of steps, which few examples would not make."""

from __future__ import annotations

from pathlib import Path

import pytest

from ambigan.configuration import make_config
from ambigan.core.errors import ConfigError
from ambigan.core.settings import override
from ambigan.training import resume, train
from games import toy_config

FEW = {"data__max_train": "200", "train__epochs": "2", "train__least_steps": "10"}


def test_epochs_are_raised_and_said_and_the_run_can_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = toy_config("autoencoder-official", **FEW)
    with caplog.at_level("INFO", "ambigan"):
        run = train(asked, tmp_path / "run")
    assert run.read_config()["train"]["epochs"] == 5
    said = "2 epochs of 200 examples are too few for 10 steps: training for 5 epochs"
    assert f"{said} (train.least_steps)" in caplog.messages
    assert "10 steps of 100 examples: 5 epochs of 200, on cpu in fp32" in caplog.messages
    resume(run.path, expected=lambda _: asked)
    with pytest.raises(ConfigError, match=r"train\.epochs: 9 against 5"):
        resume(run.path, expected=lambda _: override(asked, {"train.epochs": "9"}))


def test_many_examples_make_the_epochs_that_are_set(tmp_path: Path) -> None:
    few = toy_config("autoencoder-official", **(FEW | {"train__least_steps": "3"}))
    assert train(few, tmp_path / "run").read_config()["train"]["epochs"] == 2


def test_the_least_of_a_preset_holds_where_no_epochs_are_asked_for() -> None:
    def least(**changes: int) -> int:
        dotted = {f"train.{name}": value for name, value in changes.items()}
        return make_config("bigan", preset="table", changes=dotted).train.least_steps

    assert least() > 0
    assert least(epochs=1) == 0
    assert least(epochs=1, least_steps=7) == 7
    partial = {"method": "bigan", "preset": "table", "train": {"epochs": 1}}
    assert make_config(config=partial).train.least_steps == 0
