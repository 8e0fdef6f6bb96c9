from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ambigan.core.errors import ConfigError
from ambigan.engine.log_writers import JsonLines, read_lines, sample_grid
from ambigan.training import resume, train
from games import toy_config


def test_a_resumed_log_drops_what_will_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = JsonLines(path)
    for seen in (100, 200, 300):
        log.write({"images_seen": seen})
    log.close()
    with path.open("a") as file:
        file.write('{"images_seen": 40')
    log = JsonLines(path, images_seen=200)
    log.write({"images_seen": 250})
    log.close()
    assert [line["images_seen"] for line in read_lines(path)] == [100, 200, 250]


def test_a_line_of_the_log_holds_what_the_page_needs(tmp_path: Path) -> None:
    run = train(toy_config("bigan-official"), tmp_path / "run")
    between, lines = [], read_lines(run.stats_file)
    for line in lines:
        assert set(line) - {"warnings"} >= {"images_seen", "epoch"}
        if "losses" not in line:
            between.append(line)
    assert all("diagnostics" in line for line in between)
    lines = [line for line in lines if line not in between]
    assert set(lines[0]) == {"images_seen", "epoch", "losses", "learning_rate"}
    assert set(lines[1]["diagnostics"]) == {
        "feature_spread",
        "feature_rank",
        "sample_spread",
        "saturation",
        "reconstruction_ratio",
    }
    assert lines[-1]["images_seen"] == 3000
    assert set(lines[0]["losses"]) == {
        f"{player}/{term}"
        for player in ("discriminator", "generator_encoder")
        for term in ("real", "fake")
    }
    assert read_lines(run.timing_file)[0]["images_per_second"] > 0


def test_tensorboard_shows_numbers_settings_and_samples(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = train(toy_config("gan-official", train__tensorboard="true"), tmp_path / "run")
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"losses/discriminator/real", "diagnostics/sample_spread"} <= set(tags["scalars"])
    assert "timing/images_per_second" in tags["scalars"]
    diagnosed = [x["images_seen"] for x in read_lines(run.stats_file) if "diagnostics" in x]
    assert {image.step for image in events.Images("samples")} <= set(diagnosed)
    assert "settings/text_summary" in tags["tensors"]


def test_samples_are_shown_as_a_grid() -> None:
    images = torch.linspace(-1, 1, 9).reshape(9, 1, 1, 1).repeat(1, 1, 4, 4)
    grid = sample_grid(images, ())
    assert grid.shape == (3, 2 * 6, 8 * 6)
    assert grid.dtype == torch.uint8
    assert (int(grid[0, 2, 8]), int(grid[2, 8, 2]), int(grid[1, 6, 2])) == (32, 255, 0)
    assert sample_grid(images.expand(9, 5, 4, 4), (5,)).shape == grid.shape
    assert sample_grid(images.expand(9, 2, 4, 4), ()).shape == grid.shape


@pytest.mark.parametrize(
    ("setting", "module", "extra"),
    [("tensorboard", "torch.utils.tensorboard.writer", "tensorboard"), ("wandb", "wandb", "wandb")],
)
def test_a_missing_extra_is_named(
    setting: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    config = toy_config("gan-official", **{f"train__{setting}": "true"})
    with pytest.raises(ConfigError, match=rf"ambigan\[{extra}\]"):
        train(config, tmp_path / "run")


def test_wandb_keeps_an_offline_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = train(toy_config("gan-official", train__wandb="true"), tmp_path / "mine")
    name = (run.path / "wandb" / "id.txt").read_text()
    (kept,) = run.path.glob("wandb/offline-run-*")
    assert kept.name.endswith(name)
    assert list(kept.glob("files/media/images/samples_*.png"))
    assert list(kept.glob("*.wandb"))


class FakeWandb:
    """What of the package is used, failing at a chosen call."""

    class errors:
        class UsageError(Exception): ...

    def __init__(self, fails: str, error: Exception) -> None:
        self.fails, self.error, self.calls = fails, error, list[tuple[str, Any]]()

    def _call(self, call: str, /, **what: Any) -> Any:
        self.calls.append((call, what))
        if call == self.fails:
            raise self.error
        return self

    def init(self, **what: Any) -> Any:
        return self._call("init", **what)

    def log(self, values: dict[str, Any], step: int) -> Any:
        return self._call("log", values=values, step=step)

    def finish(self) -> Any:
        return self._call("finish")

    def Image(self, pixels: Any) -> Any:
        assert pixels.shape[-1] == 3
        return self._call("image")


@pytest.mark.parametrize("fails", ["init", "log", "image", "finish", ""])
def test_a_sink_that_fails_neither_stops_nor_alters_training(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain = train(toy_config("gan-official"), tmp_path / "plain")
    fake = FakeWandb(fails, OSError("no space left"))
    monkeypatch.setitem(sys.modules, "wandb", fake)
    caplog.clear()
    run = train(toy_config("gan-official", train__wandb="true"), tmp_path / "run")
    assert run.stats_file.read_bytes() == plain.stats_file.read_bytes()
    told = [x.getMessage() for x in caplog.records if "Weights & Biases failed" in x.getMessage()]
    assert len(told) == bool(fails)
    assert all("no space left" in line for line in told)
    names = [name for name, _ in fake.calls]
    assert names[0] == "init"
    assert fake.calls[0][1]["config"]["train"]["wandb"] is True
    if not fails:
        assert names[-1] == "finish"
        assert "image" in names


@pytest.mark.parametrize(
    "error",
    [
        FakeWandb.errors.UsageError("No API key configured."),
        ValueError("mode\n  Input should be 'online'.\n    For further information visit"),
    ],
)
def test_what_the_user_can_mend_is_said_before_training(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb("init", error)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    with pytest.raises(ConfigError, match=r"(configured|'online')\. Log in.*WANDB_MODE=offline"):
        train(toy_config("gan-official", train__wandb="true"), tmp_path / "run")


def test_a_training_that_continues_is_the_same_run_of_wandb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb("", OSError())
    monkeypatch.setitem(sys.modules, "wandb", fake)
    run = train(toy_config("gan-official", train__wandb="true"), tmp_path / "run")
    resume(run.path)
    ids = [what["id"] for name, what in fake.calls if name == "init"]
    assert len(ids) == 2
    assert len(set(ids)) == 1
