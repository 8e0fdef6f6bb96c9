"""Command lines made at random: each ends in success or in one line, none in a trace."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from ambigan.cli import main

VERBS = ("train", "evaluate", "sample", "reconstruct", "interpolate", "embed", "search", "report")
VERBS += ("filters", "arithmetic", "forget", "prepare", "presets", "train --resume", "trian", "")
FLAGS = ("--out", "--data", "--seed", "--num", "--layer", "--device", "--epochs", "--preset")
FLAGS += ("--method", "--weights", "--split", "--query", "--size", "--workers", "--index", "--box")
FLAGS += ("--settings.latent-dim", "--settings.network.hidden", "--train.seed", "--data.drop")
FLAGS += ("--train.precision", "--data.size", "--verify", "--protocol", "--plus", "--debgu", "-x")
DEEP = "[" * 5000
VALUES = ("0", "-1", "nan", "1e30", "1" * 400, "", " ", "a\0b", "x" * 300, "x/" * 2500, DEEP, "--")
VALUES += ("none", "true", "3,7", "64x64", "ema", "test", "cpu", "fp32", "\udcff", "*", "~nobody/x")
VALUES += ("1.5", "[1,", '{"a": 1}', "gan", "small", "digits", "folder:", "csv:", "packed:")
PLACES = ("missing", "file", "empty", "pipe", "loop", "run", "torn", "deep", "/dev/zero", "locked")
SOURCES = ("csv", "npy", "npz", "parquet", "folder", "packed", "hf")


@pytest.fixture
def places(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a path may lead to, in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("1,2\n3,4\n")
    Path("empty").mkdir()
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    for name in ("run", "torn", "deep"):
        shutil.copytree(finished_run, name)
    Path("torn/config.json").write_text('{"method": "bigan", "data": 1e999')
    Path("deep/config.json").write_text(json.dumps({"method": "bigan"})[:-1] + f', "data": {DEEP}')
    Path("locked").mkdir(mode=0)


def command(made: random.Random) -> list[str]:
    """A verb, and up to five words of which most mean something."""
    words = made.choice(VERBS).split()
    for _ in range(made.randrange(6)):
        kind = made.random()
        value = made.choice(VALUES + PLACES)
        if kind < 0.4:
            words += [made.choice(FLAGS), value]
        elif kind < 0.5:
            words += ["--data", f"{made.choice(SOURCES)}:{made.choice(VALUES[6:9] + PLACES)}"]
        elif kind < 0.9:
            words.append(made.choice(PLACES))
        else:
            words.append(value)
    return words


def run_many(count: int, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    made = random.Random(seed)
    for _ in range(count):
        words = command(made)
        if words[:1] == ["train"]:  # a command that happens to be right must not take long
            words += ["--data.max-train", "64", "--device", "cpu"][
                : 2 + 2 * ("--device" not in words)
            ]
        try:
            status = main(words)
        except SystemExit as stop:  # of --help and --version
            status = stop.code
        except BaseException as error:
            pytest.fail(f"{[word[:60] for word in words]}: {type(error).__name__} {error}"[:500])
        told = capsys.readouterr().err
        assert status in (0, 2), words
        assert "Traceback" not in told, words
        if status == 2:
            lines = [line for line in told.splitlines() if line.startswith("ambigan: ")]
            assert [line for line in lines if not line.startswith("ambigan: warning")], words


@pytest.mark.usefixtures("places")
def test_random_commands(capsys: pytest.CaptureFixture[str]) -> None:
    run_many(50, 0, capsys)


@pytest.mark.long
@pytest.mark.usefixtures("places")
def test_five_hundred_random_commands(capsys: pytest.CaptureFixture[str]) -> None:
    run_many(500, 1, capsys)
