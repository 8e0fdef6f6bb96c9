"""What a training writes: log lines, their timing and checkpoints, as long as the folder is its."""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..core.distributed import any_rank, average_, wait, world
from ..core.feature_layers import eval_mode
from ..core.files import StorageError
from ..core.randomness import Randomness
from ..game import Method
from .checkpoint import list_checkpoints, load_newest, save_checkpoint
from .config import RunConfig
from .log_writers import (
    GuardedSink,
    JsonLines,
    Sink,
    TensorBoard,
    WeightsAndBiases,
    read_lines,
    sample_grid,
)
from .run_folder import RunFolder, check_checkpoint_of, identity_of
from .train_state import TrainState

logger = logging.getLogger(__name__)

NUM_SAMPLES = 32
"""Samples that TensorBoard and Weights & Biases show."""


class FolderClaim:
    """The lock that this process holds in a run's folder, so that its loss is noticed.

    The lock has just been taken. It is known by its inode, which no other file can have while this
    process holds it.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run, self._lock = run, _identity(run.lock_file)

    def find_loss(self) -> str:
        """What happened to the folder, in words; an empty text while all is well."""
        if not self._run.path.is_dir():
            return "the folder was moved or removed"
        if self._lock is None:  # a system without locks
            return ""
        now = _identity(self._run.lock_file)
        if now is None:
            return f"its lock file {self._run.lock_file.name} was removed"
        return "" if now == self._lock else "another folder or lock file has taken its place"


class RunOutput:
    """The files of a run in training. Every process has one; the main process alone writes.

    Args:
        run: folder of the run.
        config: settings of the run; a checkpoint made with other settings is refused.
        claim: hold of the main process on the folder; None where there is nothing to lose.
    """

    def __init__(self, run: RunFolder, config: RunConfig, claim: FolderClaim | None = None) -> None:
        self.run, self._config, self._claim = run, config, claim
        self._identity = identity_of(config)
        self._logs: list[JsonLines] = []  # of losses and of their timing; empty until opened
        self._sinks: list[GuardedSink] = []
        self._saved, self._seen, self._time = 0, 0, 0.0

    def restore(self, state: TrainState, device: torch.device) -> None:
        """Takes over the newest usable checkpoint, if there is one, of the same settings."""
        if (saved := load_newest(self.run.checkpoints, device)) is not None:
            check_checkpoint_of(self.run, self._config, saved.get("config"))
            state.load_state_dict(saved)
            self._saved = state.images_seen

    def open(self, images_seen: int, expected: list[int]) -> None:
        """Opens the logs; lines beyond the checkpoint are dropped, since they are written again.

        Args:
            images_seen: images seen at the checkpoint that training goes on from.
            expected: images seen of all loss lines that the log must hold by then.
        """
        self._seen, self._time = images_seen, time.monotonic()
        if not world().is_main:
            return
        there = {
            line["images_seen"] for line in read_lines(self.run.stats_file) if "losses" in line
        }
        if missing := [images for images in expected if images not in there]:
            logger.warning(
                f"{self.run.stats_file} lacks {len(missing)} of the {len(expected)} lines that the"
                f" checkpoint at {images_seen:,} examples expects, from {missing[0]:,} to"
                f" {missing[-1]:,} examples; training goes on, and its curves will have a gap."
            )
        self._sinks = self._open_sinks(images_seen)
        files = (self.run.stats_file, self.run.timing_file)
        self._logs = [JsonLines(path, images_seen) for path in files]

    def write(self, line: dict[str, Any]) -> None:
        """Appends a line to the log and, where it holds losses, the seconds since the last such."""
        if not self._logs:
            return
        stats, timing = self._logs
        stats.write(line)
        shown = line
        if "losses" in line:
            now, images_seen = time.monotonic(), line["images_seen"]
            seconds = max(now - self._time, 1e-9)
            rate = (images_seen - self._seen) / seconds
            times: dict[str, float] = {"seconds": seconds, "images_per_second": rate}
            if torch.cuda.is_initialized():  # of this process, in bytes
                times["peak_memory"] = torch.cuda.max_memory_allocated()
            timing.write({"images_seen": images_seen} | times)
            shown = line | {"timing": times}
            self._seen, self._time = images_seen, now
        for sink in self._sinks:
            sink.use(lambda it: it.write(shown))

    def write_samples(self, method: Method, images_seen: int) -> None:
        """Shows sinks what the first latents of `ambigan sample` generate, if it is images."""
        if not self._sinks or "sample" not in method.capabilities or method.spec.kind != "images":
            return
        latents = method.prior.sample(NUM_SAMPLES, Randomness(0, "sample"))
        bands = self._config.data.bands

        @torch.no_grad()
        def show(sink: Sink) -> None:
            with eval_mode(method):
                images = method.decode(latents.to(next(method.parameters()).device))
            sink.write_samples(images_seen, sample_grid(images, bands))

        for sink in self._sinks:
            sink.use(show)

    def _open_sinks(self, images_seen: int) -> list[GuardedSink]:
        """The programs that are asked to show the training."""
        train, path, settings = self._config.train, self.run.path, self._config.to_json()
        found: list[GuardedSink] = []
        if train.tensorboard:
            folder = path / "tensorboard"
            make = partial(TensorBoard, folder, settings, images_seen)
            found.append(GuardedSink("TensorBoard", make))
        if train.wandb:
            make = partial(WeightsAndBiases, path, settings)
            found.append(GuardedSink("Weights & Biases", make))
        return found

    def check_claim(self, images_seen: int, device: torch.device) -> None:
        """Stops, on all processes, where the folder is no longer this training's.

        Raises:
            StorageError: the folder was moved or removed, or its lock is another's. It is not
                written to, since another training may have begun there.
        """
        loss = self._claim.find_loss() if self._claim is not None else ""
        if any_rank(bool(loss), device):
            raise StorageError(
                f"{self.run.path} is no longer this training's:"
                f" {loss or 'the main process has lost it'}. Training stopped at {images_seen:,}"
                f" examples; what it learned since its last checkpoint, at {self._saved:,}"
                " examples, is not saved. Put the folder back and continue with --resume, or train"
                " with another --out."
            )

    def save(self, state: TrainState, keep: int, spacing: int, end: int) -> None:
        """Writes a checkpoint, after the lines of the log that it expects.

        Args:
            state: state of the training, whose meters become those of all processes.
            keep: number of checkpoints to keep.
            spacing: images between the schedule's checkpoints; those of a stop lie between.
            end: images seen at the end of training.
        """
        average_(list(state.meters.sums.values()))  # or a line begun would end as the main one's
        if world().is_main:
            for log in self._logs:
                log.sync()
            content = state.state_dict() | {"config": self._identity}
            save_checkpoint(
                self.run.checkpoints, content, keep, lambda seen: seen % spacing == 0 or seen >= end
            )
        self._saved = state.images_seen
        wait()

    def last_good(self) -> str:
        """A sentence on the checkpoint that stands, for the message of a training that broke."""
        if not list_checkpoints(self.run.checkpoints):
            return "There is no checkpoint yet."
        return f"The last good checkpoint stands in {self.run.checkpoints}."

    def close(self) -> None:
        """Closes the logs, with all their lines on the disk."""
        for log in self._logs:
            log.close()
        for sink in self._sinks:
            sink.use(lambda it: it.close())


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
