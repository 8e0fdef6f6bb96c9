"""The one training loop. It draws, plays, logs, watches and saves, and knows no method."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from ..core.distributed import any_rank, average_, wait, world
from ..core.errors import CheckpointError, NonFiniteError
from ..core.randomness import Randomness
from ..data.sampler import Batches
from ..game import Batch, Method
from .checkpoint import list_checkpoints, load_newest, save_checkpoint
from .config import RunConfig
from .diagnostics import collapse_warnings, diagnose
from .graph_capture import TurnGraph
from .log_writers import Log
from .run_folder import RunFolder, identity_of
from .schedule import num_iterations
from .train_state import TrainState
from .train_step import TrainStep

WATCHED_IMAGES = 256


class Interrupted(Exception):
    """A signal asked the run to stop; the checkpoint is written. `signal_number` says which."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number


TrainingProgress = Callable[[int, int, dict[str, float]], None]
"""Called after every iteration with images seen, images in all, and the newest mean losses."""


class Trainer:
    """A run in progress.

    Args:
        run: where it is written.
        method: on its device.
        batches: of the training split, on the same device.
        config: of the run; a checkpoint made with another is refused.
        progress: told of every iteration; on the main process only.
        alarm: told of each sign of collapse, one line each.
    """

    def __init__(
        self,
        run: RunFolder,
        method: Method,
        batches: Batches,
        config: RunConfig,
        progress: TrainingProgress,
        alarm: Callable[[str], None],
    ) -> None:
        self.run, self.method, self.batches = run, method, batches
        self.settings = settings = config.train
        self.identity = identity_of(config)
        self.progress, self.alarm = progress, alarm
        self.device = batches.device
        self.state = TrainState(method, settings.ema_decay)
        num_examples = len(batches)
        self.per_iteration = per_iteration = settings.batch_size * len(method.turns)
        self.iterations = num_iterations(settings, num_examples, len(method.turns))
        self.total_images = self.iterations * per_iteration
        on_device = batches.is_resident and self.device.type == "cuda"
        graphs = settings.cuda_graphs and on_device and world().size == 1
        self.play = TrainStep(self.state, batches, settings, TurnGraph if graphs else None)
        per_epoch = max(1, math.ceil(num_examples / per_iteration))
        self.checkpoint_every = settings.checkpoint_every or per_epoch
        self.latest: dict[str, float] = {}
        self.signal_number = 0

    def iterations_done(self) -> Generator[None]:
        """Trains from the newest checkpoint, or from the start, to the end; an iteration each time.

        Raises:
            Interrupted: SIGINT, SIGTERM or SIGHUP came; a checkpoint was written first.
            NonFiniteError: a loss or parameter stopped being a number; the last good checkpoint
                stands.
            CheckpointError: there are checkpoints but none can be used.
        """
        state = self.state
        if (saved := load_newest(self.run.checkpoints, self.device)) is not None:
            self._check_identity(saved)
            state.load_state_dict(saved)
        log = self._open_log() if world().is_main else None
        self._warn_of_idle_players()
        self.method.train()
        self.clock = Clock(state.images_seen)
        try:
            while state.iterations < self.iterations:
                self.play.run_iteration()
                last = state.iterations == self.iterations
                if last or state.iterations % self.settings.log_every == 0:
                    self._log(log)
                if not self.signal_number:  # a terminal that was closed takes no more lines
                    self.progress(state.images_seen, self.total_images, self.latest)
                stop = any_rank(bool(self.signal_number), self.device)
                if stop or last or state.iterations % self.checkpoint_every == 0:
                    self._save()
                if stop:
                    raise Interrupted(self.signal_number or signal.SIGTERM)
                yield
        finally:
            if log is not None:
                log.close()

    def _warn_of_idle_players(self) -> None:
        """Tells of players whose part of the schedule lies beyond the end of training."""
        for player in self.method.players:
            begin = player.schedule_window[0] * self.play.total_images
            if begin >= self.total_images and world().is_main:
                self.alarm(
                    f"player '{player.name}' would begin after {begin:,.0f} images, but training "
                    f"ends at {self.total_images:,}: it learns nothing. Train longer, or plan for "
                    "less by train.schedule_epochs."
                )

    def _open_log(self) -> Log:
        events = self.run.path / "tensorboard" if self.settings.tensorboard else None
        return Log(self.run.stats_file, self.run.timing_file, events, self.state.images_seen)

    def _log(self, log: Log | None) -> None:
        """One line of means since the last; stops the run if one is not a number."""
        state = self.state
        tensors = state.meters.means()
        average_(list(tensors.values()))  # so that all processes see, and stop at, the same
        means = {name: float(value) for name, value in tensors.items()}
        state.meters.reset()
        self.latest = means
        self._check_finite(means)
        line: dict[str, Any] = {
            "images_seen": state.images_seen,
            "epoch": state.images_seen / len(self.batches),
            "losses": means,
            "learning_rate": self.play.rates,
        }
        if (state.iterations // self.settings.log_every) % self.settings.diagnose_every == 0:
            line["diagnostics"] = seen = diagnose(self.method, self._watched())
            if found := collapse_warnings(seen):
                line["warnings"] = found
        if log is not None:
            for text in line.get("warnings", ()):
                self.alarm(f"{state.images_seen} images: {text}")
            log.write(line, self.clock.lap(state.images_seen))

    def _check_finite(self, means: dict[str, float]) -> None:
        for name, value in means.items():
            if not math.isfinite(value):
                player, _, term = name.partition("/")
                raise NonFiniteError(
                    f"the term '{term}' of player '{player}' became {value} before "
                    f"{self.state.images_seen} images. {self._last_good()} {self._remedy()}"
                )

    def _remedy(self) -> str:
        if self.settings.precision == "bf16":
            return "Lower the learning rate or use train.precision fp32."
        return "Lower the learning rate, or what else is far from its preset."

    def _watched(self) -> Batch:
        """The same examples and latents at every look."""
        noise = Randomness(self.settings.seed, "watch", device=self.device)
        size = min(WATCHED_IMAGES, len(self.batches))
        return Batch(self.batches.draw(0, size), self.method.prior.sample(size, noise), noise)

    def _save(self) -> None:
        state = self.state
        broken = state.first_non_finite()
        if any_rank(bool(broken), self.device):  # else the others would wait for this one
            what = broken or "something on another process"
            raise NonFiniteError(
                f"{what} stopped being a number before {state.images_seen} images. "
                f"{self._last_good()} {self._remedy()}"
            )
        average_(list(state.meters.sums.values()))  # or a line begun would end as the main one's
        if world().is_main:
            content = state.state_dict() | {"config": self.identity}
            keep = self.settings.keep_checkpoints
            save_checkpoint(self.run.checkpoints, content, keep, self._is_regular)
        wait()

    def _is_regular(self, images_seen: int) -> bool:
        """Whether a checkpoint is one of the schedule's, and not a stop's."""
        spacing = self.checkpoint_every * self.per_iteration
        return images_seen % spacing == 0 or images_seen >= self.total_images

    def _last_good(self) -> str:
        there = list_checkpoints(self.run.checkpoints)
        if not there:
            return "There is no checkpoint yet."
        return f"The last good checkpoint stands in {self.run.checkpoints}."

    def _check_identity(self, saved: dict[str, Any]) -> None:
        """Refuses a checkpoint made with other settings than `config.json` now holds."""
        theirs = saved.get("config")
        if theirs != self.identity:
            raise CheckpointError(
                f"the checkpoint was made with other settings than {self.run.config_file} holds; "
                "put back what was changed there."
            )


def train_interleaved(loops: Sequence[Trainer]) -> None:
    """Trains runs to their ends, an iteration of each in turn; on CUDA, each on its own stream.

    Raises:
        Interrupted: after each of them has saved.
        NonFiniteError, CheckpointError: one of them failed; the others stand at their last
            checkpoints.
    """
    own_streams = len(loops) > 1 and loops[0].device.type == "cuda"
    if own_streams:
        torch.cuda.synchronize()  # data and networks were put there on another stream
    streams = [torch.cuda.Stream(loop.device) if own_streams else None for loop in loops]
    going = [(loop.iterations_done(), s) for loop, s in zip(loops, streams, strict=True)]
    stopped: Interrupted | None = None
    with catch_signals(*loops):
        while going:
            for pair in tuple(going):
                steps, stream = pair
                try:
                    with torch.cuda.stream(stream):  # pyright: ignore[reportArgumentType]
                        next(steps)
                except StopIteration:
                    going.remove(pair)
                except Interrupted as error:
                    stopped = error
                    going.remove(pair)
    if own_streams:
        torch.cuda.synchronize()
    if stopped is not None:
        raise stopped


class Clock:
    """Time per line of the log; a lap begins where the one before ended, or at the start.

    Args:
        images_seen: at the start.
    """

    def __init__(self, images_seen: int) -> None:
        self._seen, self._time = images_seen, time.monotonic()

    def lap(self, images_seen: int) -> dict[str, Any]:
        """The line for `timing.jsonl`: seconds since the last lap, and the rate over it."""
        now, before = time.monotonic(), self._time
        seconds, count = max(now - before, 1e-9), images_seen - self._seen
        self._seen, self._time = images_seen, now
        return {
            "images_seen": images_seen,
            "seconds": seconds,
            "images_per_second": count / seconds,
        }


@contextmanager
def catch_signals(*loops: Trainer) -> Generator[None]:
    """Notes signals to stop for all loops, so that their iterations are finished and saved.

    SIGHUP, of a terminal that was closed, is one of them, unless `nohup` has it ignored.
    """

    def note(number: int, _frame: FrameType | None) -> None:
        for loop in loops:
            loop.signal_number = number

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    if threading.current_thread() is not threading.main_thread():
        numbers = []  # only the main thread may handle signals
    before: dict[int, Any] = {number: signal.signal(number, note) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
