"""Vector arithmetic: sums of averaged latents, decoded, beside the same sums of pixels."""

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
NEIGHBOURS = 8


@dataclass(frozen=True)
class Exemplars:
    """Numbered examples that a user picks from.

    Attributes:
        latents: float32 `(N, latent_dim)`.
        images: `(N, C, H, W)` in [-1, 1], as they are picked.
    """

    latents: NDArray[np.float32]
    images: _Floats


@dataclass(frozen=True)
class Term:
    """One concept of a sum.

    Attributes:
        sign: it is added or taken away.
        numbers: of the exemplars that are averaged.
    """

    sign: Literal[1, -1]
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class ArithmeticResult:
    """What came of a sum.

    Attributes:
        terms: that were added up.
        shown: of each term its exemplars, `(k, C, H, W)`.
        means: of each term the decoded average of its latents, `(T, C, H, W)`.
        pixel_means: of each term the average of its pictures, `(T, C, H, W)`.
        latent: the sum of averages, `(latent_dim,)`.
        result: the sum decoded, then eight with noise added, `(9, C, H, W)`.
        pixel_result: the same sum of pictures, cut to [-1, 1], `(C, H, W)`.
    """

    terms: tuple[Term, ...]
    shown: tuple[_Floats, ...]
    means: _Floats
    pixel_means: _Floats
    latent: NDArray[np.float32]
    result: _Floats
    pixel_result: _Floats


def exemplars(run: Run, num: int, seed: int, dataset: Dataset | None = None) -> Exemplars:
    """Numbered draws of the prior, or the first examples of the test split with their codes.

    Args:
        run: that decodes images, and encodes where a data set is given.
        num: how many.
        seed: of the draws; they are those of `ambigan sample` with the same number and seed.
        dataset: its test split is encoded instead.

    Raises:
        ConfigError: the run cannot do it, or its data are no images.
    """
    run.need("decode")
    if run.spec.kind != "images":
        raise ConfigError("arithmetic is looked at, and this run's data are no images.")
    if dataset is None:
        run.need("sample")
        latents = run.latents(num, seed)
        return Exemplars(latents, run.decode(latents))
    run.need("encode")
    split = Split(dataset.test.values[:num], None)
    return Exemplars(run.encode(split), run.originals(split))


def add_up(run: Run, chosen: Exemplars, terms: Sequence[Term], seed: int) -> ArithmeticResult:
    """Sums of averages, decoded; around the result, uniform noise of +-0.25 is added to it.

    Source: DCGAN, section 6.3.2 and Figure 7: three exemplars a concept; in pixels, the same sums
    are shadows of several pictures on one another.

    Args:
        run: that decodes.
        chosen: examples by number.
        terms: one or more.
        seed: of the noise.

    Raises:
        ConfigError: there is no term, a term is empty, or a number is not among the examples.
    """
    _check(terms, len(chosen.latents))
    averages = np.stack([chosen.latents[list(term.numbers)].mean(0) for term in terms])
    pixels = np.stack([chosen.images[list(term.numbers)].mean(0) for term in terms])
    signs = np.array([term.sign for term in terms], dtype=np.float32)
    latent = np.tensordot(signs, averages, 1).astype(np.float32)
    noise = Randomness(seed, "arithmetic").uniform(NEIGHBOURS, len(latent)).numpy()
    around = latent + NOISE * (2 * noise - 1)
    return ArithmeticResult(
        terms=tuple(terms),
        shown=tuple(chosen.images[list(term.numbers)] for term in terms),
        means=run.decode(averages),
        pixel_means=pixels,
        latent=latent,
        result=run.decode(np.concatenate([latent[None], around])),
        pixel_result=np.tensordot(signs, pixels, 1).clip(-1, 1),
    )


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
