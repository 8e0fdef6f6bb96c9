"""Inversion of a generator: latents whose decoded examples are as close to data as can be.

Adam moves the latents of each example, from the encoder's or from those of the nearest samples.
Examples do not influence one another: the loss is a sum over them, and Adam works by element.

Sources: Zhu et al., 2016 (arXiv 1609.03552), for the encoder as a start; Yeh et al., 2017
(arXiv 1607.07539), for a loss over the known pixels alone; Lipton and Tripathi, 2017
(arXiv 1702.04782), for latents that are kept within the support of a uniform prior.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .core.errors import ConfigError
from .core.feature_layers import eval_mode
from .core.randomness import Randomness
from .data import chunk_size, to_float
from .game import Method
from .priors import UniformPrior

DEFAULT_STEPS = 200
NUM_SAMPLES = 1024
"""Samples of the prior among which the nearest ones are looked for."""
MOST_SAMPLE_VALUES = 1 << 25
"""Values of all these samples together, 128 MiB."""
NUM_STARTS = 4
"""Starts of each example where there is no encoder or it sees only some of the values."""


@dataclass(frozen=True)
class InversionSettings:
    """What an inversion minimises and how.

    Attributes:
        steps: number of steps of Adam, 1 or more.
        feature_weight: weight of the squared distance of features over their squared length; 0
            for the values alone.
        layer: layer whose features are compared; the method's feature layer if None.
        prior_weight: weight of the mean squared latent over the prior's variance, which keeps
            latents likely; 0 for no such term.
        num_starts: number of starts of each example, of which the best result is kept: the
            encoder's latents if there is an encoder, then the nearest samples. If None, 1 where an
            encoder sees all values, and 4 otherwise.
        learning_rate: learning rate of Adam at the start, in units of the prior's deviation; it
            falls to zero along a cosine.
        seed: seed of the samples.
    """

    steps: int = DEFAULT_STEPS
    feature_weight: float = 0.0
    layer: str | None = None
    prior_weight: float = 0.0
    num_starts: int | None = None
    learning_rate: float = 0.1
    seed: int = 0

    def check(self) -> None:
        """Refuses values out of range.

        Raises:
            ConfigError: naming the value and what is allowed.
        """
        for name in ("steps", "num_starts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; an inversion takes 1 or more.")
        for name in ("feature_weight", "prior_weight"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"{name} is {value}; a weight is 0 or more.")
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate is {self.learning_rate}; it must be above 0.")


@dataclass(frozen=True)
class Inversion:
    """Latents of data, and what they are decoded to, for `N` examples.

    Attributes:
        latents: latents that were found, float32 `(N, latent_dim)`.
        reconstructions: what they are decoded to, as `Run.reconstruct` gives it.
        completed: the data where they are known, and the reconstructions elsewhere.
        known: whether each value of `completed` is known, bool.
        initial_latents: latents before the first step, float32 `(N, latent_dim)`: those of the
            encoder or, without an encoder, of the nearest sample.
        initial_reconstructions: what these are decoded to.
        errors_before: mean squared error over the known values of each example before the first
            step, in the scale of training, float32 `(N,)`.
        errors: the same of the latents that were found.
    """

    latents: NDArray[np.float32]
    reconstructions: NDArray[np.floating]
    completed: NDArray[np.floating]
    known: NDArray[np.bool_]
    initial_latents: NDArray[np.float32]
    initial_reconstructions: NDArray[np.floating]
    errors_before: NDArray[np.float32]
    errors: NDArray[np.float32]


@dataclass(frozen=True)
class FoundLatents:
    """Latents before and after, all on the CPU, for `N` examples.

    Attributes:
        start: latents before the first step, float32 `(N, latent_dim)`: the encoder's or, without
            an encoder, those of the nearest sample.
        latents: latents with the smallest loss, float32 `(N, latent_dim)`.
        start_errors: mean squared error over the known values at the start, float32 `(N,)`.
        errors: the same of the latents that were found.
    """

    start: Tensor
    latents: Tensor
    start_errors: Tensor
    errors: Tensor


def invert(
    method: Method, x: Tensor, known: Tensor | None, settings: InversionSettings
) -> FoundLatents:
    """Finds latents whose decoded examples have the smallest loss.

    The loss of an example is the mean squared error over its known values, in the scale of
    training, and the terms that `settings` add.

    Args:
        method: a method that decodes.
        x: data as the networks take them, or uint8 images, `(N, *spec.shape)`.
        known: whether each value is known, bool in the shape of `x`; None if all are.
        settings: what is minimised and how.

    Raises:
        ConfigError: a setting is out of range, or there is no such layer.
    """
    settings.check()
    if settings.feature_weight:
        method.find_layer(settings.layer)
    device = next(method.parameters()).device
    with eval_mode(method):
        task = _Inversion(method, settings, device, has_mask=known is not None)
        size = chunk_size(max(x[:1].numel(), method.sample_spec.num_values), device)
        parts = [
            task.run(
                to_float(x[begin : begin + size].to(device)).float(),
                None if known is None else known[begin : begin + size].to(device),
            )
            for begin in range(0, len(x), size)
        ]
    return FoundLatents(*(torch.cat(found).float().cpu() for found in zip(*parts, strict=True)))


class _Inversion:
    """The inversion of one part of the data after the other."""

    def __init__(
        self, method: Method, settings: InversionSettings, device: torch.device, *, has_mask: bool
    ) -> None:
        self.method, self.settings, self.device = method, settings, device
        self.encodes = "encode" in method.capabilities
        self.num_starts = settings.num_starts or (
            1 if self.encodes and not has_mask else NUM_STARTS
        )
        is_uniform = isinstance(method.prior, UniformPrior) and "sample" in method.capabilities
        self.support = 1.0 if is_uniform else math.inf
        self.deviation = 3**-0.5 if is_uniform else 1.0
        self.samples: tuple[Tensor, Tensor] | None = None
        if self.num_starts > 1 or not self.encodes:
            self.samples = self._draw_samples()

    def run(self, x: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Start, latents, and their errors, of examples `(N, *spec.shape)`."""
        method, num = self.method, len(x)
        weights = torch.ones_like(x) if known is None else known.float()
        x = x * weights  # what is not known becomes 0: grey, or the mean of a scaled column
        target = method.resize_to_sample(x)
        shown = weights if target is x else resized_mask(method, weights)
        starts = self._starts(x, target, shown)
        repeats = len(starts) // num
        loss = self._loss(*(_repeat(values, repeats) for values in (x, weights, target, shown)))
        found, losses = self._minimise(starts, loss)
        best = losses.view(num, repeats).argmin(1)
        rows = torch.arange(num, device=x.device) * repeats
        start, latents = starts[rows], found[rows + best]
        before, after = (self._errors(z, target, shown) for z in (start, latents))
        return start, latents, before, after

    def _minimise(self, starts: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """The latents with the smallest loss on the way of each start, and these losses."""
        settings = self.settings
        bound = starts.abs().clamp(min=self.support)  # as far out as the encoder goes, no farther
        z = starts.clone().requires_grad_()
        best, lowest = starts.clone(), starts.new_full((len(starts),), math.inf)
        rate = settings.learning_rate * self.deviation
        optimizer = torch.optim.Adam([z], lr=rate)
        for step in range(settings.steps + 1):
            with torch.enable_grad():
                losses = loss(z)
                (z.grad,) = torch.autograd.grad(losses.sum(), [z])
            losses = losses.detach()
            better = losses < lowest
            best[better], lowest[better] = z.detach()[better], losses[better]
            if step == settings.steps:
                break
            optimizer.param_groups[0]["lr"] = (
                rate * (1 + math.cos(math.pi * step / settings.steps)) / 2
            )
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]
            with torch.no_grad():
                z.copy_(torch.maximum(torch.minimum(z, bound), -bound))
        return best, lowest

    def _loss(
        self, x: Tensor, weights: Tensor, target: Tensor, shown: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """The loss of each row of latents, `(N, latent_dim)` to `(N,)`."""
        settings, method = self.settings, self.method

        def features(values: Tensor) -> Tensor:
            if values.shape != x.shape:  # samples are smaller than data
                values = torch.nn.functional.interpolate(values, x.shape[2:], mode="bilinear")
            return method.read_features(values * weights, settings.layer)

        with torch.no_grad():
            wanted = features(target) if settings.feature_weight else target.flatten(1)
        length = wanted.square().sum(1).clamp(min=1e-12)

        def loss(z: Tensor) -> Tensor:
            decoded = method.decode(z)
            total = _masked_error(decoded, target, shown)
            if settings.feature_weight:
                distance = (features(decoded) - wanted).square().sum(1) / length
                total = total + settings.feature_weight * distance
            if settings.prior_weight:
                total = total + settings.prior_weight * (z / self.deviation).square().mean(1)
            return total

        return loss

    @torch.no_grad()
    def _starts(self, x: Tensor, target: Tensor, shown: Tensor) -> Tensor:
        """Starts of each example, one example after the other, the encoder's first."""
        starts = [self.method.encode(x).float()[:, None]] if self.encodes else []
        if self.samples is not None:
            latents, decoded = self.samples
            # Squared distance over known values, without the part that is the same for all samples.
            weights, flat = shown.flatten(1), decoded.flatten(1)
            distances = weights @ flat.square().T - 2 * (weights * target.flatten(1)) @ flat.T
            wanted = min(self.num_starts - len(starts), len(latents))
            starts.append(latents[distances.topk(wanted, largest=False).indices])
        return torch.cat(starts, 1).flatten(0, 1)

    @torch.no_grad()
    def _draw_samples(self) -> tuple[Tensor, Tensor]:
        """Latents of the prior with what they are decoded to."""
        method = self.method
        num_values = method.sample_spec.num_values
        num = max(NUM_STARTS, min(NUM_SAMPLES, MOST_SAMPLE_VALUES // num_values))
        noise = Randomness(self.settings.seed, "inversion")
        latents = method.prior.sample(num, noise).to(self.device)
        parts = torch.split(latents, chunk_size(num_values, self.device))
        return latents, torch.cat([method.decode(part).float() for part in parts])

    @torch.no_grad()
    def _errors(self, z: Tensor, target: Tensor, shown: Tensor) -> Tensor:
        return _masked_error(self.method.decode(z), target, shown)


def resized_mask(method: Method, known: Tensor) -> Tensor:
    """A mask in the form of samples: a smaller pixel is known where all that it is made of are."""
    return (method.resize_to_sample(known.float()) > 0.999).float()


def _masked_error(decoded: Tensor, target: Tensor, shown: Tensor) -> Tensor:
    """Mean squared error over the known values of each example, `(N,)`."""
    squares = ((decoded.float() - target).square() * shown).flatten(1).sum(1)
    return squares / shown.flatten(1).sum(1).clamp(min=1)


def _repeat(values: Tensor, times: int) -> Tensor:
    return values if times == 1 else values.repeat_interleave(times, 0)
