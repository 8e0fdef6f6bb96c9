"""One turn and one iteration: the only place where gradients are taken and players move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from ..core.distributed import average_, world
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..data.sampler import Batches
from ..game import Batch, Method, Terms
from ..methods import check_losses
from .config import TrainSettings
from .graph_capture import Turn, TurnGraph
from .schedule import is_active, player_rate, schedule_images
from .train_state import TrainState, set_rate

TURNS_BEFORE_CAPTURE = 3
"""Played as they are, so that optimisers, meters and libraries have made what they keep."""

Recorder = Callable[[Turn, int, torch.device], TurnGraph]


class TrainStep:
    """The game going on, iteration after iteration.

    On CUDA a turn is played as it is a few times, then recorded, and replayed from there on.

    Args:
        state: what moves.
        batches: of the training split, on the same device.
        settings: of training.
        recorder: makes a graph of a turn; None to play every turn as it is.
    """

    def __init__(
        self,
        state: TrainState,
        batches: Batches,
        settings: TrainSettings,
        recorder: Recorder | None = None,
    ) -> None:
        self.state, self.batches, self.settings, self.recorder = state, batches, settings, recorder
        self.players = {player.name: player for player in state.method.players}
        self.total_images = schedule_images(settings, len(batches))
        self.rates: dict[str, float] = {}
        if settings.precision == "auto":
            raise ConfigError(
                "train.precision 'auto' was not settled; pass the config through settle_precision."
            )
        self._num_played: dict[tuple[str, ...], int] = {}
        self._graphs: dict[tuple[str, ...], TurnGraph] = {}

    def run_iteration(self) -> None:
        """All turns, each on a fresh batch; then teachers, banks and the average."""
        state, played = self.state, list[Batch]()
        for name, player in self.players.items():
            self.rates[name] = player_rate(player, state.images_seen, self.total_images)
            set_rate(state.optimizers[name], self.rates[name])
        for turn, names in enumerate(state.method.turns):
            if moving := tuple(name for name in names if self.is_active(name)):
                played.append(self._play(turn, moving))
            state.images_seen += self.settings.batch_size
        if played:
            state.method.after_iteration(played)
        if state.ema is not None:
            state.ema.update(state.iterations)
        state.iterations += 1

    def is_active(self, name: str) -> bool:
        """Whether a player moves now."""
        return is_active(self.players[name], self.state.images_seen, self.total_images)

    def _play(self, turn: int, moving: tuple[str, ...]) -> Batch:
        state, settings = self.state, self.settings
        rows = draw_rows(self.batches, settings, state.images_seen)
        prefetch_rows(self.batches, settings, state.images_seen + settings.batch_size)
        key = (settings.seed, state.images_seen, turn)
        self._num_played[moving] = self._num_played.get(moving, 0) + 1
        if self.recorder is None or self._num_played[moving] <= TURNS_BEFORE_CAPTURE:
            batch = self._turn(moving, rows, keyed_noise(self.batches, *key))
        else:
            if moving not in self._graphs:
                turn_of_these = partial(self._turn, moving)
                self._graphs[moving] = self.recorder(turn_of_these, len(rows), rows.device)
            batch = self._graphs[moving].replay(rows, *key)
            if sum(set(moving) <= set(names) for names in self.state.method.turns) > 1:
                batch = batch.copy()  # which another turn of the same graph may write over
        state.meters.count(moving)
        return batch

    def _turn(self, moving: Sequence[str], rows: Tensor, noise: Randomness) -> Batch:
        """What is recorded: nothing here depends on where in training we are."""
        batch = make_batch(self.state.method, self.batches, rows, noise)
        losses = train_step(self.state, batch, moving, self.settings.precision)
        self.state.meters.add(losses)
        return batch


def draw_rows(batches: Batches, settings: TrainSettings, images_seen: int) -> Tensor:
    """Which examples a turn sees, a function of seed and images seen: this rank's part of them."""
    here = world()
    return batches.indices(images_seen, settings.batch_size, here.rank, here.size)


def prefetch_rows(batches: Batches, settings: TrainSettings, images_seen: int) -> None:
    """Has the rows of a later turn read meanwhile, where they are not on the device."""
    here = world()
    batches.expect(images_seen, settings.batch_size, here.rank, here.size)


def keyed_noise(batches: Batches, *key: int | str) -> Randomness:
    """The randomness of a turn, a function of its key, sliced by rank."""
    here = world()
    return Randomness(*key, device=batches.device, rank=here.rank, world_size=here.size)


def make_batch(method: Method, batches: Batches, rows: Tensor, noise: Randomness) -> Batch:
    """Examples by row, augmented if the data are, and latents beside them."""
    z = method.prior.sample(len(rows), noise)  # first: so augmentation leaves latents as they were
    return Batch(batches.gather(rows, noise), z, noise)


def train_step(
    state: TrainState, batch: Batch, players: Sequence[str], precision: str
) -> dict[str, Terms]:
    """Losses, gradients, their mean over processes, and the players' moves, all at once.

    Each player's gradient is taken with respect to its own parameters alone, from the one graph:
    no weight gradient is computed and thrown away, and no player can move another's networks.
    """
    method = state.method
    owned = set_requires_grad(method, players)
    with torch.autocast(batch.z.device.type, torch.bfloat16, enabled=precision == "bf16"):
        losses = method.losses(batch, players)
    check_losses(losses, players)
    gradients = compute_gradients(owned, losses)
    average_([gradient for part in gradients.values() for gradient in part])
    for name, part in gradients.items():
        for parameter, gradient in zip(owned[name].values(), part, strict=True):
            parameter.grad = gradient
        state.optimizers[name].step()
        state.optimizers[name].zero_grad(set_to_none=True)
    return losses


def set_requires_grad(
    method: Method, players: Sequence[str]
) -> dict[str, dict[str, torch.nn.Parameter]]:
    """Parameters of each player; those of players who wait get no graph."""
    owned = {player.name: method.player_parameters(player) for player in method.players}
    for name, parameters in owned.items():
        for parameter in parameters.values():
            parameter.requires_grad_(name in players)
    return owned


def compute_gradients(
    owned: dict[str, dict[str, torch.nn.Parameter]], losses: dict[str, Terms]
) -> dict[str, list[Tensor]]:
    """Of each player that has a loss, by its own parameters, in their order and layout."""
    moving = [name for name in owned if name in losses]
    return {
        name: _gradients(name, owned[name], losses[name], retain=name != moving[-1])
        for name in moving
    }


def _gradients(
    player: str, parameters: dict[str, torch.nn.Parameter], terms: Terms, *, retain: bool
) -> list[Tensor]:
    total = sum(terms.values(), start=torch.zeros((), device=next(iter(terms.values())).device))
    gradients = torch.autograd.grad(
        total, list(parameters.values()), retain_graph=retain, allow_unused=True
    )
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise ConfigError(
                f"the loss of player '{player}' does not depend on its parameter '{name}'; "
                "take it out of the network or the network out of the player."
            )
    return [_laid_out_as(p, g) for p, g in zip(parameters.values(), gradients, strict=True)]


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """A gradient in the memory layout of its parameter.

    Fused optimisers walk both in the order of memory. `backward()` sees to that; `grad` does not,
    and a second derivative of a channels-last convolution, such as R1's, comes out contiguous.
    """
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
