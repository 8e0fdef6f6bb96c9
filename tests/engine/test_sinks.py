from __future__ import annotations

from pathlib import Path

import pytest

from ambigan.core.errors import ConfigError
from ambigan.engine.log_writers import JsonLines, read_lines
from ambigan.training import train
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


def test_tensorboard_events_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = train(toy_config("gan-official", train__tensorboard="true"), tmp_path / "run")
    assert list((run.path / "tensorboard").glob("events*"))


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard.writer", None)
    with pytest.raises(ConfigError, match=r"ambigan\[tensorboard\]"):
        train(toy_config("gan-official", train__tensorboard="true"), tmp_path / "run")
