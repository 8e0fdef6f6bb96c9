"""The one training loop. It draws, plays, logs, watches and saves, and knows no method."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ..core.distributed import any_rank, average_, wait, world
from ..core.errors import CheckpointError, ConfigError, NonFiniteError
from ..core.random import Randomness
from ..data.sampler import Batches
from ..game import Batch, Method
from .checkpoint import list_checkpoints, load_newest, save_checkpoint, sweep
from .config import RunConfig
from .run_folder import RunFolder
from .schedule import learning_rate
from .sinks import Log
from .state import TrainState
from .step import play_iteration
from .watch import alarms, look

WATCHED_IMAGES = 256


class Interrupted(Exception):
    """A signal asked the run to stop; the checkpoint is written. `signal_number` says which."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number


Progress = Callable[[int, int, dict[str, float]], None]
"""Called after every iteration with images seen, images in all, and the newest mean losses."""


class Loop:
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
        progress: Progress,
        alarm: Callable[[str], None],
    ) -> None:
        self.run, self.method, self.batches = run, method, batches
        self.settings = settings = config.train
        self.identity = _identity(config)
        self.progress, self.alarm = progress, alarm
        self.device = batches.values.device
        self.state = TrainState(method, settings.ema_decay)
        num_examples = len(batches)
        per_iteration = settings.batch_size * len(method.turns)
        if settings.batch_size < 2:
            raise ConfigError("train.batch_size 1: batch statistics need at least 2; choose more.")
        self.iterations = math.ceil(settings.epochs * num_examples / per_iteration)
        self.total_images = self.iterations * per_iteration
        self.schedule_images = (settings.schedule_epochs or settings.epochs) * num_examples
        per_epoch = max(1, math.ceil(num_examples / per_iteration))
        self.checkpoint_every = settings.checkpoint_every or per_epoch
        self.latest: dict[str, float] = {}
        self.signal_number = 0

    def fit(self) -> TrainState:
        """Trains from the newest checkpoint, or from the start, to the end.

        Raises:
            Interrupted: SIGINT or SIGTERM came; a checkpoint was written first.
            NonFiniteError: a loss or parameter stopped being a number; the last good checkpoint
                stands.
            CheckpointError: there are checkpoints but none can be used.
        """
        with self._signals():
            return self._fit()

    def _fit(self) -> TrainState:
        state = self.state
        if (saved := load_newest(self.run.checkpoints, self.device)) is not None:
            self._check_identity(saved)
            state.load_state_dict(saved)
        if world().is_main:
            sweep(self.run.checkpoints)
        log = self._open_log() if world().is_main else None
        self.method.train()
        started, seen_before = time.monotonic(), state.images_seen
        try:
            while state.iterations < self.iterations:
                self._set_learning_rates()
                play_iteration(state, self.batches, self.settings)
                last = state.iterations == self.iterations
                if last or state.iterations % self.settings.log_every == 0:
                    rate = (state.images_seen - seen_before) / (time.monotonic() - started)
                    self._log(log, rate)
                self.progress(state.images_seen, self.total_images, self.latest)
                if last or state.iterations % self.checkpoint_every == 0:
                    self._save()
                if any_rank(bool(self.signal_number), self.device):
                    self._save()
                    raise Interrupted(self.signal_number or signal.SIGTERM)
        finally:
            if log is not None:
                log.close()
        return state

    def _set_learning_rates(self) -> None:
        for player in self.method.players:
            rate = learning_rate(player.optimizer, self.state.images_seen, self.schedule_images)
            for group in self.state.optimizers[player.name].param_groups:
                group["lr"] = rate

    def _open_log(self) -> Log:
        events = self.run.path / "tensorboard" if self.settings.tensorboard else None
        return Log(self.run.stats_file, self.run.timing_file, events, self.state.images_seen)

    def _log(self, log: Log | None, images_per_second: float) -> None:
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
            "learning_rate": {
                name: optimizer.param_groups[0]["lr"]
                for name, optimizer in state.optimizers.items()
            },
        }
        if (state.iterations // self.settings.log_every) % self.settings.watch_every == 0:
            line["watch"] = seen = look(self.method, self._watched())
            if found := alarms(seen):
                line["alarms"] = found
        if log is not None:
            for text in line.get("alarms", ()):
                self.alarm(f"{state.images_seen} images: {text}")
            timing = {"images_seen": state.images_seen, "images_per_second": images_per_second}
            log.write(line, timing)

    def _check_finite(self, means: dict[str, float]) -> None:
        for name, value in means.items():
            if not math.isfinite(value):
                player, _, term = name.partition("/")
                raise NonFiniteError(
                    f"the term '{term}' of player '{player}' became {value} before "
                    f"{self.state.images_seen} images. {self._last_good()} "
                    "Lower the learning rate or use train.precision fp32."
                )

    def _watched(self) -> Batch:
        """The same examples and latents at every look."""
        noise = Randomness(self.settings.seed, "watch", device=self.device)
        size = min(WATCHED_IMAGES, len(self.batches))
        return Batch(self.batches.draw(0, size), self.method.prior.sample(size, noise), noise)

    def _save(self) -> None:
        state = self.state
        if broken := state.first_non_finite():
            raise NonFiniteError(
                f"{broken} stopped being a number before {state.images_seen} images. "
                f"{self._last_good()} Lower the learning rate or use train.precision fp32."
            )
        if world().is_main:
            content = state.state_dict() | {"config": self.identity}
            save_checkpoint(self.run.checkpoints, content, self.settings.keep_checkpoints)
        wait()

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

    @contextmanager
    def _signals(self) -> Generator[None]:
        """Notes SIGINT and SIGTERM, so that the iteration is finished and saved first."""

        def note(number: int, _frame: FrameType | None) -> None:
            self.signal_number = number

        numbers = [signal.SIGINT, signal.SIGTERM]
        if threading.current_thread() is not threading.main_thread():
            numbers = []  # only the main thread may handle signals
        before: dict[int, Any] = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _identity(config: RunConfig) -> dict[str, Any]:
    """The settings a checkpoint belongs to: all but the device, which a run may change."""
    plain = config.to_json()
    del plain["train"]["device"]
    return plain
