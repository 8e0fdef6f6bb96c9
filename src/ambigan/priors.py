"""Distributions of the latents z."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from .core.randomness import Randomness

PriorName = Literal["uniform", "normal"]


class UniformPrior:
    """U(-1, 1) in every dimension, as in BiGAN and DCGAN."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def sample(self, num: int, noise: Randomness) -> Float[Tensor, "{num} {self.dim}"]:
        """Latents `(num, dim)`."""
        return noise.uniform(num, self.dim).mul_(2).sub_(1)


class NormalPrior:
    """N(0, 1) in every dimension, as in ALI and BigBiGAN."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def sample(self, num: int, noise: Randomness) -> Float[Tensor, "{num} {self.dim}"]:
        """Latents `(num, dim)`."""
        return noise.normal(num, self.dim)


def make_prior(name: PriorName, dim: int) -> UniformPrior | NormalPrior:
    """The prior of a name, over `dim` dimensions."""
    return UniformPrior(dim) if name == "uniform" else NormalPrior(dim)
