"""Invariant 2: k steps, a kill, a resume and the rest equal an undisturbed run, bit for bit."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.settings import override
from ambigan.engine.checkpoint import list_checkpoints
from ambigan.engine.config import RunConfig
from ambigan.engine.trainer import Interrupted
from ambigan.training import resume, train
from games import toy_config, toy_method


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the engine handles it."""


def kill_at(iteration: int):
    calls = []

    def progress(*_: object) -> None:
        calls.append(1)
        if len(calls) == iteration:
            raise Killed

    return progress


def contents(run: Path) -> dict[str, bytes]:
    """All that must be equal; timings may differ."""
    skip = ("timing.jsonl",)
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in skip
    }


def check_resume(config: RunConfig, tmp_path: Path, *kills: int) -> None:
    train(config, tmp_path / "whole")
    for at in kills:
        out = tmp_path / f"killed{at}"
        with pytest.raises(Killed):
            train(config, out, progress=kill_at(at))
        resume(out)
        assert contents(out) == contents(tmp_path / "whole")


def test_killed_and_resumed_equals_undisturbed(variant: str, tmp_path: Path) -> None:
    """Six iterations; stopped one after a checkpoint, which was amid a line of the log."""
    num_turns = len(toy_method(toy_config(variant)).turns)
    every = {"train__checkpoint_every": "2", "train__log_every": "3", "train__epochs": "2"}
    check_resume(toy_config(variant, data__max_train=str(300 * num_turns), **every), tmp_path, 5)


@pytest.mark.parametrize("name", ["bigan-official", "latent_regressor-after"])
def test_killed_early_and_late_equals_undisturbed(name: str, tmp_path: Path) -> None:
    check_resume(toy_config(name), tmp_path, 1, 13)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What `bigan-official` leaves, undisturbed."""
    run = train(toy_config("bigan-official"), tmp_path_factory.mktemp("resume") / "whole")
    return contents(run.path)


@pytest.mark.slow
def test_killed_early_and_late_equals_undisturbed_for_all(variant: str, tmp_path: Path) -> None:
    check_resume(toy_config(variant), tmp_path, 1, 13)


def test_killed_twice(whole: dict[str, bytes], tmp_path: Path) -> None:
    config = toy_config("bigan-official")
    with pytest.raises(Killed):
        train(config, tmp_path / "killed", progress=kill_at(9))
    with pytest.raises(Killed):
        resume(tmp_path / "killed", progress=kill_at(9))
    resume(tmp_path / "killed")
    assert contents(tmp_path / "killed") == whole


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (signal.SIGINT, 1),
        (signal.SIGTERM, 2),
        (signal.SIGINT, 100),
        pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 100, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_first_and_loses_nothing(
    number: signal.Signals, kept: int, tmp_path: Path
) -> None:
    """Nor does a stop's checkpoint take the place of another."""
    config = toy_config("bigan-official", train__keep_checkpoints=str(kept))
    train(config, tmp_path / "whole")

    def stop(seen: int, _total: int, _losses: dict[str, float]) -> None:
        if seen == 700:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as caught:
        train(config, tmp_path / "stopped", progress=stop)
    assert caught.value.signal_number == number
    assert list_checkpoints(tmp_path / "stopped" / "checkpoints")[-1].stem == f"{700:012d}"
    resume(tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_finished_run_resumes_to_itself(tmp_path: Path) -> None:
    train(toy_config("gan-official"), tmp_path / "run")
    before = contents(tmp_path / "run")
    resume(tmp_path / "run")
    assert contents(tmp_path / "run") == before


def test_a_torn_checkpoint_falls_back_to_the_one_before(
    whole: dict[str, bytes], tmp_path: Path
) -> None:
    config = toy_config("bigan-official")
    with pytest.raises(Killed):
        train(config, tmp_path / "torn", progress=kill_at(12))
    newest = list_checkpoints(tmp_path / "torn" / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="torn or altered"):
        resume(tmp_path / "torn")
    assert contents(tmp_path / "torn") == whole


def test_all_checkpoints_torn_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(toy_config("bigan-official"), tmp_path / "run", progress=kill_at(12))
    for path in list_checkpoints(tmp_path / "run" / "checkpoints"):
        path.write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="no usable checkpoint"):
        resume(tmp_path / "run")


def test_other_settings_are_shown_and_refused(tmp_path: Path) -> None:
    config = toy_config("bigan-official")
    run = train(config, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"train\.seed: 5 against 0"):
        resume(run.path, expected=lambda theirs: override(theirs, {"train.seed": "5"}))
    with pytest.raises(ConfigError, match=r"already holds a run with other settings.*train\.seed"):
        train(override(config, {"train.seed": "5"}), tmp_path / "run")
    with pytest.raises(ConfigError, match="already holds a run with these settings"):
        train(config, tmp_path / "run")


def test_seeds_differ_and_equal_seeds_agree(tmp_path: Path) -> None:
    def weights(seed: str, name: str) -> dict[str, torch.Tensor]:
        run = train(toy_config("bigan-official", train__seed=seed), tmp_path / name)
        return {"raw": (run.model / "raw.safetensors").read_bytes()}

    assert weights("1", "a") == weights("1", "b")
    assert weights("1", "c") != weights("2", "d")


def test_a_kill_before_the_first_hash_starts_over(whole: dict[str, bytes], tmp_path: Path) -> None:
    config = toy_config("bigan-official")
    with pytest.raises(Killed):
        train(config, tmp_path / "killed", progress=kill_at(6))
    (only,) = list_checkpoints(tmp_path / "killed" / "checkpoints")
    only.with_name(only.name + ".sha256").unlink()
    with pytest.warns(UserWarning, match=r"not finished\. Starting over"):
        resume(tmp_path / "killed")
    assert contents(tmp_path / "killed") == whole


def test_leftovers_of_a_kill_are_swept(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(toy_config("gan-official"), tmp_path / "run", progress=kill_at(7))
    leftover = tmp_path / "run" / "checkpoints" / ".000000000700.pt.0123abcd"
    leftover.write_bytes(b"half")
    resume(tmp_path / "run")
    assert not leftover.exists()


def test_a_config_changed_by_hand_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(toy_config("gan-official"), tmp_path / "run", progress=kill_at(7))
    file = tmp_path / "run" / "config.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(CheckpointError, match=r"other settings than .*config\.json"):
        resume(tmp_path / "run")


def test_the_device_alone_may_change(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(toy_config("gan-official"), tmp_path / "run", progress=kill_at(7))
    resume(tmp_path / "run", expected=lambda theirs: override(theirs, {"train.device": "auto"}))


def test_a_damaged_line_of_the_log_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(toy_config("gan-official"), tmp_path / "run", progress=kill_at(17))
    log = tmp_path / "run" / "stats.jsonl"
    damaged = log.read_text().replace("{", "x", 1)
    log.write_text(damaged)
    with pytest.raises(CheckpointError, match=r"line 1 of .*stats\.jsonl is damaged"):
        resume(tmp_path / "run")
    assert log.read_text() == damaged
