"""A trained model in use: `run = ambigan.load("runs/x"); run.encode(x)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .core.data_spec import DataSpec
from .core.ema import Weights
from .core.errors import ConfigError
from .core.randomness import Randomness
from .data import (
    Scaling,
    Split,
    as_array,
    as_examples,
    as_mask,
    chunk_size,
    examples_for_model,
    needed_by,
    open_examples,
    to_float,
    without_missing,
)
from .data.memory import examples_in_memory, is_in_memory
from .data.python_objects import is_array, known_object
from .engine.config import RunConfig
from .game import Capability, Method
from .inversion import DEFAULT_STEPS, Inversion, InversionSettings, invert, resized_mask


@dataclass(eq=False, repr=False)
class Run:
    """A trained model with the form of its data.

    Data go in as everything that `ambigan.fit` takes: arrays, tensors, frames whose columns are
    found by name, lists of images or paths, data sets of torch, a source as it is typed, or a
    `Split` of a data set. Images of 8 bits are uint8, or floats in [-1, 1], `(N, C, H, W)` or
    channels last; all else is in the units of its source and scaled inside as in training. Data
    come out as NumPy arrays: 8-bit images as floats in [-1, 1], all else in the units of the
    source, in float64.

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

    def __repr__(self) -> str:
        """What it is, in one line, as a notebook shows it."""
        form = "x".join(map(str, self.spec.shape))
        what = f"images of {form}" if self.spec.kind == "images" else f"vectors of {form} values"
        can = ", ".join(["features", *sorted(self.capabilities)])
        return (
            f"<Run of {self.config.method} ({self.config.preset}): {what}, {self.images_seen:,}"
            f" examples seen; {can}; in {self.path}>"
        )

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

    def encode(self, x: Any) -> NDArray[np.float32]:
        """Data to latents `(N, latent_dim)`."""
        return self._map(self.method.encode, self.inputs(x))

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

    def reconstruct(self, x: Any) -> NDArray[np.floating]:
        """Data to latents and back."""
        return self._outputs(self._map(self.method.reconstruct, self.inputs(x)))

    def features(self, x: Any, layer: str | None = None) -> NDArray[np.float32]:
        """What a layer says of data, `(N, D)`; the method's own feature layer if None."""
        return self._map(partial(self.method.features, layer=layer), self.inputs(x))

    def chunk(self, values: Tensor) -> int:
        """How many of such examples the networks take at a time."""
        return chunk_size(max(values[:1].numel(), self.method.spec.num_values), self.device)

    def inputs(self, x: Any) -> Tensor:
        """Data as the networks take them: vectors scaled, images in [-1, 1] or uint8."""
        if isinstance(x, Split):
            return x.values
        x = known_object(x)
        if is_array(x):
            return as_examples(x, self.spec, self.scaling)
        if not is_in_memory(x):
            settings = replace(self.config.data, source=str(x))
            return open_examples(settings, self.spec, self.scaling).values
        settings, needed = needed_by(self.config.data, self.spec, self.scaling)
        examples = examples_in_memory(x, None, settings, needed)
        return examples_for_model(examples, settings, self.spec, self.scaling).values

    @torch.no_grad()
    def _map(self, function: Callable[[Tensor], Tensor], values: Tensor) -> NDArray[np.float32]:
        chunks = torch.split(values, self.chunk(values))
        parts = [function(to_float(part.to(self.device))).float().cpu() for part in chunks]
        return torch.cat(parts).numpy()

    def originals(self, x: Any) -> NDArray[np.floating]:
        """Data in the form in which `reconstruct` gives them back: perhaps smaller images."""
        return self._outputs(self._map(self.method.resize_to_sample, self.inputs(x)))

    def pictures(self, images: NDArray[Any]) -> NDArray[Any]:
        """Images that the run gave, as they are shown: in [-1, 1], in the bands of `data.bands`."""
        if self.scaling is not None:
            images = self.scaling.apply(torch.as_tensor(images)).numpy()
        return self.shown_bands(images)

    def shown_bands(self, images: NDArray[Any]) -> NDArray[Any]:
        """The bands of images `(..., C, H, W)` that are shown, by `data.bands`."""
        bands = [band - 1 for band in self.config.data.bands]
        return images[..., bands, :, :] if bands else images

    def reconstruction_errors(self, x: Any) -> NDArray[np.float32]:
        """Squared difference of each value from its reconstruction, in the shape of `originals`.

        Values are scaled as in training: vectors by the fitted scaling, images to [-1, 1].
        """
        self.need("reconstruct")
        game = self.method
        return self._map(
            lambda part: (game.reconstruct(part) - game.resize_to_sample(part)).square(),
            self.inputs(x),
        )

    def invert(
        self,
        x: Any,
        steps: int = DEFAULT_STEPS,
        mask: ArrayLike | None = None,
        *,
        feature_weight: float = 0.0,
        layer: str | None = None,
        prior_weight: float = 0.0,
        num_starts: int | None = None,
        seed: int = 0,
    ) -> Inversion:
        """Latents whose decoded examples are as close to data as optimisation brings them.

        It starts at the encoder's latents or, without an encoder, at those of the nearest samples.
        With unknown values it completes data: images by in-painting, rows by imputation.

        Args:
            x: data; in an array, values that are NaN are unknown.
            steps: number of steps of Adam, 1 or more.
            mask: which values are known, bool or 1 and 0: of images `(H, W)`, `(N, H, W)` or
                `(N, C, H, W)`, of vectors `(D,)` or `(N, D)`. All are known if None.
            feature_weight: weight of the distance of features in the loss, next to the error.
            layer: layer of these features; that of `features` if None.
            prior_weight: weight of the mean squared latent, for data with noise.
            num_starts: number of starts of each example, of which the best result is kept; if
                None, 1 where an encoder sees all values, else 4.
            seed: seed of the samples.

        Raises:
            ConfigError: the model does not decode, or data, mask or an argument are not allowed.
        """
        self.need("decode")
        settings = InversionSettings(
            steps, feature_weight, layer, prior_weight, num_starts, seed=seed
        )
        settings.check()
        missing: Any = None
        if not isinstance(x, Split) and is_array(x := known_object(x)):
            x, missing = without_missing(x)
        values = self.inputs(x)
        known: Tensor | None = None
        for each in (mask, missing):
            if each is not None:
                part = as_mask(each, len(values), self.spec, self.scaling)
                known = part if known is None else as_mask(known & part, len(values), self.spec)
        found = invert(self.method, values, known, settings)
        again = self._outputs(self._map(self.method.decode, found.latents))
        originals = self._outputs(self._map(self.method.resize_to_sample, values))
        shown = np.ones(originals.shape, dtype=np.bool_)
        if known is not None:
            shown = self._map(partial(resized_mask, self.method), known.float()) > 0
            originals = np.where(shown, originals, again)
        return Inversion(
            found.latents.numpy(),
            again,
            originals,
            shown,
            found.start.numpy(),
            self._outputs(self._map(self.method.decode, found.start)),
            found.start_errors.numpy(),
            found.errors.numpy(),
        )

    def _outputs(self, values: NDArray[np.float32]) -> NDArray[np.floating]:
        if self.scaling is None:
            return values
        return self.scaling.invert(torch.as_tensor(values)).numpy()
