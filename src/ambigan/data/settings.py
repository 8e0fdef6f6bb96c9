"""The settings of data, one flat list: which source, how it is split, scaled and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..core.errors import ConfigError, unknown_name

ScalingName = Literal["standard", "minmax", "none"]


@dataclass(frozen=True)
class DataSettings:
    """Where examples come from.

    Attributes:
        source: `digits`, `mnist`, `cifar10`, `cifar100`, `svhn`, `stl10`, `stl10-unlabelled`, or a
            kind and a path: `folder:PATH`, `npy:PATH`, `npz:PATH`, `csv:PATH`, `parquet:PATH`.
            Images that must be decoded: `imagenet`, `celeba`, `lsun:CATEGORY`, `hf:NAME[:SPLIT]`;
            `packed:PATH` is what `ambigan prepare` made of any of them.
        root: where downloaded sets lie; by default $AMBIGAN_DATA, then `~/.cache/ambigan`.
        holdout: if positive, the last so many training examples become the test split, and the
            published test split is not touched (the validation split of the BiGAN authors' code is
            `mnist` with a holdout of 10,000). Sets known by name, but for `digits`, come in their
            published order, in which classes are mixed (of SVHN, digits of one house number follow
            each other; of `stl10-unlabelled`, the last are unlabelled). All other training
            examples are shuffled by `split_seed` first, so their last are a fair sample even of
            files sorted by class.
        max_train: train on no more than so many examples, the first of what `holdout` leaves, and a
            fair sample for the reasons told there; all by default.
        test_fraction: of sources without a published test split, what is held out; by default a
            tenth, and 297 of the 1,797 digits.
        split_seed: which examples are held out.
        size: height and width that decoded images are resized to: the short side, then a crop of
            the centre.
        grayscale: decode images to one channel.
        attribute: of `celeba`, which of its forty attributes is the label; none by default.
        crop: height and width that training cuts out of each image, each time elsewhere; networks
            are of this size, and whatever is measured is the middle of the image.
        short_side: least and greatest length to which training scales the short side before it
            crops, each time another.
        flip: training mirrors every other image, left to right, at random.
        label_column: the column of a table or of `hf:` that holds labels; by default `label` if
            there is one.
        drop: columns of a table to leave out.
        drop_constant: leave out columns that never change instead of refusing them.
        scaling: `standard` (mean 0, deviation 1), `minmax` (to [-1, 1]) or `none`, fitted on train.
        max_corrupt: the fraction of unreadable images above which a source is refused.

    Raises:
        ConfigError: a value out of its range.
    """

    source: str = "digits"
    root: str | None = None
    holdout: int = 0
    max_train: int | None = None
    test_fraction: float | None = None
    split_seed: int = 0
    size: tuple[int, int] | None = None
    grayscale: bool = False
    attribute: str | None = None
    crop: tuple[int, int] | None = None
    short_side: tuple[int, int] | None = None
    flip: bool = False
    label_column: str | None = None
    drop: tuple[str, ...] = ()
    drop_constant: bool = False
    scaling: ScalingName = "standard"
    max_corrupt: float = 0.01

    def __post_init__(self) -> None:
        """Refuses what no source could use, before any file is opened."""
        if self.holdout < 0:
            raise ConfigError(f"data.holdout is {self.holdout}; it counts examples: 0 or more.")
        if self.max_train is not None and self.max_train < 1:
            raise ConfigError(f"data.max_train is {self.max_train}; train on 1 example or more.")
        if self.test_fraction is not None and not 0 < self.test_fraction < 1:
            raise ConfigError(
                f"data.test_fraction is {self.test_fraction}; it must lie between 0 and 1,"
                " for instance 0.1."
            )
        if self.size is not None and min(self.size) < 1:
            raise ConfigError(
                f"data.size is {self.size[0]},{self.size[1]}; height and width must be 1 or more,"
                " for instance --data.size 32,32."
            )
        if self.crop is not None and min(self.crop) < 1:
            raise ConfigError(
                f"data.crop is {self.crop[0]},{self.crop[1]}; height and width must be 1 or more,"
                " for instance --data.crop 64,64."
            )
        self._check_short_side()
        if not 0 <= self.max_corrupt <= 1:
            raise ConfigError(
                f"data.max_corrupt is {self.max_corrupt}; it is a fraction, from 0 to 1."
            )
        if self.scaling not in get_args(ScalingName):
            raise unknown_name("data.scaling", self.scaling, get_args(ScalingName))
        if self.label_column is not None and self.label_column in self.drop:
            raise ConfigError(
                f"column '{self.label_column}' is both data.label_column and in data.drop;"
                " name it in one of them."
            )

    def _check_short_side(self) -> None:
        if self.short_side is None:
            return
        low, high = self.short_side
        if not 1 <= low <= high:
            raise ConfigError(
                f"data.short_side is {low},{high}; it is a least and a greatest length, for"
                " instance --data.short-side 64,96."
            )
        if self.crop is None:
            raise ConfigError(
                "data.short_side scales images before they are cropped; give data.crop as well, for"
                " instance --data.crop 64,64."
            )
