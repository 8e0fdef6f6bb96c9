"""Invariant 9: the same command, seed, data, machine and versions give the same run."""

from __future__ import annotations

from pathlib import Path

from ambigan.cli import main


def test_the_same_command_gives_the_same_bytes(tmp_path: Path) -> None:
    words = ["train", "bigan", "--preset", "images", "--data", "digits", "--device", "cpu"]
    words += ["--epochs", "2", "--settings.network.width", "2", "--data.max-train", "256"]
    for name in ("one", "two"):
        assert main([*words, "--out", str(tmp_path / name)]) == 0
    left, right = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert {"stats.jsonl", "model/ema.safetensors", "config.json"} <= left.keys()
    assert left == right


def contents(run: Path) -> dict[str, bytes]:
    paths = [path for path in run.rglob("*") if path.is_file() and path.name != "timing.jsonl"]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}
