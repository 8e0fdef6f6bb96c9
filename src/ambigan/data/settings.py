"""Settings of data: the source, and how it is split, scaled and checked."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Literal, get_args

from ..core.errors import ConfigError, unknown_name

ScalingName = Literal["standard", "minmax", "robust", "quantile", "none"]
MissingName = Literal["refuse", "drop", "mean", "median"]
PagesName = Literal["first", "all", "channels"]

LAYOUTS = ("NHW", "NHWC", "NCHW", "HWC", "CHW", "HW", "HWN", "HWCN")
"""Orders of the dimensions of arrays of images; those without N are of a single image."""

SEPARATORS = {"tab": "\t", "\\t": "\t", "blanks": "blanks"}
"""Separators that are typed by a name."""


@dataclass(frozen=True)
class DataSettings:
    """Settings of the data that a model is trained on.

    Attributes:
        source: Name of a data set (`digits`, `mnist`, `cifar10`, `cifar100`, `svhn`, `stl10`,
            `stl10-unlabelled`), or a kind and a path: `folder:PATH`, `npy:PATH`, `npz:PATH`,
            `csv:PATH`, `parquet:PATH`. Images that must be decoded: `archive:PATH`, `image:PATH`,
            `imagenet`, `celeba`, `lsun:CATEGORY`, `hf:NAME[:SPLIT]`; `packed:PATH` is a folder that
            `ambigan prepare` made of any of them. A path alone is understood by what is there.
        root: Folder of downloaded data sets; $AMBIGAN_DATA if None, and without it
            `~/.cache/ambigan`.
        holdout: Number of training examples, taken from the end, that become the test split; 0 for
            none. The published test split is then unused (the validation split of the BiGAN
            authors' code is `mnist` with a holdout of 10,000). Data sets known by name, except
            `digits`, keep their published order, in which classes are mixed (in SVHN, digits of one
            house number are adjacent; in `stl10-unlabelled`, the last images are unlabelled). All
            other training examples are shuffled by `split_seed` first, so the last ones are a fair
            sample even of files sorted by class.
        max_train: Largest number of training examples, taken from the start of what `holdout`
            leaves; all if None.
        train_on: Labels of the examples that are trained on, such as `good`, by name or code; the
            other training examples join the test split. All examples if empty.
        test_fraction: Fraction of a source without a published test split that is held out, between
            0 and 1; a tenth if None, and 297 of the 1,797 digits.
        split_seed: Seed of the selection of held-out examples.
        size: Height and width in pixels that decoded images are resized to, by scaling the short
            side and cropping the centre; None to keep their size. With `crop`, the longer side is
            kept too, up to twice as long.
        grayscale: Whether images are decoded to one channel.
        range: Lowest and highest value of images that are deeper than 8 bits, which become -1 and
            1; values beyond are clipped. If None, `range_percentiles` decide.
        range_percentiles: Percentiles of the values of the training split that become -1 and 1,
            from 0 to 100; the least and the greatest value by default. Up to three channels share
            one range, and more have one each.
        pages: Which pages or frames of TIFF, GIF, WebP, PNG and DICOM files are images: the `first`
            of each file; `all`, which are named such as `movie.tif#17`, counted from 0; or all
            pages of a TIFF file as the `channels` of one image. Channels that ImageJ and OME-TIFF
            declare are always of one image.
        folders: Folders of a folder or archive that are read, relative to it, such as `train,val`
            or `images`; all if empty, except those of masks and of further test splits.
        group: What keeps images together on one side of a split that is made at random: `folder`,
            the folder that an image lies in; `file`, of whose pages it is one; a number, the folder
            at that level of its path, counted from 1; a column of a table; or a regular expression
            that is searched in its path, whose first group counts, such as `(patient[0-9]+)`.
        image_column: Column of a table or of `hf:` that holds images or their paths; if None, the
            only one that does.
        max_pixels: Largest number of pixels of an image that is decoded, since a small file may
            unpack to more than fits in memory; 89,478,485 if None. A JPEG that `size` reduces
            counts as reduced.
        window: Whether values of a DICOM file are clipped to the window that it names, as viewers
            do; if false, `range` decides alone.
        layout: Order of the dimensions of an array of images, such as `NHWC`: N for examples, C for
            channels, H for height and W for width. If None, recognised by the lengths where these
            leave no doubt.
        attribute: Name of the one of `celeba`'s forty attributes that is the label; None for no
            label.
        crop: Height and width in pixels of the random crops that training takes of each image,
            from its whole length where `size` scales its shorter side. Networks have this size, and
            evaluation uses the central crop. None for whole images.
        short_side: Least and greatest length in pixels that training scales the short side to
            before it crops, at random for each image; None to leave the scale.
        flip: Whether training mirrors images left to right with probability 1/2.
        bands: Bands that pictures and pages show as red, green and blue, such as 4,3,2, or one in
            gray, counted from 1. If empty, the first three, and of two their mean.
        shape: Height and width, or height, width and channels, of the images that the rows of a
            table or of a 2-D array are, such as 28,28; with `layout` in another order. None for
            rows that are vectors.
        key: Name of the array of examples in a file that holds several (`npz:`, `mat:`, `hdf5:`),
            or of the sheet of a workbook; if None, by the names in use, and the first sheet.
        label_column: Column of a table or of `hf:`, or array of a file of several, that holds
            labels; if None, `label` where there is one, and for images also `class`, `target` and
            their like.
        label_file: File of labels, one a row: a table with `label_column`, whose rows belong to
            those of the same `id_column`, else to those in the same order, or a `.npy` file.
        target_column: Columns of a table, or the array of a file of several, that hold real-valued
            targets, which are kept with the examples and never trained on.
        id_column: Column of a table that names its rows; it is kept with them and is no data.
        drop: Columns of a table to leave out.
        drop_constant: Whether to leave out columns that never change, instead of stopping with an
            error.
        one_hot: Columns of a table whose values are categories. Each level becomes a column of
            zeros and ones; the levels are those of the training data.
        missing: What to do about rows with missing values: `refuse` them with an error, `drop`
            them, or fill in the `mean` or `median` of the column in the training split.
        missing_marks: Values that stand for missing ones, such as -999, besides empty cells and the
            marks in use (`NA`, `nan`, `null`, `?`, `-` and so on).
        separator: Character between the columns of a text table, `tab`, or `blanks` for any number
            of blanks and tabs; recognised if None.
        decimal: Decimal mark of a text table, a point or a comma; recognised if None where it is
            certain.
        thousands: Mark between groups of three digits in a text table; recognised if None where it
            is certain.
        quote: Character around cells of a text table that may hold separators.
        comment: Beginning of lines to skip in a text table; if None, `#` or `%` where the first
            lines begin so.
        encoding: Encoding of a text table, such as cp1252 or latin-1; if None, UTF-8, or UTF-16
            where the file says so.
        header: Number of lines of names at the top of a text table, which are joined; false for
            none. If None, one, or two where units stand in the second.
        transpose: Whether the examples of a table stand in its columns. The first column then names
            the values, and the line of names names the examples.
        scaling: Scaling of vectors, fitted on the training split: `standard` (mean 0, standard
            deviation 1), `minmax` (to [-1, 1]), `robust` (median 0, quartiles as those of a normal
            distribution), `quantile` (ranks, to [-1, 1]) or `none`.
        max_corrupt: Largest fraction of unreadable images, from 0 to 1, that is accepted.

    Raises:
        ConfigError: A value is out of its range.
    """

    source: str = "digits"
    root: str | None = None
    holdout: int = 0
    max_train: int | None = None
    train_on: tuple[str, ...] = ()
    test_fraction: float | None = None
    split_seed: int = 0
    size: tuple[int, int] | None = None
    grayscale: bool = False
    range: tuple[float, float] | None = None
    range_percentiles: tuple[float, float] = (0.0, 100.0)
    pages: PagesName = "first"
    folders: tuple[str, ...] = ()
    group: str | None = None
    image_column: str | None = None
    max_pixels: int | None = None
    window: bool = True
    layout: str | None = None
    attribute: str | None = None
    crop: tuple[int, int] | None = None
    short_side: tuple[int, int] | None = None
    flip: bool = False
    bands: tuple[int, ...] = ()
    shape: tuple[int, ...] | None = None
    key: str | None = None
    label_column: str | None = None
    label_file: str | None = None
    target_column: tuple[str, ...] = ()
    id_column: str | None = None
    drop: tuple[str, ...] = ()
    drop_constant: bool = False
    one_hot: tuple[str, ...] = ()
    missing: MissingName = "refuse"
    missing_marks: tuple[str, ...] = ()
    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    quote: str = '"'
    comment: str | None = None
    encoding: str | None = None
    header: bool | int | None = None
    transpose: bool = False
    scaling: ScalingName = "standard"
    max_corrupt: float = 0.01

    def __post_init__(self) -> None:
        """Rejects values that no source could use, before any file is opened."""
        if self.holdout < 0:
            raise ConfigError(
                f"data.holdout is {self.holdout}; it must be a number of examples, 0 or more."
            )
        if self.max_train is not None and self.max_train < 1:
            raise ConfigError(
                f"data.max_train is {self.max_train}; it must be a number of examples, 1 or more."
            )
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
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ConfigError(
                f"data.range is {self.range[0]:g},{self.range[1]:g}; the lowest value comes first,"
                " for instance --data.range 0,4095."
            )
        if not 0 <= self.range_percentiles[0] < self.range_percentiles[1] <= 100:
            raise ConfigError(
                f"data.range_percentiles is {self.range_percentiles[0]:g},"
                f"{self.range_percentiles[1]:g}; it must be a lower and a higher percentile, for"
                " instance --data.range-percentiles 0.1,99.9."
            )
        if self.layout is not None and self.layout not in LAYOUTS:
            raise unknown_name("data.layout", self.layout, LAYOUTS)
        if self.pages not in get_args(PagesName):
            raise unknown_name("data.pages", self.pages, get_args(PagesName))
        self._check_group()
        if self.max_pixels is not None and self.max_pixels < 1:
            raise ConfigError(
                f"data.max_pixels is {self.max_pixels}; it must be a number of pixels, 1 or more."
            )
        self._check_short_side()
        if len(self.bands) not in (0, 1, 3) or min(self.bands, default=1) < 1:
            raise ConfigError(
                f"data.bands is {','.join(map(str, self.bands))}; it must be one band or three,"
                " counted from 1, for instance --data.bands 4,3,2."
            )
        if not 0 <= self.max_corrupt <= 1:
            raise ConfigError(
                f"data.max_corrupt is {self.max_corrupt}; it must be a fraction from 0 to 1."
            )
        if self.scaling not in get_args(ScalingName):
            raise unknown_name("data.scaling", self.scaling, get_args(ScalingName))
        if self.missing not in get_args(MissingName):
            raise unknown_name("data.missing", self.missing, get_args(MissingName))
        self._check_columns()
        self._check_dialect()

    def _check_columns(self) -> None:
        """Checks that each column is named for one purpose, and that a shape is one of images."""
        purposes = {
            "label_column": [self.label_column] if self.label_column is not None else [],
            "target_column": self.target_column,
            "id_column": [self.id_column] if self.id_column is not None else [],
            "drop": self.drop,
            "one_hot": self.one_hot,
        }
        seen = dict[str, str]()
        for purpose, names in purposes.items():
            for name in names:
                if seen.setdefault(name, purpose) != purpose:
                    raise ConfigError(
                        f"column '{name}' is both in data.{seen[name]} and in data.{purpose};"
                        " name it in one of them."
                    )
        if self.shape is not None and (len(self.shape) not in (2, 3) or min(self.shape) < 1):
            raise ConfigError(
                f"data.shape is {','.join(map(str, self.shape))}; it must be height and width, or"
                " height, width and channels, for instance --data.shape 28,28."
            )

    def _check_dialect(self) -> None:
        """Checks the marks of text tables."""
        if self.decimal not in (None, ".", ","):
            raise ConfigError(f"data.decimal is '{self.decimal}'; it must be a point or a comma.")
        if self.thousands is not None and self.thousands == self.decimal:
            raise ConfigError(
                f"data.thousands and data.decimal are both '{self.decimal}'; one of them is wrong."
            )
        for name in ("separator", "thousands", "quote"):
            value: str | None = getattr(self, name)
            if value is not None and len(value) != 1 and value not in SEPARATORS:
                allowed = ", or tab, or blanks" if name == "separator" else ""
                raise ConfigError(f"data.{name} is '{value}'; it must be one character{allowed}.")
        if self.header is not None and self.header < 0:
            raise ConfigError(
                f"data.header is {self.header}; it must be a number of lines, or false for none."
            )
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                raise ConfigError(
                    f"data.encoding '{self.encoding}' is unknown; it must be an encoding of Python,"
                    " for instance utf-8, cp1252 or latin-1."
                ) from error

    def _check_group(self) -> None:
        """Checks that groups can be found, and that nothing cuts through them."""
        if self.group is None:
            return
        try:
            re.compile(self.group)
        except re.error as error:
            raise ConfigError(
                f"data.group '{self.group}' is no regular expression ({error}); give folder, file,"
                " a level such as 1, a column, or a pattern such as '(patient[0-9]+)'."
            ) from error
        if self.holdout:
            raise ConfigError(
                "data.holdout counts examples, and data.group keeps groups whole; give"
                " data.test_fraction in its place."
            )

    def _check_short_side(self) -> None:
        """Checks that the range of scales is one, and that there is a crop."""
        if self.short_side is None:
            return
        low, high = self.short_side
        if not 1 <= low <= high:
            raise ConfigError(
                f"data.short_side is {low},{high}; it must be a least and a greatest length in"
                " pixels, for instance --data.short-side 64,96."
            )
        if self.crop is None:
            raise ConfigError(
                "data.short_side scales images before they are cropped; give data.crop as well, for"
                " instance --data.crop 64,64."
            )
