"""Runs that are trained together are what each would be alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from test_resume import Killed, contents, kill_at

from ambigan.core.errors import ConfigError
from ambigan.engine.trainer import Interrupted
from ambigan.training import train, train_interleaved_runs
from games import toy_config


def configs(folder: Path):
    return [(toy_config("bigan-official", train__seed=str(s)), folder / f"{s}") for s in range(3)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, trained together and undisturbed."""
    folder = tmp_path_factory.mktemp("together")
    train_interleaved_runs(configs(folder))
    return folder


def test_together_equals_alone(whole: Path, tmp_path: Path) -> None:
    for config, out in configs(tmp_path):
        train(config, out)
        assert contents(out) == contents(whole / out.name)


def test_killed_and_begun_again_equals_undisturbed(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train_interleaved_runs(configs(tmp_path / "killed"), progress=kill_at(13))
    train_interleaved_runs(configs(tmp_path / "killed"))
    for seed in "012":
        assert contents(tmp_path / "killed" / seed) == contents(whole / seed)


def test_a_signal_stops_all_and_loses_nothing(whole: Path, tmp_path: Path) -> None:
    def stop(seen: int, _total: int, _losses: dict[str, float]) -> None:
        if seen == 700:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train_interleaved_runs(configs(tmp_path / "stopped"), progress=stop)
    newest = [sorted((tmp_path / "stopped" / s / "checkpoints").glob("*.pt"))[-1] for s in "012"]
    assert {path.stem for path in newest} == {f"{700:012d}"}
    train_interleaved_runs(configs(tmp_path / "stopped"))
    for seed in "012":
        assert contents(tmp_path / "stopped" / seed) == contents(whole / seed)


def test_a_folder_with_another_run_is_refused(tmp_path: Path) -> None:
    train(toy_config("bigan-official", train__seed="5"), tmp_path / "0")
    with pytest.raises(ConfigError, match=r"train\.seed"):
        train_interleaved_runs(configs(tmp_path))
