"""Invariant 3: two processes equal one with the same global batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ambigan.engine.sinks import read_lines
from ambigan.training import train
from games import VARIANTS, toy_config

WORKER = """
import sys
sys.path.insert(0, {tests!r})
from games import toy_config
from ambigan.training import train
train(toy_config(sys.argv[1], train__epochs="1"), sys.argv[2])
"""


def run_on_two(name: str, out: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tests = str(Path(__file__).parents[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER.format(tests=tests), name, str(out)],
            env=os.environ
            | {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]


@pytest.mark.parametrize(
    "name",
    [
        "bigan-official",
        "bigan-alternating",
        "bigan-gaussian",
        "gan-paper",
        "latent_regressor-joint",
        "latent_regressor-after",
        "autoencoder-l1",
        "bigan-regularised",
        "gan-dcgan",
        "gan-spectral",
        "bigan-imagenet",
        "bigan-imagenet_112",
        "autoencoder-imagenet",
    ],
)
def test_two_ranks_equal_one(name: str, tmp_path: Path) -> None:
    assert name in VARIANTS
    train(toy_config(name, train__epochs="1"), tmp_path / "one")
    run_on_two(name, tmp_path / "two")
    logs = [read_lines(tmp_path / name / "stats.jsonl") for name in ("one", "two")]
    for one, two in zip(*logs, strict=True):
        assert one["losses"] == pytest.approx(two["losses"], abs=1e-5)
    for kind in ("raw", "ema"):
        one, two = (
            load_file(tmp_path / n / "model" / f"{kind}.safetensors") for n in ("one", "two")
        )
        assert one.keys() == two.keys()
        for tensor in one:
            torch.testing.assert_close(one[tensor], two[tensor], atol=1e-5, rtol=1e-5, msg=tensor)
