"""Latent arithmetic: sums of averaged latents, decoded, next to the same sums of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..data import Dataset, Split
from ..run import Run

_Floats = NDArray[np.floating]
NOISE = 0.25
NUM_NEIGHBOURS = 8


@dataclass(frozen=True)
class Exemplars:
    """Numbered examples to choose from.

    Attributes:
        latents: float32 `(N, latent_dim)`.
        images: the images as shown to the user, `(N, C, H, W)` in [-1, 1].
    """

    latents: NDArray[np.float32]
    images: _Floats


@dataclass(frozen=True)
class Term:
    """One concept of a sum.

    Attributes:
        sign: 1 to add the concept, -1 to subtract it.
        numbers: the numbers of the exemplars that are averaged.
    """

    sign: Literal[1, -1]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class ArithmeticResult:
    """The result of a sum.

    Attributes:
        terms: the terms of the sum.
        exemplars: the exemplars of each term, `(k, C, H, W)`.
        means: the decoded mean latent of each term, `(T, C, H, W)`.
        pixel_means: the mean image of each term, `(T, C, H, W)`.
        latent: the sum of the mean latents, `(latent_dim,)`.
        result: the decoded sum, then eight decoded neighbours of it, `(9, C, H, W)`.
        pixel_result: the same sum of mean images, clipped to [-1, 1], `(C, H, W)`.
    """

    terms: tuple[Term, ...]
    exemplars: tuple[_Floats, ...]
    means: _Floats
    pixel_means: _Floats
    latent: NDArray[np.float32]
    result: _Floats
    pixel_result: _Floats


def draw_exemplars(run: Run, num: int, seed: int, dataset: Dataset | None = None) -> Exemplars:
    """Samples of the prior, or the first examples of the test split with their codes.

    Args:
        run: a run that decodes images; with a data set it must encode them as well.
        num: the number of examples.
        seed: seed of the samples; `ambigan sample` with the same number and seed has the same.
        dataset: data whose test split is encoded instead.

    Raises:
        ConfigError: The run cannot do it, or its data are not images.
    """
    run.need("decode")
    if run.spec.kind != "images":
        raise ConfigError("arithmetic is looked at, and this run's data are no images.")
    if dataset is None:
        run.need("sample")
        latents = run.latents(num, seed)
        return Exemplars(latents, run.pictures(run.decode(latents)))
    run.need("encode")
    split = Split(dataset.test.values[:num], None)
    return Exemplars(run.encode(split), run.pictures(run.originals(split)))


def add_latents(
    run: Run, exemplars: Exemplars, terms: Sequence[Term], seed: int
) -> ArithmeticResult:
    """Sums mean latents, and decodes the sum and eight neighbours of it, uniform within +-0.25.

    Source: DCGAN, section 6.3.2 and Figure 7: three exemplars a concept; the same sums of pixels
    are overlaid images.

    Args:
        run: a run that decodes.
        exemplars: the numbered examples.
        terms: one term or more.
        seed: seed of the noise.

    Raises:
        ConfigError: There is no term, a term is empty, or a number is not among the examples.
    """
    _check(terms, len(exemplars.latents))
    averages = np.stack([exemplars.latents[list(term.numbers)].mean(0) for term in terms])
    pixels = np.stack([exemplars.images[list(term.numbers)].mean(0) for term in terms])
    signs = np.array([term.sign for term in terms], dtype=np.float32)
    latent = np.tensordot(signs, averages, 1).astype(np.float32)
    noise = Randomness(seed, "arithmetic").uniform(NUM_NEIGHBOURS, len(latent)).numpy()
    neighbours = latent + NOISE * (2 * noise - 1)
    return ArithmeticResult(
        terms=tuple(terms),
        exemplars=tuple(exemplars.images[list(term.numbers)] for term in terms),
        means=run.pictures(run.decode(averages)),
        pixel_means=pixels,
        latent=latent,
        result=run.pictures(run.decode(np.concatenate([latent[None], neighbours]))),
        pixel_result=np.tensordot(signs, pixels, 1).clip(-1, 1),
    )


def latent_paths(starts: _Floats, stops: _Floats, steps: int) -> _Floats:
    """Straight lines between latents, both `(N, D)`, ends included: `(N, steps, D)`."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[None, :, None]
    return starts[:, None] * (1 - share) + stops[:, None] * share


def _check(terms: Sequence[Term], num: int) -> None:
    if not terms:
        raise ConfigError("there is nothing to add up; give --plus 3,7,12 and the like.")
    for term in terms:
        if not term.numbers:
            raise ConfigError("a term without numbers; give some, such as --plus 3,7,12.")
        if wrong := [number for number in term.numbers if not 0 <= number < num]:
            raise ConfigError(
                f"there is no example {wrong[0]}; they go from 0 to {num - 1}, as numbered in the "
                "sheet (more with --num, for the sheet and the sum alike)."
            )
