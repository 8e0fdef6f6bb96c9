"""Spectral normalisation: a weight divided by its largest singular value."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

SETTLING = 20
"""Power iterations after which sigma of a random weight is right to a few percent."""


class SpectralNorm(nn.Module):
    """W / sigma(W), sigma by one power iteration a forward pass, whose vectors are buffers.

    torch's own leaves the products to autocast, and in bfloat16 sigma has two digits.

    Source: Miyato et al. (2018), Algorithm 1; a kernel is taken as a matrix of out_channels rows.

    Args:
        weight: of a linear or convolutional layer, at the start; the vectors begin near its own.
        epsilon: below which a vector's length is not divided by.
    """

    not_averaged = ("left", "right")

    left: Tensor
    right: Tensor
    held: tuple[Tensor, Tensor] | None = None
    """Vectors to be taken as they are, while a forward pass is run again."""

    def __init__(self, weight: Tensor, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.epsilon = epsilon
        for name, length in zip(self.not_averaged, weight.flatten(1).shape, strict=True):
            drawn = torch.randn(length, device=weight.device, dtype=weight.dtype)
            self.register_buffer(name, drawn)
        self.converge(weight)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, scaled; in training the vectors take one step first."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            left, right = self.held or self._moved(matrix)
            return weight / (left @ (matrix @ right))

    def _moved(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors, in training after a step more.

        Copies, since a second forward pass moves the buffers before the first one's backward.
        """
        if self.training:
            self.iterate(matrix)
        return self.left.clone(), self.right.clone()

    @torch.no_grad()
    def converge(self, weight: Tensor) -> None:
        """Brings the vectors close to the weight's own, where no training did."""
        if weight.device.type != "meta":
            for _ in range(SETTLING):
                self.iterate(weight.flatten(1))

    @torch.no_grad()
    def iterate(self, matrix: Tensor) -> None:
        """One step of the power iteration on a weight, `(rows, columns)`."""
        self.right.copy_(F.normalize(matrix.T @ self.left, dim=0, eps=self.epsilon))
        self.left.copy_(F.normalize(matrix @ self.right, dim=0, eps=self.epsilon))


def apply_spectral_norm(network: nn.Module) -> None:
    """Puts spectral norm on the weight of every linear and convolutional layer of a network.

    To be called after initialisation, so that the vectors begin on the weights that train.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            norm = SpectralNorm(module.weight)  # "unsafe" leaves out a trial run on the weight
            parametrize.register_parametrization(module, "weight", norm, unsafe=True)


def converge_sigma(network: nn.Module) -> None:
    """Brings the vectors close to the weights that are there now, such as averaged ones."""
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            chain = cast(Any, module).parametrizations.weight
            for part in chain:
                if isinstance(part, SpectralNorm):
                    part.converge(chain.original)
