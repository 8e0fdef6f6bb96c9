"""Runs of earlier versions, which lack settings that have been added since, are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ambigan
from ambigan.engine.config import RunConfig

X = np.random.default_rng(0).normal(size=(40, 5))


def test_a_run_without_a_newer_setting_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = RunConfig.to_json

    def earlier(self: RunConfig) -> dict[str, Any]:
        values = plain(self)
        del values["data"]["train_on"]
        return values

    with monkeypatch.context() as patch:
        patch.setattr(RunConfig, "to_json", earlier)
        before = ambigan.fit("bigan", X, epochs=1, out=tmp_path / "run").features(X)
    assert "train_on" not in json.loads((tmp_path / "run/config.json").read_text())["data"]
    np.testing.assert_array_equal(ambigan.load(tmp_path / "run").features(X), before)


def test_a_changed_setting_is_still_refused(tmp_path: Path) -> None:
    ambigan.fit("bigan", X, epochs=1, out=tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    values = json.loads(config.read_text())
    values["data"]["scaling"] = "minmax"
    config.write_text(json.dumps(values))
    with pytest.raises(ambigan.CheckpointError, match="not as it was when the weights were saved"):
        ambigan.load(tmp_path / "run")


def test_a_run_without_a_newer_setting_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = RunConfig.to_json

    def earlier(self: RunConfig) -> dict[str, Any]:
        values = plain(self)
        del values["data"]["train_on"]
        return values

    class Stopped(Exception):
        pass

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped

    settings = {"epochs": 2, "batch_size": 20, "checkpoint_every": 40}
    with monkeypatch.context() as patch:
        patch.setattr(RunConfig, "to_json", earlier)
        patch.setattr("ambigan.training.save_model", stop)
        with pytest.raises(Stopped):
            ambigan.fit("bigan", X, out=tmp_path / "run", **settings)
    with pytest.warns(UserWarning, match="is not finished"):
        ambigan.load(tmp_path / "run")
    run = ambigan.fit("bigan", X, out=tmp_path / "run", resume=True, **settings)
    assert run.images_seen == 80
