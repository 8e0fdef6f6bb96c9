"""Turns as CUDA graphs: hundreds of small kernels become one launch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..core.randomness import Randomness
from ..game import Batch

PlayerNames = tuple[str, ...]
PlayTurn = Callable[[PlayerNames, Tensor, Randomness], Batch]
"""Plays a turn of some players on the examples of given rows, with given randomness, and returns
the batch that it made. Nothing in it may depend on the time in training."""

TURNS_BEFORE_CAPTURE = 3
"""Turns of the same players that are played as they are before one is recorded: by then optimisers
and meters have their tensors, and libraries have chosen their kernels and workspaces."""


class TurnGraph:
    """A turn that is recorded once, and then replayed on other rows and with other randomness.

    A replay runs no Python and reads the same addresses. So whatever changes from one turn to the
    next lies in tensors of fixed place: the rows here, the learning rates in the optimisers, the
    sums of the losses in the meters. Noise comes from one generator that the graph knows; seeded
    as the turn's own generator before each replay, it draws what the turn itself would draw.

    The turn of certain players is recorded and not played, and must have been played before.
    """

    def __init__(
        self, turn: Callable[[Tensor, Randomness], Batch], num_rows: int, device: torch.device
    ) -> None:
        self._rows = torch.zeros(num_rows, dtype=torch.int64, device=device)
        self._noise = Randomness(device=device)
        self._graph: Any = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._noise.generator)
        with torch.cuda.graph(self._graph):
            self.batch = turn(self._rows, self._noise)

    def replay(self, rows: Tensor, noise: Randomness) -> Batch:
        """Plays on the examples of these rows; the batch lies where the last one lay."""
        self._rows.copy_(rows)
        self._noise.generator.manual_seed(noise.generator.initial_seed())
        self._graph.replay()
        return self.batch


Recorder = Callable[[Callable[[Tensor, Randomness], Batch], int, torch.device], TurnGraph]


class CapturedTurns:
    """Plays turns as the function that it wraps does, by graphs from the fourth turn on.

    The recorder makes a graph of a turn: it is `TurnGraph`, or its stand-in in a test.
    """

    def __init__(
        self, play_turn: PlayTurn, turns: tuple[PlayerNames, ...], recorder: Recorder
    ) -> None:
        self._play_turn, self._turns, self._recorder = play_turn, turns, recorder
        self._num_played: dict[PlayerNames, int] = {}
        self._graphs: dict[PlayerNames, TurnGraph] = {}

    def __call__(self, moving: PlayerNames, rows: Tensor, noise: Randomness) -> Batch:
        """Plays a turn of these players."""
        # First as it is: what a recording needs must be there, and capture forbids allocations
        # outside its pool, lazy initialisation and the like.
        self._num_played[moving] = self._num_played.get(moving, 0) + 1
        if self._num_played[moving] <= TURNS_BEFORE_CAPTURE:
            return self._play_turn(moving, rows, noise)

        # Then one graph for each set of players; a player that begins later makes a set of its own.
        if moving not in self._graphs:
            turn = partial(self._play_turn, moving)
            self._graphs[moving] = self._recorder(turn, len(rows), rows.device)
        batch = self._graphs[moving].replay(rows, noise)

        # The same graph may play twice in an iteration, such as D's turns in BigBiGAN, and write
        # its batch over the first one, which `after_iteration` is still to see.
        is_repeated = sum(set(moving) <= set(names) for names in self._turns) > 1
        return batch.copy() if is_repeated else batch
