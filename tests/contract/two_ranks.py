"""Trainings on two processes, which import everything once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch
from test_resume import Killed, kill_at

from ambigan.core.distributed import join_from_environment, leave
from ambigan.core.randomness import Randomness
from ambigan.engine.config import RunConfig
from ambigan.engine.train_state import TrainState
from ambigan.game import Batch
from ambigan.testing.method_under_test import converge_spectral_norms, play_turn
from ambigan.training import train
from games import SPEC, toy_method

ITERATIONS = 3
EMA_DECAY = 0.5

SERVER = """
import json, os, sys
import torch._dynamo  # which the first step of an optimiser imports, seconds of it
sys.path[:0] = {paths!r}
from games import toy_config
from two_ranks import begin, play_exactly
from ambigan.training import resume, train
works = {{"train": train, "begin": begin, "resume": resume, "play_exactly": play_exactly}}
for line in sys.stdin:
    asked = json.loads(line)
    os.environ["MASTER_PORT"] = asked["port"]
    child = os.fork()
    if child == 0:
        config = [] if asked["name"] is None else [toy_config(asked["name"], **asked["changes"])]
        works[asked["work"]](*config, asked["out"])
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Pair:
    """Two processes that have imported all, and fork a rank each for every training."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        code = SERVER.format(paths=[str(here), str(here.parent)])
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        self.ranks = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in range(2)
        ]

    def train(self, name: str, out: Path, **changes: str) -> None:
        """A variant, on both."""
        self._run("train", name, out, changes)

    def begin(self, name: str, out: Path, **changes: str) -> None:
        """A variant, on both, which are killed."""
        self._run("begin", name, out, changes)

    def resume(self, out: Path) -> None:
        """A run that stopped, on both."""
        self._run("resume", None, out, {})

    def play_exactly(self, name: str, out: Path) -> None:
        """A few turns of a variant, on both, in float64."""
        self._run("play_exactly", name, out, {})

    def _run(self, work: str, name: str | None, out: Path, changes: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        asked = {"name": name, "out": str(out), "port": port, "changes": changes, "work": work}
        for rank in self.ranks:
            assert rank.stdin is not None
            rank.stdin.write(json.dumps(asked) + "\n")
            rank.stdin.flush()
        assert [self._status(rank) for rank in self.ranks] == ["0", "0"]

    def close(self) -> None:
        """Ends both."""
        for rank in self.ranks:
            rank.communicate(timeout=60)

    @staticmethod
    def _status(rank: subprocess.Popen[str]) -> str:
        assert rank.stdout is not None
        lines = (line.strip() for line in rank.stdout)
        return next((line for line in lines if line.lstrip("-").isdigit()), "ended")


def begin(config: RunConfig, out: str | Path) -> None:
    """Trains until it is killed, an iteration after a checkpoint and amid a line of the log."""
    assert config.train.checkpoint_every == 5
    assert config.train.log_every == 4
    with suppress(Killed):
        train(config, out, progress=kill_at(6))


def play_exactly(config: RunConfig, out: str | Path) -> None:
    """A few iterations in float64, in which rounding cannot grow; the state they end in."""
    here = join_from_environment("cpu")
    method = toy_method(config).double().train()
    for parameter in method.parameters():  # such as attention's share, which nothing passes at 0
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    converge_spectral_norms(method)
    state, rows = TrainState(method, EMA_DECAY), 100 // here.size
    assert state.ema is not None
    for number in range(ITERATIONS):
        batches: list[Batch] = []
        for turn in method.turns:
            noise = Randomness(number, *turn, rank=here.rank, world_size=here.size)
            x = noise.uniform(rows, *SPEC.shape).double() * 2 - 1
            batch = Batch(x, method.prior.sample(rows, noise).double(), noise)
            play_turn(state, batch, turn)
            batches.append(batch)
        method.after_iteration(batches)
        state.ema.update(number)
    if here.is_main:
        torch.save({"raw": method.state_dict(), "ema": state.ema.module.state_dict()}, out)
    leave()
