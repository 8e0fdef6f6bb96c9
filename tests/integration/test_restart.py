"""Two machines on loopback, one of which fails: torchrun starts the job again, and it goes on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from test_kill import contents

WORDS = ["train", "bigbigan", "--data", "digits", "--preset", "small", "--device", "cpu"]
WORDS += ["--epochs", "4", "--train.batch-size", "50", "--train.checkpoint-every", "5"]
WORDS += ["--data.max-train", "600"]
WORDS += ["--train.log-every", "4", "--train.statistics-batches", "3", "--settings.latent-dim", "8"]
WORDS += ["--settings.network.encoder-width", "0.03125", "--settings.network.mlp-width", "16"]
WORDS += ["--settings.network.width", "2", "--settings.network.head-width", "16"]

pytestmark = pytest.mark.skipif(
    not Path(f"/proc/self/task/{os.getpid()}/children").exists(), reason="needs Linux's /proc"
)


class Machine:
    """torchrun with one process, that meets the other machine's at a port."""

    def __init__(self, port: int, out: Path, *, is_host: bool = False) -> None:
        meeting = ["--nnodes", "2", "--nproc-per-node", "1", "--max-restarts", "3"]
        meeting += ["--rdzv-id", "job", "--rdzv-backend", "c10d"]
        meeting += ["--rdzv-endpoint", f"localhost:{port}"]
        meeting += ["--rdzv-conf", f"is_host={is_host}"]
        work = ["-m", "ambigan", *WORDS, "--out", str(out), "--continue"]
        self.said = out.parent / f"{out.name}-{time.monotonic_ns()}.log"
        with self.said.open("wb") as log:
            self.agent = subprocess.Popen(
                [sys.executable, "-m", "torch.distributed.run", *meeting, *work],
                stdout=log,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )

    def workers(self) -> list[int]:
        """The process that trains; none while it is being started."""
        pid = self.agent.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def fail(self) -> None:
        """Loses power."""
        workers = self.workers()
        self.agent.kill()
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.agent.wait()

    def finish(self) -> None:
        """Waits for its end."""
        try:
            rc = self.agent.wait(timeout=300)
        except subprocess.TimeoutExpired:
            rc = None
        said = self.said.read_text()
        assert rc == 0, said[-4000:]
        assert "failed to connect" not in said, "to a process of an earlier start, it may be"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


@contextmanager
def two_machines(out: Path) -> Iterator[list[Machine]]:
    """The first of them holds the place where they meet."""
    port = free_port()
    machines = [Machine(port, out, is_host=True), Machine(port, out)]
    try:
        yield machines
    finally:
        for machine in machines:
            if machine.agent.poll() is None:
                machine.fail()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The undisturbed run, by two processes without torchrun."""
    out = tmp_path_factory.mktemp("restart") / "whole"
    shared = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "ambigan", *WORDS, "--out", str(out)],
            stdout=subprocess.DEVNULL,
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": "0", "OMP_NUM_THREADS": "1"},
        )
        for rank in ("0", "1")
    ]
    try:
        assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
    return out


def wait_for_checkpoints(out: Path, machine: Machine) -> list[str]:
    """Returns the lines of the log of rates, one a checkpoint, which going on adds to."""
    until = time.monotonic() + 240
    while len(list(out.glob("checkpoints/*.pt"))) < 2:
        assert time.monotonic() < until
        assert machine.agent.poll() is None, machine.said.read_text()[-4000:]
        time.sleep(0.05)
    return (out / "timing.jsonl").read_text().splitlines()[:1]


def check_went_on(out: Path, before: list[str]) -> None:
    """What was done before the failure is not done again: its seconds are still those."""
    assert before
    assert (out / "timing.jsonl").read_text().splitlines()[: len(before)] == before


def test_a_process_that_is_killed_is_started_again(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    with two_machines(out) as machines:
        before = wait_for_checkpoints(out, machines[0])
        (worker,) = machines[1].workers()
        os.kill(worker, signal.SIGKILL)
        for machine in machines:
            machine.finish()
    check_went_on(out, before)
    assert contents(out) == contents(whole)


@pytest.mark.long
def test_a_job_that_lost_a_machine_goes_on_when_it_is_started_again(
    whole: Path, tmp_path: Path
) -> None:
    """The other agent would wait for the one that is gone; a scheduler ends it and begins anew."""
    out = tmp_path / "lost"
    with two_machines(out) as machines:
        before = wait_for_checkpoints(out, machines[0])
        machines[1].fail()
        machines[0].fail()
    assert contents(out) != contents(whole)
    with two_machines(out) as machines:
        for machine in machines:
            machine.finish()
    check_went_on(out, before)
    assert contents(out) == contents(whole)
