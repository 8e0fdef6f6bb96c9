"""Directions in which latents vary most, and points along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError

Latents = NDArray[np.float32]


@dataclass(frozen=True)
class LatentSpace:
    """The mean of many latents, and the orthogonal directions of their largest variance.

    Of encoded data this is the aggregate posterior; of samples it is the prior, whose directions
    are no more than the axes.

    Attributes:
        mean: Mean latent `(latent_dim,)`.
        directions: Unit vectors `(latent_dim, latent_dim)`, one a row, that of the largest variance
            first.
        deviations: Standard deviation of the latents along each direction, `(latent_dim,)`.
        axis_deviations: Standard deviation of each dimension, `(latent_dim,)`.
    """

    mean: Latents
    directions: Latents
    deviations: Latents
    axis_deviations: Latents

    @staticmethod
    def of(latents: NDArray[np.floating]) -> LatentSpace:
        """The space of latents `(N, latent_dim)`."""
        values = np.asarray(latents, dtype=np.float64)
        mean = values.mean(0)
        variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(values.T, bias=True)))
        order = np.argsort(-variances)
        directions = vectors[:, order].T
        # A direction has no sign of its own: its largest part is made positive.
        largest = np.abs(directions).argmax(1)
        directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
        deviations = np.sqrt(variances[order].clip(0))
        return LatentSpace(*map(_float32, (mean, directions, deviations, values.std(0))))

    def shares(self) -> Latents:
        """The share of the variance along each direction, `(latent_dim,)`."""
        variances = self.deviations**2
        return variances / max(float(variances.sum()), 1e-12)

    def moved(
        self, start: Latents, along: Sequence[float], dimensions: Mapping[int, float]
    ) -> Latents:
        """A latent moved along directions and in single dimensions, `(latent_dim,)`.

        Args:
            start: Where it starts, `(latent_dim,)`.
            along: Steps along the first directions, in their standard deviations.
            dimensions: Steps by dimension, in its standard deviation.
        """
        num = len(along)
        steps = np.asarray(along, dtype=np.float32) * self.deviations[:num]
        moved = start + steps @ self.directions[:num]
        for dimension, step in dimensions.items():
            moved[dimension] += step * self.axis_deviations[dimension]
        return moved.astype(np.float32)

    def truncated(self, latents: Latents, share: float) -> Latents:
        """Latents drawn towards the mean: the truncation trick, by a linear map.

        Source: StyleGAN (Karras et al., 2019), appendix B.

        Args:
            latents: Latents `(N, latent_dim)`.
            share: Fraction of their distance from the mean that is left, such as 0.7; 1 leaves
                them as they are.
        """
        return _float32(self.mean + share * (latents - self.mean))


def combine(terms: Mapping[str, Latents]) -> Latents:
    """The mean latent of A, less that of B, plus that of C; each is left out where it is empty.

    Source: DCGAN, section 6.3.2: several examples a term are steadier than one.

    Args:
        terms: Latents `(K, latent_dim)` by the name of their term.

    Raises:
        ConfigError: There are no terms.
    """
    signs = {"A": 1, "B": -1, "C": 1}
    means = [sign * terms[name].mean(0) for name, sign in signs.items() if len(terms.get(name, ()))]
    if not means:
        raise ConfigError("choose at least one example for A, B or C.")
    return _float32(np.sum(means, axis=0))


def _float32(values: NDArray[np.floating]) -> Latents:
    return values.astype(np.float32)
