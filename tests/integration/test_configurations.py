"""`--config`, `--from`, `--dry-run` and `--quiet` on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import ambigan
from ambigan.cli import main

SMALL = ["--settings.network.hidden", "8,8", "--epochs", "1", "--device", "cpu"]
DIGITS = ["train", "bigan", "--data", "digits", *SMALL]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    capsys.readouterr()
    assert main([*words, "--dry-run"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_a_dry_run_is_read_back_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    config = printed(capsys, *DIGITS)
    assert not list(Path.cwd().iterdir())
    Path("mine.json").write_text(json.dumps(config))
    assert printed(capsys, "train", "--config", "mine.json") == config
    again = printed(capsys, "train", "bigan", "--config", "mine.json", "--epochs", "2")
    assert again.pop("train") == {**config["train"], "epochs": 2}
    assert [path.name for path in Path.cwd().iterdir()] == ["mine.json"]


def test_the_dry_run_is_what_the_run_records(capsys: pytest.CaptureFixture[str]) -> None:
    config = printed(capsys, *DIGITS)
    assert main([*DIGITS, "--quiet"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert all(line.startswith("ambigan: warning: ") for line in told.err.splitlines())
    assert json.loads(Path("runs/bigan-digits/config.json").read_text()) == config
    assert printed(capsys, "train", "--from", "runs/bigan-digits") == config
    assert main(["train", "--from", "runs/bigan-digits", "--seed", "5", "--out", "two"]) == 0
    two = json.loads(Path("two/config.json").read_text())
    assert two.pop("train") == {**config["train"], "seed": 5}
    told = refused(capsys, "train", "--resume", "two", "--config", "two/config.json")
    assert "--config is for a new run" in told
    for flag in ("--plan", "--dry-run"):
        assert f"{flag} is for a new run" in refused(capsys, "train", "--resume", "two", flag)
    told = refused(capsys, "train", "--from", "two", "--preset", "small")
    assert "two takes the place of a preset; leave out one" in told
    assert "two methods" in refused(capsys, "train", "gan", "--from", "two")


def test_quiet_verbs_print_results_and_warnings_alone(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["sample", "--num", "4"], ["embed"], ["reconstruct", "--num", "4"]):
        assert main([words[0], str(finished_run), *words[1:], "--quiet"]) == 0
        told = capsys.readouterr()
        assert (told.out, told.err) == ("", ""), words
    assert main(["sample", str(finished_run), "--num", "4"]) == 0
    assert "written: " in capsys.readouterr().out


def test_a_plan_and_a_dry_run_are_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    assert "leave out --dry-run" in refused(capsys, *DIGITS, "--plan", "--dry-run")


def test_the_demo_shows_its_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    config = printed(capsys, "demo", "--epochs", "3")
    assert (config["method"], config["preset"]) == ("latent_regressor", "features")
    assert config["train"]["epochs"] == 3
    assert ambigan.make_config(config=config).train.epochs == 3


def test_a_search_is_a_line_each_or_json(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", str(finished_run), "--query", "0,1", "--num", "3"]
    assert main(words) == 0
    told = capsys.readouterr().out.splitlines()
    head = next(line for line in told if line.startswith("query"))
    assert re.split("  +", head) == ["query", "query label", "rank", "cosine", "label", "found"]
    assert sum(line.startswith("row ") for line in told) == 6
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((finished_run / "search.json").read_text())
    assert [line["rank"] for line in found["found"]] == [1, 2, 3, 1, 2, 3]
