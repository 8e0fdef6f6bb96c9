"""Hooks that several methods accept through their settings, and no paper's own game.

A discriminator may be shown masked and augmented data and be kept smooth; an encoder may draw its
latents, be shown masked data, and be held to the cycle x, E(x), G(E(x)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..core.settings import Fraction, NonNegative
from ..game import Method, Terms
from ..networks.layers.basic import mask_inputs
from ..networks.permutation_invariant import MLPSettings
from ..objectives.augmentation import augment, check_augmentable
from ..objectives.penalties import gradient_norm, r1
from ..objectives.reconstruction import absolute_error, squared_error


@dataclass(frozen=True)
class DiscriminatorSettings:
    """Settings of the discriminator that are no part of a method's paper; 0 leaves each out.

    Attributes:
        gradient_penalty: weight of R1, half the squared gradient of D at real inputs, in D's loss
            (Mescheder et al., 2018).
        smoothness_weight: weight of (|gradient of D| - smoothness_target)^2 at real and generated
            inputs, in D's loss: the regulariser of SAO (arXiv 2310.00357), for a D without batch
            norm.
        smoothness_target: norm of D's gradient that `smoothness_weight` draws it to.
        discriminator_dropout: fraction of the values of x that D does not see in training, drawn
            afresh for each example, in [0, 1); the source is ALI.
        augment: whether D sees real and generated images in other colours, moved and with holes,
            by differentiable augmentation (Zhao et al., 2020).
    """

    gradient_penalty: NonNegative = 0.0
    smoothness_weight: NonNegative = 0.0
    smoothness_target: NonNegative = 1.0
    discriminator_dropout: Fraction = 0.0
    augment: bool = False


class DiscriminatorGame(Method):
    """A method whose discriminator takes data, alone or in pairs, and `DiscriminatorSettings`.

    Attributes:
        discriminator: D; it takes data and, where it judges pairs, latents.
        missing_value: what stands in data for a value that is not seen.
    """

    discriminator: Any
    missing_value: float = 0.0

    def __init__(self, settings: DiscriminatorSettings, spec: DataSpec) -> None:
        super().__init__(settings, spec)
        check_augmentable(spec, settings.augment)
        network = getattr(settings, "network", None)  # of MLPs that take [0, 1], black is 0
        zero_is_black = isinstance(network, MLPSettings) and network.unit_input
        self.missing_value = -1.0 if zero_is_black and spec.bounded else 0.0

    def judge(self, noise: Randomness, x: Tensor, *latents: Tensor) -> Tensor:
        """D's scores of data; in training, of data that are augmented and masked as set."""
        if self.training and self.settings.augment:
            x = augment(x, noise)
        if self.training:
            x = mask_inputs(x, self.settings.discriminator_dropout, noise, self.missing_value)
            if getattr(self.discriminator, "draws_noise", False):
                return self.discriminator(x, *latents, noise=noise)
        return self.discriminator(x, *latents)

    def penalties(self, real: Sequence[Tensor], fake: Sequence[Tensor]) -> Terms:
        """The penalties on D's slope that are set, as terms of its loss.

        Each has a forward pass of its own, on inputs as they are: D is to be smooth on data.

        Args:
            real: inputs of D that come from data: x, or x and its latents.
            fake: inputs of D that come from latents, in the same order.
        """
        terms: Terms = {}
        if weight := self.settings.gradient_penalty:
            terms["r1"] = weight * r1(self.discriminator, *real)
        if weight := self.settings.smoothness_weight:
            both = [torch.cat(pair) for pair in zip(real, fake, strict=True)]
            target = self.settings.smoothness_target
            terms["smoothness"] = weight * gradient_norm(self.discriminator, *both, target=target)
        return terms


@dataclass(frozen=True)
class ViewSettings:
    """Settings of a term by which two corrupted views of an example are encoded alike.

    Attributes:
        view_weight: weight of VICReg (Bardes et al., 2022) between two views of x, on a projection
            of the last hidden layer of E, in the loss of E; 0 leaves it out.
        view_corruption: fraction of the values of a view that are those of other examples, in
            [0, 1), as in SCARF (Bahri et al., 2022).
        view_covariance: weight, within VICReg, of the term by which dimensions of the projection do
            not covary; 1 in the paper.
    """

    view_weight: NonNegative = 0.0
    view_corruption: Fraction = 0.3
    view_covariance: NonNegative = 1.0


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the encoder that are no part of a method's paper; 0 leaves each out.

    Attributes:
        encoder_dropout: fraction of the values of x that E does not see in training, drawn afresh
            for each example, in [0, 1) (masking noise; Vincent et al., 2008).
        cycle_weight: weight of the distance from x to G(E(x)), summed over an example's values, in
            the loss of G and of E (ALICE; Li et al., 2017).
        cycle_loss: that distance: `l1` is the absolute error, whose best guess is the median, and
            so misses columns that are seldom anything but one value; `l2` is the squared error.
    """

    encoder_dropout: Fraction = 0.0
    cycle_weight: NonNegative = 0.0
    cycle_loss: Literal["l1", "l2"] = "l1"


class PairGame(Method):
    """A method with D over pairs, G and E, whose E may draw its latents.

    Attributes:
        deviation: the standard deviation of z as a function of the second half of E's outputs;
            the first half is the mean. None where E gives z itself.
        missing_value: what stands in data for a value that is not seen.
    """

    capabilities = frozenset({"sample", "decode", "encode", "reconstruct"})
    data_networks = ("discriminator", "encoder")
    discriminator: Any
    encoder: Any
    deviation: Callable[[Tensor], Tensor] | None = None
    missing_value: float = 0.0

    def draw_latents(self, x: Tensor, noise: Randomness) -> tuple[Tensor, Tensor]:
        """Latents of data as D is given them, and their means: the same where E draws nothing.

        A stochastic encoder draws z = mean + deviation * e, with e from N(0, I), so that its
        gradient goes through mean and deviation.

        Source: Dumoulin et al. (2017), ALI, section 2.
        """
        if self.training:
            x = mask_inputs(x, self.settings.encoder_dropout, noise, self.missing_value)
        if self.deviation is None:
            z = self.encode(x)
            return z, z
        mean, free = self.encoder(x).chunk(2, dim=1)
        return mean + self.deviation(free) * noise.normal(*mean.shape), mean

    def encode(self, x: Tensor) -> Tensor:
        """E(x); the mean, where E draws its latents."""
        z = self.encoder(x)
        return z if self.deviation is None else z.chunk(2, dim=1)[0]

    def cycle(self, x: Tensor, z: Tensor) -> Terms:
        """The cycle term, if it is set: how far x is from what G makes of its latents."""
        if weight := self.settings.cycle_weight:
            error = squared_error if self.settings.cycle_loss == "l2" else absolute_error
            return {"cycle": weight * error(x, self.decode(z))}
        return {}

    def run(self, network: str, x: Tensor) -> Tensor:
        """E(x); D(x, E(x)); G(E(x))."""
        z = self.encode(x)
        match network:
            case "encoder":
                return z
            case "discriminator":
                return self.discriminator(self.resize_to_sample(x), z)
            case "generator":
                return self.decode(z)
            case _:
                raise ConfigError(f"{type(self).__name__} has no network '{network}'.")


def check_stochastic_prior(encoder: str, prior: str) -> None:
    """Refuses to draw latents without bounds beside a prior that has some.

    Raises:
        ConfigError: the prior is bounded.
    """
    if prior != "normal":
        raise ConfigError(
            f"settings.encoder '{encoder}' gives any z but settings.prior '{prior}' is bounded, so"
            " D would tell them apart by that; choose encoder 'deterministic' or prior 'normal'."
        )
