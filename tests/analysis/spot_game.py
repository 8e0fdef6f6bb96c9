"""A game whose generator paints a spot with one map, so that what must be forgotten is known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ambigan.core.data_spec import DataSpec
from ambigan.data import Dataset, Split
from ambigan.engine.config import RunConfig
from ambigan.priors import make_prior
from ambigan.run import Run
from untrained_game import UntrainedGame

SPEC = DataSpec("images", (1, 8, 8), bounded=True)
SPOT, PLACE = 3, (1, 2)  # the map that paints it, and where in 4x4


class Maps(nn.Conv2d):
    """Four maps of 4x4: constant, all but the spot's place, brightness, and the spot if z0 > 0."""

    def __init__(self) -> None:
        super().__init__(1, 1, 1)

    def forward(self, z: Tensor) -> Tensor:
        maps = torch.zeros(len(z), 4, 4, 4)
        maps[:, 0] = 1
        maps[:, 1] = 1
        maps[:, 1, PLACE[0], PLACE[1]] = 0
        maps[:, 2] = z[:, 1, None, None].abs()
        maps[:, SPOT, PLACE[0], PLACE[1]] = (z[:, 0] > 0).float()
        return maps


class Painter(nn.Module):
    """Maps, each place of which becomes 2x2 pixels."""

    hidden_names = ("maps",)

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.output = Maps(), nn.ConvTranspose2d(4, 1, 2, 2)
        nn.init.zeros_(self.output.weight)
        nn.init.constant_(self.output.bias, -0.9)  # pyright: ignore[reportArgumentType]
        nn.init.constant_(self.output.weight[2], 0.1)
        nn.init.constant_(self.output.weight[SPOT], 1.5)

    def forward(self, z: Tensor) -> Tensor:
        return self.output(self.maps(z))


@dataclass(frozen=True)
class NoSettings:
    """Nothing can be changed."""


class SpotGame(UntrainedGame):
    """Samples with and without a spot; its features are the pixels."""

    Settings = NoSettings
    capabilities = frozenset({"sample", "decode"})

    def __init__(self, settings: NoSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        self.prior = make_prior("uniform", 2)
        self.generator, self.discriminator = Painter(), nn.Sequential(nn.Flatten())
        self.add_players()

    def decode(self, z: Tensor) -> Tensor:
        return self.generator(z)


def spot_run(folder: Path) -> Run:
    """A run of the game, which nobody trained."""
    config = RunConfig("spot", "none", NoSettings())
    method = SpotGame(NoSettings(), SPEC).eval()
    return Run(folder, config, method, SPEC, None, ("plain", "spot"), 100, "raw")


def spot_data(num: int = 200) -> Dataset:
    """Labelled pictures like the samples."""
    with torch.no_grad():
        z = make_prior("uniform", 2).sample(num, _noise())
        images = SpotGame(NoSettings(), SPEC).decode(z)
    values = ((images + 1) * 127.5).round().to(torch.uint8)
    split = Split(values, (z[:, 0] > 0).long())
    half = dataclasses.replace(
        split,
        values=values[: num // 2],
        labels=split.labels[: num // 2],  # pyright: ignore[reportOptionalSubscript]
    )
    return Dataset("spots", SPEC, split, half, ("plain", "spot"), None, "0" * 64)


def _noise():
    from ambigan.core.randomness import Randomness

    return Randomness(5, "spots")
