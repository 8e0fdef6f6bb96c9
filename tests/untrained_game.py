"""What games of tests share that are never trained: two players and no losses."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ambigan.game import Batch, Method, OptimizerSettings, Player, Terms


class UntrainedGame(Method):
    """A generator and a discriminator, each a player of its own."""

    data_networks = ("discriminator",)
    default_layer = "discriminator.0"

    def add_players(self) -> None:
        names = ("generator", "discriminator")
        self.players = tuple(Player(name, (name,), OptimizerSettings()) for name in names)
        self.turns = (names,)

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        raise NotImplementedError

    def run(self, network: str, x: Tensor) -> Tensor:
        return self.get_submodule(network)(x)
