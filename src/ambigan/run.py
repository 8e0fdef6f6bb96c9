"""A trained model in use: `run = ambigan.load("runs/x"); run.encode(x)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .core.data_spec import DataSpec
from .core.ema import Weights
from .core.errors import ConfigError
from .core.randomness import Randomness
from .data import Scaling, Split, as_array, as_examples, chunk_size, to_float
from .engine.config import RunConfig
from .game import Capability, Method


@dataclass(eq=False, repr=False)
class Run:
    """A trained model with the form of its data.

    Data go in and come out as NumPy arrays: images as uint8, or as floats in [-1, 1], both
    `(N, C, H, W)`; vectors `(N, D)` in the units of their file, in float64, scaled inside as in
    training. A `Split` of a data set, whose vectors are scaled already, is taken as well.

    Attributes:
        path: the run's folder.
        config: its settings.
        method: the networks, in eval mode.
        spec: the form of one example.
        scaling: Fitted scaling of vectors, or None for images.
        label_names: Names of the classes, or None where there are none.
        images_seen: Number of examples shown in training.
        weights: `ema` for the averaged networks, `raw` for the last ones.
    """

    path: Path
    config: RunConfig
    method: Method
    spec: DataSpec
    scaling: Scaling | None
    label_names: tuple[str, ...] | None
    images_seen: int
    weights: Weights
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.device = next(self.method.parameters()).device

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the model can do beside features."""
        return self.method.capabilities

    def need(self, capability: Capability) -> None:
        """Refuses what the model cannot do.

        Raises:
            ConfigError: naming what it can.
        """
        if capability not in self.capabilities:
            known = ", ".join(sorted(self.capabilities)) or "nothing but features"
            raise ConfigError(
                f"a run of {self.config.method} cannot {capability}; it can do: {known}."
            )

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers `features` can read."""
        return self.method.layers

    def encode(self, x: ArrayLike | Split) -> NDArray[np.float32]:
        """Data to latents `(N, latent_dim)`."""
        return self._map(self.method.encode, self._inputs(x))

    def decode(self, z: ArrayLike) -> NDArray[np.floating]:
        """Latents `(N, latent_dim)` to data; of latents that are no numbers, data that are none."""
        latents = torch.as_tensor(as_array(z, "latents")).float()
        if latents.ndim != 2 or latents.shape[1] != self.method.prior.dim or not len(latents):
            raise ConfigError(
                f"latents have shape {tuple(latents.shape)}; this model takes "
                f"(N, {self.method.prior.dim}), at least one."
            )
        return self._outputs(self._map(self.method.decode, latents))

    def sample(self, num: int, seed: int = 0) -> NDArray[np.floating]:
        """`num` generated examples, a function of the seed."""
        self.need("sample")
        return self.decode(self.latents(num, seed))

    def latents(self, num: int, seed: int = 0) -> NDArray[np.float32]:
        """`num` latents from the prior, `(num, latent_dim)`."""
        if not isinstance(num, Integral) or num < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigError(f"cannot draw {num} samples; ask for 1 or more.")
        return self.method.prior.sample(int(num), Randomness(seed, "sample")).numpy()

    def reconstruct(self, x: ArrayLike | Split) -> NDArray[np.floating]:
        """Data to latents and back."""
        return self._outputs(self._map(self.method.reconstruct, self._inputs(x)))

    def features(self, x: ArrayLike | Split, layer: str | None = None) -> NDArray[np.float32]:
        """What a layer says of data, `(N, D)`; the method's own feature layer if None."""
        return self._map(partial(self.method.features, layer=layer), self._inputs(x))

    @torch.no_grad()
    def _map(self, function: Callable[[Tensor], Tensor], values: Tensor) -> NDArray[np.float32]:
        largest = max(values[:1].numel(), self.method.spec.num_values)
        chunks = torch.split(values, chunk_size(largest, self.device))
        parts = [function(to_float(part.to(self.device))).float().cpu() for part in chunks]
        return torch.cat(parts).numpy()

    def originals(self, x: ArrayLike | Split) -> NDArray[np.floating]:
        """Data in the form in which `reconstruct` gives them back: perhaps smaller images."""
        return self._outputs(self._map(self.method.resize_to_sample, self._inputs(x)))

    def _inputs(self, x: ArrayLike | Split) -> Tensor:
        if isinstance(x, Split):
            return x.values
        values = as_examples(x, self.spec)
        return values if self.scaling is None else self.scaling.apply(values)

    def _outputs(self, values: NDArray[np.float32]) -> NDArray[np.floating]:
        if self.scaling is None:
            return values
        return self.scaling.invert(torch.as_tensor(values)).numpy()
