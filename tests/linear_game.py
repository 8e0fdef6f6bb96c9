"""A game whose generator is linear, so that its inverse is known: least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ambigan.core.data_spec import DataSpec
from ambigan.engine.config import RunConfig
from ambigan.game import Batch, Method, OptimizerSettings, Player, Terms
from ambigan.priors import PriorName, make_prior
from ambigan.run import Run


@dataclass(frozen=True)
class LinearSettings:
    """The prior and what the game can do."""

    prior: PriorName = "normal"
    encodes: bool = False


class LinearGame(Method):
    """x = W z + b; its encoder, if it has one, gives 0; its features are x, times 2."""

    Settings = LinearSettings
    default_layer = "discriminator.0"
    data_networks = ("discriminator",)

    def __init__(self, settings: LinearSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        found: set[Literal["decode", "sample", "encode", "reconstruct"]] = {"decode", "sample"}
        self.capabilities = frozenset(  # pyright: ignore[reportAttributeAccessIssue]
            found | ({"encode", "reconstruct"} if settings.encodes else set())
        )
        self.prior = make_prior(settings.prior, 3)
        self.generator = nn.Linear(3, spec.num_values)
        nn.init.normal_(self.generator.weight, generator=torch.Generator().manual_seed(4))
        self.discriminator = nn.Sequential(nn.Linear(spec.num_values, spec.num_values, bias=False))
        nn.init.eye_(self.discriminator[0].weight).data.mul_(2)  # pyright: ignore
        names = ("generator", "discriminator")
        self.players = tuple(Player(name, (name,), OptimizerSettings()) for name in names)
        self.turns = (names,)

    def losses(self, batch: Batch, players: Sequence[str]) -> dict[str, Terms]:
        raise NotImplementedError

    def run(self, network: str, x: Tensor) -> Tensor:
        return self.get_submodule(network)(x)

    def encode(self, x: Tensor) -> Tensor:
        return x.new_zeros(len(x), 3)

    def decode(self, z: Tensor) -> Tensor:
        return self.generator(z).view(-1, *self.spec.shape)


def linear_run(prior: PriorName = "normal", encodes: bool = False, num_values: int = 8) -> Run:
    """A run of the game, which nobody trained."""
    settings, spec = LinearSettings(prior, encodes), DataSpec("vectors", (num_values,), False)
    config = RunConfig("linear", "none", settings)
    return Run(
        Path("linear"), config, LinearGame(settings, spec).eval(), spec, None, None, 0, "raw"
    )
