"""One turn and one iteration: the only place where gradients are taken and players move."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.distributed import average_, share_of, world
from ..core.errors import ConfigError
from ..core.random import Randomness
from ..data.sampler import Batches
from ..game import Batch, Method, Player, Terms
from .config import TrainSettings
from .state import TrainState


def draw(
    method: Method, batches: Batches, settings: TrainSettings, images_seen: int, turn: int
) -> Batch:
    """The batch of a turn: a function of seed, images seen and turn; this rank's rows of it."""
    here = world()
    device = batches.values.device
    noise = Randomness(
        settings.seed, images_seen, turn, device=device, rank=here.rank, world_size=here.size
    )
    x = batches.draw(images_seen, settings.batch_size, here.rank, here.size)
    z = method.prior.sample(share_of(settings.batch_size, here.size), noise)
    return Batch(x, z, noise)


def play_turn(
    state: TrainState, batch: Batch, players: Sequence[str], precision: str
) -> dict[str, Terms]:
    """Losses, gradients, their mean over processes, and the players' moves, all at once.

    Each player's gradient is taken with respect to its own parameters alone, from the one graph:
    no weight gradient is computed and thrown away, and no player can move another's networks.
    """
    method = state.method
    names = set(players)
    _ready(method, names)
    moving = [player for player in method.players if player.name in names]
    with torch.autocast(batch.z.device.type, torch.bfloat16, enabled=precision == "bf16"):
        losses = method.losses(batch, players)
    gradients = [
        _gradients(method, player, losses[player.name], retain=player is not moving[-1])
        for player in moving
    ]
    average_([gradient for part in gradients for gradient in part.values()])
    for player, part in zip(moving, gradients, strict=True):
        parameters = method.player_parameters(player)
        for name, gradient in part.items():
            parameters[name].grad = gradient
        state.optimizers[player.name].step()
        state.optimizers[player.name].zero_grad(set_to_none=True)
    return losses


def play_iteration(state: TrainState, batches: Batches, settings: TrainSettings) -> None:
    """All turns of an iteration, each on a fresh batch; then teachers, banks and the average."""
    method = state.method
    batch: Batch | None = None
    for turn, players in enumerate(method.turns):
        batch = draw(method, batches, settings, state.images_seen, turn)
        for player, terms in play_turn(state, batch, players, settings.precision).items():
            for name, value in terms.items():
                state.meters.add(f"{player}/{name}", value)
        state.images_seen += settings.batch_size
    if batch is not None:
        method.after_iteration(batch)
    if state.ema is not None:
        state.ema.update(state.iterations)
    state.iterations += 1


def _ready(method: Method, players: set[str]) -> None:
    """Records no graph for the weights of those whose turn it is not."""
    for player in method.players:
        for parameter in method.player_parameters(player).values():
            parameter.requires_grad_(player.name in players)


def _gradients(method: Method, player: Player, terms: Terms, *, retain: bool) -> dict[str, Tensor]:
    total = sum(terms.values(), start=torch.zeros((), device=next(iter(terms.values())).device))
    parameters = method.player_parameters(player)
    gradients = torch.autograd.grad(
        total, list(parameters.values()), retain_graph=retain, allow_unused=True
    )
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise ConfigError(
                f"the loss of player '{player.name}' does not depend on its parameter '{name}'; "
                "take it out of the network or the network out of the player."
            )
    return dict(zip(parameters, gradients, strict=True))
