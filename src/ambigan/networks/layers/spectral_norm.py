"""Spectral normalisation, which divides a weight by its largest singular value."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

SETTLING = 20
"""Number of power iterations after which sigma of a random weight is accurate to a few percent."""


class SpectralNorm(nn.Module):
    """Parametrises a weight as W / sigma(W), with sigma estimated by power iteration.

    Each forward pass in training mode does one step of the iteration. Its two singular vectors are
    buffers. torch's own version leaves the matrix products to autocast, and in bfloat16 sigma has
    only two significant digits; here they are computed in the dtype of the weight.

    The vectors start close to the leading singular vectors of the initial weight.

    Source: Miyato et al. (2018), Algorithm 1; a kernel is taken as a matrix of out_channels rows.
    """

    not_averaged = ("left", "right")

    left: Tensor
    right: Tensor
    fixed_vectors: tuple[Tensor, Tensor] | None = None
    """Vectors to use unchanged while a checkpointed forward pass is recomputed."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        # `left` has an entry for each row and `right` one for each column of the matrix.
        for name, length in zip(self.not_averaged, weight.flatten(1).shape, strict=True):
            drawn = torch.randn(length, device=weight.device, dtype=weight.dtype)
            self.register_buffer(name, drawn)
        self.converge(weight)

    def forward(self, weight: Tensor) -> Tensor:
        """Returns the normalised weight; in training mode the vectors advance by one step first."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            if self.training and self.fixed_vectors is None:
                self.iterate(matrix)
            # Copies, because a second forward pass updates the buffers before the backward pass of
            # the first one has run.
            left, right = self.fixed_vectors or (self.left.clone(), self.right.clone())
            # The vectors are constants to autograd but sigma = u' W v is not: its gradient u v' is
            # the derivative of the largest singular value.
            return weight / (left @ (matrix @ right))

    @torch.no_grad()
    def converge(self, weight: Tensor) -> None:
        """Brings the vectors close to the singular vectors of a weight, by several iterations."""
        # On the meta device (networks built to count parameters) there are no values to iterate on.
        if weight.device.type != "meta":
            for _ in range(SETTLING):
                self.iterate(weight.flatten(1))

    @torch.no_grad()
    def iterate(self, matrix: Tensor) -> None:
        """Does one step of the power iteration on a weight matrix of shape `(rows, columns)`."""
        # In place: checkpoints and recorded CUDA graphs hold these tensors.
        self.right.copy_(F.normalize(matrix.T @ self.left, dim=0))
        self.left.copy_(F.normalize(matrix @ self.right, dim=0))


def apply_spectral_norm(network: nn.Module) -> None:
    """Puts spectral norm on the weight of every linear and convolutional layer, in place.

    Call it after initialisation, so that the vectors start from the weights that are trained.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            norm = SpectralNorm(module.weight)
            # "unsafe" skips torch's trial call, which would advance the vectors by one step.
            parametrize.register_parametrization(module, "weight", norm, unsafe=True)


def converge_sigma(network: nn.Module) -> None:
    """Brings all vectors close to the current weights, for instance after averaging the weights."""
    for chain in network.modules():
        if isinstance(chain, parametrize.ParametrizationList):
            for part in chain:
                if isinstance(part, SpectralNorm):
                    part.converge(chain.original)
