"""Trainings on two processes, which import everything once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

SERVER = """
import json, os, sys
import torch._dynamo  # which the first step of an optimiser imports, seconds of it
sys.path.insert(0, {tests!r})
from games import toy_config
from ambigan.training import train
for line in sys.stdin:
    asked = json.loads(line)
    os.environ["MASTER_PORT"] = asked["port"]
    child = os.fork()
    if child == 0:
        train(toy_config(asked["name"], **asked["changes"]), asked["out"])
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Pair:
    """Two processes that have imported all, and fork a rank each for every training."""

    def __init__(self) -> None:
        code = SERVER.format(tests=str(Path(__file__).parents[1]))
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
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        asked = {"name": name, "out": str(out), "port": port, "changes": changes}
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
