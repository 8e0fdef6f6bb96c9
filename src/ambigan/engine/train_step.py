"""The parts of a step: what `Trainer.train` draws, differentiates and moves, one function each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..core.distributed import world
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..data.batches.sampler import Batches
from ..game import Batch, Method, Terms
from .config import TrainSettings

Parameters = dict[str, dict[str, nn.Parameter]]
"""The parameters of each player, by dotted name."""

Gradients = dict[str, list[Tensor]]
"""The gradients of each player that moves, in the order of its parameters."""


def draw_rows(batches: Batches, settings: TrainSettings, images_seen: int) -> Tensor:
    """The rows of the examples that a turn sees, int64: this rank's part of the global batch.

    They are a function of seed and images seen, so a resumed run sees what it would have seen. The
    next turn's begin to be read, where the examples are not on the device.
    """
    here, size = world(), settings.batch_size
    rows = batches.indices(images_seen, size, here.rank, here.size)
    batches.expect(images_seen + size, size, here.rank, here.size)
    return rows


def keyed_noise(batches: Batches, *key: int | str) -> Randomness:
    """The randomness of a turn: a function of its key, of which each rank takes its rows."""
    here = world()
    return Randomness(*key, device=batches.device, rank=here.rank, world_size=here.size)


def make_batch(method: Method, batches: Batches, rows: Tensor, noise: Randomness) -> Batch:
    """The examples of some rows, augmented where the data settings ask for it, with latents."""
    z = method.prior.sample(len(rows), noise)  # first, so that latents are the same if augmented
    return Batch(batches.gather(rows, noise), z, noise)


def set_requires_grad(method: Method, players: Sequence[str]) -> Parameters:
    """Lets only the parameters of some players have gradients; returns those of all players.

    Autograd then builds no graph for the weights of players that wait, which saves their weight
    gradients; gradients still flow through their networks to those that move.
    """
    owned = {player.name: method.player_parameters(player) for player in method.players}
    for name, parameters in owned.items():
        for parameter in parameters.values():
            parameter.requires_grad_(name in players)
    return owned


def compute_gradients(owned: Parameters, losses: Mapping[str, Terms]) -> Gradients:
    """Each player's gradients, with respect to its own parameters alone, from the one graph.

    `torch.autograd.grad` and not `backward`: no weight gradient is computed and thrown away, and
    no player can move another's networks. The losses are those of the players that move.

    Raises:
        ConfigError: A loss does not depend on one of its player's parameters.
    """
    moving = [name for name in owned if name in losses]
    return {
        name: _player_gradients(name, owned[name], losses[name], retain=name != moving[-1])
        for name in moving
    }


def _player_gradients(
    player: str, parameters: dict[str, nn.Parameter], terms: Terms, *, retain: bool
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


def step_optimizers(
    optimizers: Mapping[str, torch.optim.Optimizer], owned: Parameters, gradients: Gradients
) -> None:
    """Moves each player by its gradients; the gradients are let go at once."""
    for name, part in gradients.items():
        for parameter, gradient in zip(owned[name].values(), part, strict=True):
            parameter.grad = gradient
        optimizers[name].step()
        optimizers[name].zero_grad(set_to_none=True)
