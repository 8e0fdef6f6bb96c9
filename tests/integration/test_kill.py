"""SIGKILL at random moments: the resumed run equals the undisturbed one, bit for bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ambigan.cli import main

WORDS = ["train", "bigan", "--preset", "small", "--device", "cpu"]
WORDS += ["--settings.network.hidden", "64,64", "--train.checkpoint-every", "15"]
WORDS += ["--train.log-every", "7", "--train.statistics-batches", "5"]


def training_of_vectors(folder: Path) -> list[str]:
    """Words of a training on vectors of a file; for digits a process imports scikit-learn."""
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(1500, 64)))
    return [*WORDS, "--data", f"npy:{folder / 'x.npy'}"]


def heed_signals() -> None:
    """Between fork and exec: `nohup` and shells' background jobs have children ignore signals."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def start(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ambigan", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=heed_signals,
    )


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> str:
    """Sends a signal, and returns what the process said before it ended."""
    process.send_signal(number)
    try:
        return process.communicate(timeout=240)[1].decode()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def finish(*words: str) -> None:
    """In this process, on one thread as those that are started."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert main([*words]) == 0
    finally:
        torch.set_num_threads(threads)


def contents(run: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != "timing.jsonl" and not path.name.startswith(".")
    }


def kill_and_resume(tmp_path: Path, kills: int, epochs: int) -> None:
    words = [*training_of_vectors(tmp_path), "--epochs", str(epochs)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(*words, "--out", str(whole))
    moments = random.Random(0)
    process = start(*words, "--out", str(killed))
    for _ in range(kills):
        wait_for_training(killed, process)
        time.sleep(moments.uniform(0, 1))
        stop(process, signal.SIGKILL)
        process = start("train", "--resume", str(killed))
    told = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 0, told
    for run in (whole, killed):
        finish("evaluate", str(run), "--protocol", "reconstruction_l2")
    left, right = contents(whole), contents(killed)
    assert left.keys() == right.keys()
    different = [name for name in left if left[name] != right[name]]
    assert different in ([], ["results/reconstruction_l2.json"])
    assert without_seconds(left) == without_seconds(right)


def without_seconds(files: dict[str, bytes]) -> list[str]:
    text = files["results/reconstruction_l2.json"].decode()
    return [line for line in text.splitlines() if '"seconds"' not in line]


def wait_for_training(run: Path, process: subprocess.Popen[bytes]) -> None:
    """Until the process has written its log anew, which it does as the loop begins."""
    log = run / "stats.jsonl"
    before = log.stat().st_mtime_ns if log.exists() else 0
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and log.stat().st_mtime_ns > before:
            return
        time.sleep(0.02)
    if process.poll() != 0:  # as it does where all was trained before it was killed
        pytest.fail(f"it does not train: {stop(process, signal.SIGKILL)}")


def test_two_kills(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, kills=2, epochs=20)


@pytest.mark.long
def test_ten_kills(tmp_path: Path) -> None:
    kill_and_resume(tmp_path, kills=10, epochs=150)


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_a_signal_stops_cleanly(number: signal.Signals, status: int, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(*training_of_vectors(tmp_path), "--epochs", "400", "--out", str(run))
    wait_for_training(run, process)
    told = stop(process, number)
    assert process.returncode == status
    assert f"ambigan train --resume {run}" in told
    assert list((run / "checkpoints").glob("*.pt"))
