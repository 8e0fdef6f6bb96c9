"""Several views of each labelled picture, for a classifier to learn from and to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt
from torch import Tensor

from ..core.errors import ConfigError
from ..core.machine import physical_memory
from ..core.randomness import Randomness
from ..core.settings import checked, plain
from ..data import Dataset
from ..data.batches.augment import NUM_DRAWS, Augment, scaled_length
from ..data.splits import stored_images
from ..data.values import to_float
from .features import FeatureFunction, extract


@dataclass(frozen=True)
class CropSettings:
    """How many views there are of a picture, and how they differ.

    Attributes:
        num: of each training picture; a classifier learns from all of them. 0 for its middle
            alone, where nothing is scaled or mirrored.
        short_side: least and greatest length its short side is scaled to before it is cropped to
            what the networks take, each view another; None leaves the scale.
        flip: half of the views are mirrored, left to right.
        test_crops: 1 for the middle of a test picture; 5 for the mean over the features of the
            middle and the four corners, which gives the mean of a linear classifier's scores; 10
            for that of these and all of them mirrored.
        seed: of what is drawn.

    Raises:
        ConfigError: no view is asked for, or something of views that there are none of.
    """

    num: NonNegativeInt = 0
    short_side: tuple[int, int] | None = None
    flip: bool = False
    test_crops: Literal[1, 5, 10] = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.num and (self.flip or self.short_side is not None):
            raise ConfigError(
                "--views-flip and --views-short-side say how views differ; say how many there are"
                " of each training picture, --views 8."
            )
        if not self.num and self.test_crops == 1:
            raise ConfigError(
                "no views and one crop are what is measured anyway; leave out --views and"
                " --test-crops, or choose more."
            )

    @property
    def name(self) -> str:
        """For files and titles, such as `8-views-flip-10-crops`."""
        side = self.short_side and "scaled-{}-{}".format(*self.short_side)
        words = (f"{self.num}-views" if self.num else "", side, "flip" if self.flip else "")
        ending = f"{self.test_crops}-crops" if self.test_crops > 1 else ""
        seed = f"seed-{self.seed}" if self.seed else ""
        return "-".join(word for word in (*words, ending, seed) if word)


class CroppedViews:
    """The pictures of a data set as they are stored, and views of them as networks take them.

    Args:
        dataset: of pictures.
        settings: of the views.

    Raises:
        ConfigError: these are no pictures, they are too small, or views would be equal.
    """

    def __init__(self, dataset: Dataset, settings: CropSettings) -> None:
        self.settings = settings = checked(settings, "views.")
        spec = dataset.spec
        if spec.kind != "images":
            raise ConfigError("views are of pictures; these are vectors, so leave out --views.")
        self.dataset = dataset
        self.train, self.test = stored_images(dataset.train), stored_images(dataset.test)
        self.crop = crop = spec.shape[1], spec.shape[2]
        self.augment = Augment(crop, settings.short_side, settings.flip)
        size = self.train.shape[2], self.train.shape[3]
        if settings.test_crops == 5 and size == crop:
            raise ConfigError(
                f"five crops of {crop[0]}x{crop[1]} of pictures of that size would be equal; take"
                " --test-crops 1, or 10 for the picture and its mirror image."
            )
        if settings.short_side is not None:
            low, high = settings.short_side
            least = [int(scaled_length(n, torch.tensor(low), min(size))) for n in size]
            if low > high or least[0] < crop[0] or least[1] < crop[1]:
                raise ConfigError(
                    f"views of {crop[0]}x{crop[1]} cannot be cut from pictures scaled to a short"
                    f" side of {low} to {high}; choose two rising lengths of {max(crop)} or more."
                )
        elif size == crop and settings.num > 1 + settings.flip:
            which = "two" if settings.flip else "one"
            raise ConfigError(
                f"of {settings.num} views of a picture there would be {which}: views are not scaled"
                f"{'' if settings.flip else ', not mirrored'} and as large as it; add"
                f" --views-short-side A,B{'' if settings.flip else ' or --views-flip'}."
            )

    def describe(self) -> dict[str, Any]:
        """The settings of the views with their name, for records."""
        return {"name": self.settings.name, **plain(self.settings)}

    def train_features(self, function: FeatureFunction, device: torch.device) -> Tensor:
        """`(V N, D)`: of the first view of each of N training pictures, then of the second, ..."""
        if not self.settings.num:
            return extract(function, self.dataset.train.values, device)
        first = self._view(function, 0, device)
        num, (rows, dim) = self.settings.num, first.shape
        _check_room(num * rows, dim)
        found = first.new_empty(num * rows, dim)
        found[:rows] = first
        for number in range(1, num):
            found[number * rows : (number + 1) * rows] = self._view(function, number, device)
        return found

    def test_features(self, function: FeatureFunction, device: torch.device) -> Tensor:
        """`(N, D)`."""
        if self.settings.test_crops == 1:
            return extract(function, self.dataset.test.values, device)
        bottom, right = (self.test.shape[i] - self.crop[i] for i in (-2, -1))
        places = [(bottom // 2, right // 2), (0, 0), (0, right), (bottom, 0), (bottom, right)]
        flips = (False, True) if self.settings.test_crops == 10 else (False,)
        total: Tensor | None = None
        for (top, left), mirrored in product(places, flips):
            prepare = partial(self._cut, top=top, left=left, mirrored=mirrored)
            found = extract(function, self.test, device, prepare=prepare)
            total = found if total is None else total.add_(found)
        assert total is not None
        return total.div_(self.settings.test_crops)

    def _view(self, function: FeatureFunction, number: int, device: torch.device) -> Tensor:
        noise = Randomness(self.settings.seed, "views", number)
        draws = noise.uniform(len(self.train), NUM_DRAWS)

        def prepare(part: Tensor, start: int) -> Tensor:
            drawn = draws[start : start + len(part)].to(part.device)
            if (margins := self.dataset.train.margins) is None:
                return self.augment(part, drawn)
            rows = torch.arange(start, start + len(part))
            return self.augment(part, drawn, margins.take(rows).to(part.device))

        return extract(function, self.train, device, prepare=prepare)

    def _cut(self, part: Tensor, _start: int, *, top: int, left: int, mirrored: bool) -> Tensor:
        height, width = self.crop
        cut = part[..., top : top + height, left : left + width]
        return to_float(cut.flip(-1) if mirrored else cut)


def _check_room(rows: int, dim: int) -> None:
    """Refuses features that do not fit twice, as a classifier needs them, before hours of work."""
    needed, there = 2 * 4 * rows * dim, physical_memory()
    if needed > there:
        raise ConfigError(
            f"{rows:,} views of {dim:,} features need {needed / 2**30:,.0f} GiB, and this machine"
            f" has {there / 2**30:,.0f}; take fewer --views, or a narrower layer."
        )
