"""A method under test: its batches, a step as the trainer plays it, and what a step has changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ..core.data_spec import DataSpec
from ..core.distributed import average_
from ..core.randomness import Randomness, torch_seed
from ..engine.train_state import TrainState
from ..engine.train_step import compute_gradients, set_requires_grad, step_optimizers
from ..game import Batch, Method, Terms
from ..methods.registry import check_losses
from ..networks.layers.spectral_norm import SpectralNorm

SPEC = DataSpec("images", (1, 8, 8), bounded=True)
BATCH_SIZE = 10


@dataclass(frozen=True)
class MethodUnderTest:
    """A method that is checked.

    Attributes:
        make: Returns the method afresh, with the same initial weights each time.
        rows: Examples in a batch.
    """

    make: Callable[[], Method]
    rows: int = BATCH_SIZE

    def batch(self, method: Method, *key: int, dtype: torch.dtype = torch.float32) -> Batch:
        """A batch that is a function of its key."""
        noise = Randomness("check", *key)
        x = noise.uniform(self.rows, *method.spec.shape) * 2 - 1
        z = method.prior.sample(self.rows, noise)
        return Batch(x.to(dtype), z.to(dtype), noise)


def converge_spectral_norms(method: nn.Module) -> None:
    """Iterates spectral norms to their end, so that forward passes do not change them."""
    for module in method.modules():
        for found in cast(dict[str, Any], getattr(module, "parametrizations", {})).values():
            for part in cast(Iterable[nn.Module], found):
                if isinstance(part, SpectralNorm):
                    matrix = cast(Tensor, found.original).detach().flatten(1)
                    linalg: Any = torch.linalg  # its functions carry no types
                    left, _, right = linalg.svd(matrix, full_matrices=False)
                    part.left.copy_(left[:, 0])
                    part.right.copy_(right[0])


def play_turn(state: TrainState, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
    """Plays a turn as the trainer does, on a given batch and in fp32; returns the losses."""
    owned = set_requires_grad(state.method, players)
    losses = state.method.losses(batch, players)
    check_losses(losses, players)
    gradients = compute_gradients(owned, losses)
    average_([gradient for part in gradients.values() for gradient in part])
    step_optimizers(state.optimizers, owned, gradients)
    return losses


def play_iterations(subject: MethodUnderTest, state: TrainState, iterations: int) -> None:
    """Iterations as the engine plays them, each on batches keyed by its number and turn."""
    for _ in range(iterations):
        batches: list[Batch] = []
        for turn, players in enumerate(state.method.turns):
            batch = subject.batch(state.method, state.iterations, turn)
            state.meters.add(play_turn(state, batch, players))
            batches.append(batch)
        state.method.after_iteration(batches)
        if state.ema is not None:
            state.ema.update(state.iterations)
        state.iterations += 1


def copy_state(method: Method) -> dict[str, Tensor]:
    """Copies of all parameters and buffers, by name."""
    return {name: value.detach().clone() for name, value in method.state_dict().items()}


def changed_tensors(method: Method, before: dict[str, Tensor]) -> Sequence[str]:
    """Names of what differs from an earlier state."""
    now = method.state_dict()
    names = [*before, *(name for name in now if name not in before)]
    return [n for n in names if n not in now or n not in before or not now[n].equal(before[n])]


@contextmanager
def global_seed(seed: int) -> Generator[None]:
    """Seeds every global generator, and puts each back as it was."""
    ours, theirs = random.getstate(), np.random.get_state()
    with torch_seed(seed):
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(theirs)
