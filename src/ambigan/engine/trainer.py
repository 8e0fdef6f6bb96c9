"""The one training loop, top to bottom in `Trainer.train`. It knows no method.

Every draw is a function of (seed, images seen, turn), so that a training that is stopped and
resumed draws what it would have drawn.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..core.distributed import any_rank, average_, world
from ..core.errors import ConfigError, NonFiniteError
from ..core.randomness import Randomness
from ..data.batches.sampler import Batches
from ..game import Batch
from ..methods import check_losses
from .config import TrainSettings
from .diagnostics import collapse_warnings, diagnose, diagnosed_batch, validation_error
from .durations import duration
from .graph_capture import CapturedTurns, PlayerNames, Recorder
from .run_output import RunOutput
from .schedule import (
    has_begun,
    is_active,
    is_diagnosis_due,
    is_log_due,
    num_iterations,
    player_rate,
    schedule_images,
)
from .train_state import TrainState, set_rate
from .train_step import (
    compute_gradients,
    draw_rows,
    keyed_noise,
    make_batch,
    set_requires_grad,
    step_optimizers,
)

logger = logging.getLogger(__name__)


MEASURED_SECONDS = 10.0
"""Time of training by which the rest is estimated."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to stop; the checkpoint is written. `signal_number` says which.

    It is a `KeyboardInterrupt` so that code that tries one setting after another and goes on after
    any `Exception`, as scikit-learn's searches do, stops here.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number


TrainingProgress = Callable[[int, int, dict[str, float]], None]
"""Called after every iteration with images seen, images in all, and the newest mean losses."""


def no_progress(_seen: int, _total: int, _losses: dict[str, float]) -> None:
    """Shows nothing."""


class Trainer:
    """A game in training.

    Args:
        state: networks, optimisers, average and meters, on their device.
        batches: examples of the training split, on the same device.
        settings: training settings, with a precision.
        recorder: what makes a CUDA graph of a turn; None to play every turn as it is.
        output: files of the run. Without them, iterations go on without end, and nothing is
            logged, diagnosed or saved: for measuring a step before a run.
        validation: examples that are not trained on, by which the best state is chosen; None to
            keep the last one.
        progress: called after every iteration.

    Attributes:
        rates: learning rate of each player in the present iteration.
        planned_images: images over which learning rates and phases are planned.
        signal_number: signal that asked the run to stop, or 0; set from outside.
    """

    def __init__(
        self,
        state: TrainState,
        batches: Batches,
        settings: TrainSettings,
        recorder: Recorder | None = None,
        *,
        output: RunOutput | None = None,
        validation: Batches | None = None,
        progress: TrainingProgress = no_progress,
    ) -> None:
        if settings.precision == "auto":
            raise ConfigError(
                "train.precision 'auto' is not resolved; pass the config through resolve_precision."
            )
        self.state, self.batches, self.settings, self.recorder = state, batches, settings, recorder
        self.output, self.progress, self.validation = output, progress, validation
        self.device, self.is_bf16 = batches.device, settings.precision == "bf16"
        self.players = {player.name: player for player in state.method.players}
        num_turns = len(state.method.turns)
        self.images_per_iteration = settings.batch_size * num_turns
        self.planned_images = schedule_images(settings, len(batches))
        self._planned_iterations = num_iterations(settings, len(batches), num_turns)
        per_epoch = max(1, math.ceil(len(batches) / self.images_per_iteration))
        self.checkpoint_every = settings.checkpoint_every or per_epoch
        self.rates: dict[str, float] = {}
        self.latest: dict[str, float] = {}
        self._warned: set[str] = set()
        self._measured_from: tuple[float, int] | None = None
        self._is_time_estimated = False
        self.signal_number = 0

    @property
    def num_iterations(self) -> int:
        """Iterations of the whole training: those planned, or those made until patience was over.

        Patience is over where so many states in a row were no better.
        """
        is_over = 0 < self.settings.patience <= self.state.best.num_since
        return self.state.iterations if is_over else self._planned_iterations

    @property
    def total_images(self) -> int:
        """Images seen at the end of training."""
        return self.num_iterations * self.images_per_iteration

    def train(self) -> Generator[None]:
        """The whole course of a training; yields after every iteration.

        Raises:
            Interrupted: a signal to stop came; a checkpoint was written first.
            NonFiniteError: a loss or parameter stopped being a number.
        """
        state, settings, batches, output = self.state, self.settings, self.batches, self.output
        method, meters = state.method, state.meters
        if output is not None:
            self._begin(output)
        method.train()

        def play_turn(moving: PlayerNames, rows: Tensor, noise: Randomness) -> Batch:
            # Draw: the examples of these rows, and as many latents from the prior.
            batch = make_batch(method, batches, rows, noise)

            # Losses: named terms of every player that moves, from one forward pass.
            owned = set_requires_grad(method, moving)
            with torch.autocast(batch.z.device.type, torch.bfloat16, enabled=self.is_bf16):
                losses = method.losses(batch, moving)
            check_losses(losses, moving)

            # Gradients: of each player's own loss, with respect to its own parameters alone.
            gradients = compute_gradients(owned, losses)

            # Reduce: their mean over all processes, in one message.
            average_([gradient for part in gradients.values() for gradient in part])

            # Step: all players at once, so that simultaneous play is simultaneous.
            step_optimizers(state.optimizers, owned, gradients)
            meters.add(losses)
            return batch

        play = CapturedTurns(play_turn, method.turns, self.recorder) if self.recorder else play_turn
        while output is None or state.iterations < self.num_iterations:
            # Schedule: learning rates are functions of images seen.
            for name, player in self.players.items():
                self.rates[name] = player_rate(player, state.images_seen, self.planned_images)
                set_rate(state.optimizers[name], self.rates[name])

            # Turns: each on a fresh batch, by the players whose part of training this is.
            played: list[Batch] = []
            for turn, names in enumerate(method.turns):
                if moving := tuple(name for name in names if self.is_active(name)):
                    rows = draw_rows(batches, settings, state.images_seen)
                    noise = keyed_noise(batches, settings.seed, state.images_seen, turn)
                    progress = min(state.images_seen / self.planned_images, 1.0)
                    played.append(replace(play(moving, rows, noise), progress=progress))
                    meters.count(moving)
                state.images_seen += settings.batch_size

            # Average: teachers and memory banks of the method, then the EMA of all its networks.
            if played:
                method.after_iteration(played)
                played.clear()  # the batches are not kept until the next iteration
            if state.ema is not None:
                state.ema.update(state.iterations)
            state.iterations += 1
            if output is None:
                yield
                continue

            # Look: the best state so far, mean losses, signs of collapse.
            self._report(output, self._look(output))

            # Checkpoint: on schedule, at the end, and when a signal asks any process to stop.
            stop = any_rank(bool(self.signal_number), self.device)
            is_last = state.iterations == self.num_iterations
            if stop or is_last or state.iterations % self.checkpoint_every == 0:
                self._save(output)
            if stop:
                raise Interrupted(self.signal_number or signal.SIGTERM)
            yield

    def run_iteration(self) -> None:
        """Plays one iteration more; for measuring or testing a step without a run's files."""
        next(self._iterations)

    @cached_property
    def _iterations(self) -> Generator[None]:
        return self.train()

    def is_active(self, name: str) -> bool:
        """Whether a player moves now."""
        return is_active(self.players[name], self.state.images_seen, self.planned_images)

    def _begin(self, output: RunOutput) -> None:
        """Goes on from the newest checkpoint, if there is one, and says what will be trained."""
        state, settings = self.state, self.settings
        output.restore(state, self.device)
        done = [
            number * self.images_per_iteration
            for number in range(1, state.iterations + 1)
            if is_log_due(settings, number, self.num_iterations)
        ]
        output.open(state.images_seen, done)
        if state.iterations >= self.num_iterations:  # complete: what it once warned of still holds
            self._diagnose(output)
        if not world().is_main:
            return
        turns = len(state.method.turns)
        each = f"{turns} turns of {settings.batch_size}" if turns > 1 else f"{settings.batch_size}"
        steps = f"{self.num_iterations:,} step{'s' * (self.num_iterations != 1)}"
        epochs = f"{settings.epochs:,} epoch{'s' * (settings.epochs != 1)}"
        logger.info(
            f"{steps} of {each} examples: {epochs} of {len(self.batches):,}, on {self.device} in"
            f" {settings.precision}"
            + (f"; {state.iterations:,} are done" if state.iterations else "")
        )
        for player in state.method.players:
            begin = player.schedule_window[0] * self.planned_images
            if begin >= self.total_images:
                logger.warning(
                    f"player '{player.name}' would begin after {begin:,.0f} examples, but training "
                    f"ends at {self.total_images:,}: it learns nothing. Train longer, or plan for "
                    "less by train.schedule_epochs."
                )

    def _estimate_time(self) -> None:
        """Says once how long training will take, by its first seconds, where that is longer.

        The first iteration is not counted, in which memory is allocated and graphs are recorded.
        """
        now, done = time.monotonic(), self.state.iterations
        start, first = self._measured_from = self._measured_from or (now, done)
        if self._is_time_estimated or now - start < MEASURED_SECONDS or done == first:
            return
        self._is_time_estimated = True
        left = (now - start) / (done - first) * (self.num_iterations - done)
        if left > MEASURED_SECONDS and world().is_main:
            logger.info(f"about {duration(left)} left, by the time of {done - first:,} steps")

    def _read_losses(self, output: RunOutput) -> dict[str, float]:
        """Means of all terms since the last line, over all processes, which must be finite."""
        meters = self.state.meters
        tensors = meters.means()
        average_(list(tensors.values()))  # so that all processes see, and stop at, the same
        self.latest = {name: float(value) for name, value in tensors.items()}
        meters.reset()
        for name, value in self.latest.items():
            if not math.isfinite(value):
                player, _, term = name.partition("/")
                raise self._broken(f"the term '{term}' of player '{player}' became {value}", output)
        return self.latest

    def _look(self, output: RunOutput) -> dict[str, Any]:
        """What is due after this iteration, as a line of the log; the same on all processes."""
        line: dict[str, Any] = {}
        iterations, settings = self.state.iterations, self.settings

        # Validate: the best state so far is kept, and put back at the end, which this may be.
        if is_diagnosed := is_diagnosis_due(settings, iterations, self.num_iterations):
            line = self._validate(output)

        # Log: mean losses since the last line.
        if is_log_due(settings, iterations, self.num_iterations):
            line |= {"losses": self._read_losses(output), "learning_rate": self.rates}

        # Diagnose: signs of collapse, which losses do not show, are sought in the networks.
        if is_diagnosed:
            line |= self._diagnose(output)
        return line

    def _validate(self, output: RunOutput) -> dict[str, Any]:
        """The error on held-out examples as part of a line; nothing where none are held out.

        At the end of training the best state takes the place of the last one.
        """
        state, best = self.state, self.state.best
        if self.validation is None or not self._is_whole:
            return {}
        self._check_finite(output)
        networks = state.networks
        error = validation_error(networks.get("ema", state.method), self.validation)
        average_([error])  # so that all processes keep the same state
        best.offer(float(error), state.images_seen, networks)
        if state.iterations == self.num_iterations:
            best.put_back(networks)
            if state.iterations < self._planned_iterations and world().is_main:
                logger.info(
                    f"training ends after {state.images_seen:,} examples: no state was better in"
                    f" the last {best.num_since} measurements"
                )
            if 0 < best.images_seen < state.images_seen and world().is_main:
                logger.info(
                    f"the state at {best.images_seen:,} examples is kept: its reconstructions of"
                    f" {len(self.validation):,} held-out examples are the nearest, at a mean"
                    f" distance of {best.error:.3g} (at the end {float(error):.3g})"
                )
        return {"validation": {"error": float(error), "best_at": best.images_seen}}

    @property
    def _is_whole(self) -> bool:
        """Whether all networks have begun to learn, so that reconstructions mean something."""
        seen, planned = self.state.images_seen, self.planned_images
        return all(has_begun(player, seen, planned) for player in self.players.values())

    def _diagnose(self, output: RunOutput) -> dict[str, Any]:
        """The diagnostics of the networks and the warnings that follow, as parts of a line."""
        self._check_finite(output)
        method, state = self.state.method, self.state
        batch = diagnosed_batch(method, self.batches, self.settings.seed)
        found = diagnose(method, batch, can_reconstruct=self._is_whole)
        part: dict[str, Any] = {"diagnostics": found}
        if signs := collapse_warnings(found):
            part["warnings"] = signs
        is_end = state.iterations >= self.num_iterations
        for sign in signs if world().is_main else ():  # when it appears, and at the end
            if is_end or sign.partition(":")[0] not in self._warned:
                logger.warning(f"{state.images_seen:,} examples: {sign}")
        self._warned = {sign.partition(":")[0] for sign in signs}
        return part

    def _report(self, output: RunOutput, line: dict[str, Any]) -> None:
        """Writes a line, if it holds anything, and shows how far training is."""
        seen = self.state.images_seen
        if line:
            output.write({"images_seen": seen, "epoch": seen / len(self.batches)} | line)
        if "diagnostics" in line:
            output.write_samples(self.state.networks.get("ema", self.state.method), seen)
        if not self.signal_number:  # a terminal that was closed takes no more lines
            self._estimate_time()
            self.progress(seen, self.total_images, self.latest)

    def _save(self, output: RunOutput) -> None:
        """Writes a checkpoint of finite weights, in a folder that is still this training's."""
        self._check_finite(output)
        output.check_claim(self.state.images_seen, self.device)
        spacing = self.checkpoint_every * self.images_per_iteration
        output.save(self.state, self.settings.keep_checkpoints, spacing, self.total_images)

    def _check_finite(self, output: RunOutput) -> None:
        """Stops, on all processes, where a parameter or a sum of losses is not a number."""
        broken = self.state.first_non_finite()
        if any_rank(bool(broken), self.device):  # else the others would wait for this one
            what = broken or "something on another process"
            raise self._broken(f"{what} stopped being a number", output)

    def _broken(self, what: str, output: RunOutput) -> NonFiniteError:
        remedy = "Lower the learning rate, or what else is far from its preset."
        if self.is_bf16:
            remedy = "Lower the learning rate or use train.precision fp32."
        return NonFiniteError(
            f"{what} before {self.state.images_seen} images. {output.last_good()} {remedy}"
        )
