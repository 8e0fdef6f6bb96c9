"""What a training does besides moving networks: what it says, diagnoses, checks and keeps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_resume import Killed, contents, kill_at

from ambigan.core.errors import NonFiniteError
from ambigan.core.files import StorageError
from ambigan.engine import run_output, trainer
from ambigan.engine.config import TrainSettings
from ambigan.engine.diagnostics import reconstruction_ratio
from ambigan.engine.log_writers import JsonLines, read_lines
from ambigan.engine.schedule import is_diagnosis_due
from ambigan.training import resume, train
from games import toy_config

OFFICIAL = "bigan-official"  # 30 iterations, a checkpoint each 5, a line each 4


def at(images: int, act: Callable[[], object]) -> Callable[..., None]:
    def progress(seen: int, _total: int, _losses: dict[str, float]) -> None:
        if seen == images:
            act()

    return progress


@pytest.mark.parametrize("total", [1, 7, 30, 174, 999, 5000, 20_000])
def test_every_run_is_diagnosed_ten_times_and_at_its_end(total: int) -> None:
    settings = TrainSettings()
    due = [n for n in range(1, total + 1) if is_diagnosis_due(settings, n, total)]
    assert len(due) >= min(total, 10)
    assert len(due) <= max(2 * 10 + 1, total / 500 + 1)
    assert due[-1] == total
    assert set(range(500, total + 1, 500)) <= set(due)


def test_a_short_run_has_its_diagnoses_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = toy_config(OFFICIAL, train__log_every="100", train__diagnose_every="5")
    with caplog.at_level("INFO", "ambigan"):
        run = train(config, tmp_path / "run")
    lines = read_lines(run.stats_file)
    assert sum("diagnostics" in line for line in lines) == 10
    assert [line["images_seen"] for line in lines if "losses" in line] == [3000]
    assert {"losses", "diagnostics"} <= lines[-1].keys()
    assert "30 steps of 100 examples: 2 epochs of 1,500, on cpu in fp32" in caplog.messages


def test_the_time_left_is_said_once_by_the_first_steps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=count(0, 2).__next__)  # two seconds an iteration
    monkeypatch.setattr(trainer, "time", clock)
    with caplog.at_level("INFO", "ambigan"):
        train(toy_config(OFFICIAL), tmp_path / "run")
    said = [line for line in caplog.messages if " left" in line]
    assert said == ["about 48 s left, by the time of 5 steps"]


def test_a_collapse_is_warned_of_when_it_appears_at_the_end_and_on_resuming_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = toy_config(OFFICIAL, train__epochs="1")  # which learns to reconstruct nothing
    run = train(config, tmp_path / "run")
    logged = [w for line in read_lines(run.stats_file) for w in line.get("warnings", ())]
    found = [line for line in caplog.messages if "reconstructions are hardly nearer" in line]
    assert len([line for line in logged if "reconstructions" in line]) > len(found)
    assert [line.partition(" ")[0] for line in found] == ["100", "1,500"]
    before = contents(run.path)
    caplog.clear()
    resume(run.path)
    assert any("1,500 examples: reconstructions are hardly" in line for line in caplog.messages)
    assert contents(run.path) == before


def test_a_reconstruction_that_knows_its_example_is_nearer_to_it() -> None:
    x = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert reconstruction_ratio(x, x) == 0
    mean = x.mean(0, keepdim=True).expand_as(x)
    assert reconstruction_ratio(x, mean).item() == pytest.approx(1, abs=1e-5)
    assert 0.3 < reconstruction_ratio(x, x / 2) < 0.5


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda run: shutil.rmtree(run), "the folder was moved or removed"),
        (lambda run: run.rename(run.with_name("moved")), "the folder was moved or removed"),
        (lambda run: (run / ".lock").unlink(), "its lock file .lock was removed"),
        (
            lambda run: ((run / ".lock").unlink(), (run / ".lock").touch()),
            "another folder or lock file has taken its place",
        ),
        (
            lambda run: (run.rename(run.with_name("moved")), run.mkdir(), (run / ".lock").touch()),
            "another folder or lock file has taken its place",
        ),
    ],
)
def test_a_folder_that_is_lost_stops_the_training_in_one_line(
    loss: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with pytest.raises(StorageError) as caught:
        train(toy_config(OFFICIAL), run, progress=at(700, lambda: loss(run)))
    message = str(caught.value)
    assert said in message
    assert "stopped at 1,000 examples" in message
    assert "since its last checkpoint, at 500 examples, is not saved" in message
    assert "\n" not in message
    there = {path.name for path in run.rglob("*")} if run.is_dir() else set()
    assert "000000001000.pt" not in there, "a folder that is not ours is not written to"


def test_a_folder_that_was_moved_goes_on_where_it_is(tmp_path: Path) -> None:
    run, moved = tmp_path / "run", tmp_path / "moved"
    with pytest.raises(StorageError):
        train(toy_config(OFFICIAL), run, progress=at(700, lambda: run.rename(moved)))
    resume(moved)
    train(toy_config(OFFICIAL), tmp_path / "whole")
    assert contents(moved) == contents(tmp_path / "whole")


def test_the_log_is_on_the_disk_before_a_checkpoint_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, save = JsonLines.sync, run_output.save_checkpoint
    monkeypatch.setattr(JsonLines, "sync", lambda log: (order.append("sync"), sync(log))[1])
    monkeypatch.setattr(
        run_output, "save_checkpoint", lambda *args: (order.append("save"), save(*args))[1]
    )
    train(toy_config(OFFICIAL, train__epochs="1"), tmp_path / "run")
    assert order == ["sync", "sync", "save"] * 3 + ["sync", "sync"], "both logs, and when closed"


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (slice(0, 1), "lacks 2 of the 3 lines"),
        (slice(1, None), "lacks 1 of the 3 lines"),
        (slice(0, 0), "lacks 3 of the 3 lines"),
    ],
)
def test_a_gap_in_the_log_is_warned_of(
    kept: slice, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed):
        train(toy_config(OFFICIAL), tmp_path / "run", progress=kill_at(17))
    log = tmp_path / "run" / "stats.jsonl"
    lines = [line for line in log.read_text().splitlines(True) if "losses" in json.loads(line)]
    log.write_text("".join(lines[:3][kept]))
    caplog.clear()
    resume(tmp_path / "run")
    (found,) = [line for line in caplog.messages if "lacks" in line]
    assert said in found
    assert "the checkpoint at 1,500 examples expects" in found


def test_a_whole_log_has_no_gap(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Killed):
        train(toy_config(OFFICIAL), tmp_path / "run", progress=kill_at(17))
    resume(tmp_path / "run")
    resume(tmp_path / "run")
    assert not [line for line in caplog.messages if "lacks" in line]


def test_a_breakdown_names_the_checkpoint_that_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ambigan.methods.bigan import BiGAN

    losses = BiGAN.losses

    def broken(self, batch, players):
        found = losses(self, batch, players)
        found["discriminator"]["real"] = found["discriminator"]["real"] * float("nan")
        return found

    monkeypatch.setattr(BiGAN, "losses", broken)
    said = r"before \d+ images\. There is no checkpoint yet\. Lower the learning"
    with pytest.raises(NonFiniteError, match=said):
        train(toy_config(OFFICIAL), tmp_path / "run")
