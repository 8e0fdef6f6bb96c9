"""Several views of each labelled picture, for a classifier to learn from and to judge by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt
from torch import Tensor

from ..core.errors import ConfigError
from ..core.random import Randomness
from ..core.settings import checked, plain
from ..core.spec import DataSpec
from ..data import Dataset
from ..data.augment import NUM_DRAWS, Augment, scaled_length
from ..data.values import to_float
from .features import FeatureFunction, extract


@dataclass(frozen=True)
class ViewSettings:
    """How many views there are of a picture, and how they differ.

    Attributes:
        num: of each training picture; a classifier learns from all of them. 0 for its middle alone.
        short_side: least and greatest length its short side is scaled to before it is cropped to
            what the networks take, each view another; None leaves the scale.
        flip: half of the views are mirrored, left to right.
        test_crops: 1 for the middle of a test picture; 5 for the mean over the features of the
            middle and the four corners, which gives the mean of a linear classifier's scores; 10
            for that of these and all of them mirrored.
        seed: of what is drawn.
    """

    num: NonNegativeInt = 0
    short_side: tuple[int, int] | None = None
    flip: bool = False
    test_crops: Literal[1, 5, 10] = 1
    seed: int = 0

    @property
    def name(self) -> str:
        """For files and titles, such as `8-views-flip-10-crops`."""
        side = self.short_side and "scaled-{}-{}".format(*self.short_side)
        words = (f"{self.num}-views" if self.num else "", side, "flip" if self.flip else "")
        ending = f"{self.test_crops}-crops" if self.test_crops > 1 else ""
        return "-".join(word for word in (*words, ending) if word)


class Views:
    """The pictures of a data set as they are stored, and views of them.

    Args:
        stored: with pictures whole, not cropped.
        spec: of what networks take.
        settings: of the views.

    Raises:
        ConfigError: these are no pictures, they are too small, or all views would be equal.
    """

    def __init__(self, stored: Dataset, spec: DataSpec, settings: ViewSettings) -> None:
        self.settings = checked(settings, "views.")
        if spec.kind != "images":
            raise ConfigError("views are of pictures; these are vectors, so leave out --views.")
        self.train, self.test = stored.train.values, stored.test.values
        self.crop = crop = spec.shape[1], spec.shape[2]
        self.augment = Augment(crop, settings.short_side, settings.flip)
        size = stored.spec.shape[1], stored.spec.shape[2]
        if settings.short_side is not None:
            low, high = settings.short_side
            least = [int(scaled_length(n, torch.tensor(low), min(size))) for n in size]
            if low > high or least[0] < crop[0] or least[1] < crop[1]:
                raise ConfigError(
                    f"views of {crop[0]}x{crop[1]} cannot be cut from pictures scaled to a short"
                    f" side of {low} to {high}; choose two rising lengths of {max(crop)} or more."
                )
        elif settings.num and size == crop and not settings.flip:
            raise ConfigError(
                f"all {settings.num} views of a picture would be equal: they are neither mirrored,"
                " nor scaled, nor smaller than it; add --views-flip or --views-short-side A,B."
            )

    def describe(self) -> dict[str, Any]:
        """For the settings of a record."""
        return {"views": {"name": self.settings.name, **plain(self.settings)}}

    def train_features(self, function: FeatureFunction, device: torch.device) -> Tensor:
        """`(V N, D)`: of the first view of each of N training pictures, then of the second, ..."""
        if not self.settings.num:
            return extract(function, self.train, device, prepare=self._centre)
        return torch.cat([self._view(function, i, device) for i in range(self.settings.num)])

    def test_features(self, function: FeatureFunction, device: torch.device) -> Tensor:
        """`(N, D)`."""
        if self.settings.test_crops == 1:
            return extract(function, self.test, device, prepare=self._centre)
        total: Tensor | None = None
        for top, left, mirrored in self._crops():

            def prepare(
                part: Tensor, _start: int, top: int = top, left: int = left, flip: bool = mirrored
            ) -> Tensor:
                cut = part[..., top : top + self.crop[0], left : left + self.crop[1]]
                return to_float(cut.flip(-1) if flip else cut)

            found = extract(function, self.test, device, prepare=prepare)
            total = found if total is None else total.add_(found)
        assert total is not None
        return total.div_(self.settings.test_crops)

    def _view(self, function: FeatureFunction, number: int, device: torch.device) -> Tensor:
        noise = Randomness(self.settings.seed, "views", number)
        draws = noise.uniform(len(self.train), NUM_DRAWS)

        def prepare(part: Tensor, start: int) -> Tensor:
            return self.augment(part, draws[start : start + len(part)].to(part.device))

        return extract(function, self.train, device, prepare=prepare)

    def _centre(self, part: Tensor, _start: int) -> Tensor:
        return to_float(self.augment.centre(part))

    def _crops(self) -> Iterator[tuple[int, int, bool]]:
        """Top, left and whether it is mirrored, of each crop."""
        bottom = self.test.shape[-2] - self.crop[0]
        right = self.test.shape[-1] - self.crop[1]
        places = [(bottom // 2, right // 2), (0, 0), (0, right), (bottom, 0), (bottom, right)]
        for top, left in places:
            yield top, left, False
            if self.settings.test_crops == 10:
                yield top, left, True
