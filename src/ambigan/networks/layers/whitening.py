"""Features as they are compared: columns that correlate less, and lengths that differ less."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_linalg: Any = torch.linalg  # its functions carry no types

_FLOOR = 1e-3
"""Share of the mean eigenvalue that is added to each: of few examples, most are 0."""


class Whitening(nn.Module):
    """Standardises features, takes away a part of their correlation, and evens out their lengths.

    Features h with mean m, deviations s and correlations C become v = C^(-amount/2) (h - m) / s, so
    that the covariance of v is C^(1 - amount): that of the standardised columns for an amount of
    0, and white for 1. Then each v is scaled from its length r to l (r / l)^power, where l is the
    root of the mean squared length: unchanged for a power of 1, and of length l for 0.

    Whitening gives weak directions, in which classes may differ, as much weight as strong ones;
    halfway there, noise gets less of it. Rows far from all others have long features, which
    dominate a linear classifier of few examples; a power below 1 shortens them.

    Before `fitting`, features pass unchanged.

    Args:
        num_features: Number of features D.
        amount: Part of the correlation that is taken away, in [0, 1].
        power: Power of the lengths, in [0, 1].

    Source: ours. Whole whitening is that of ZCA (Bell and Sejnowski, 1997).
    """

    mean: Tensor
    matrix: Tensor
    length: Tensor
    exponent: Tensor

    def __init__(self, num_features: int, amount: float, power: float) -> None:
        super().__init__()
        self.amount, self.power = amount, power
        self._moments: list[Tensor] | None = None
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("matrix", torch.eye(num_features))
        self.register_buffer("length", torch.ones(()))
        self.register_buffer("exponent", torch.zeros(()))

    def forward(self, h: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Maps features to whitened ones, or returns them as they are and notes their moments."""
        if self._moments is not None:
            exact = h.double()
            parts = (exact.new_tensor(len(h)), exact.sum(0), exact.T @ exact)
            for total, part in zip(self._moments, parts, strict=True):
                total += part
            return h
        v = (h - self.mean) @ self.matrix
        lengths: Tensor = _linalg.vector_norm(v, dim=1, keepdim=True).clamp_min(1e-12)
        return v * (lengths / self.length) ** self.exponent

    @contextmanager
    def fitting(self) -> Generator[None]:
        """Takes the statistics from all features that pass while the block runs."""
        exact = self.mean.double()
        self._moments = [exact.new_zeros(()), torch.zeros_like(exact), self.matrix.double() * 0]
        try:
            yield
            self._fit(*self._moments)
        finally:
            self._moments = None

    def _fit(self, num: Tensor, total: Tensor, products: Tensor) -> None:
        mean = total / num
        covariance = products / num - torch.outer(mean, mean)
        deviations = covariance.diagonal().clamp_min(0).sqrt()
        constant = deviations <= 1e-7 * mean.abs().clamp_min(1e-7)  # what rounding leaves of none
        scale = torch.where(constant, 0.0, 1 / deviations)
        found = _linalg.eigh(covariance * torch.outer(scale, scale))
        strengths: Tensor = found.eigenvalues.clamp_min(0)
        directions: Tensor = found.eigenvectors
        gains = (strengths + _FLOOR * strengths.mean()).clamp_min(1e-12) ** (-self.amount / 2)
        self.mean.copy_(mean)
        self.matrix.copy_(scale[:, None] * ((directions * gains) @ directions.T))
        self.length.copy_((strengths * gains**2).sum().sqrt().clamp_min(1e-12))
        self.exponent.fill_(self.power - 1)
