"""Sources of data by name: what each is, and how one is added."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

from ...core.errors import unknown_name
from ...core.registry import Registry
from ..dataset import Dataset, SourceSplit
from ..images.image_source import ImageSource
from ..settings import DataSettings
from ..tables.raw_vectors import RawVectors

FRAMED = frozenset(("crop", "short_side", "flip", "bands"))
SPLIT = frozenset(("split_seed", "test_fraction"))
RawExamples = ImageSource | RawVectors
"""What a source gives: images that are not decoded yet, or vectors as they are in the file."""

IMAGES = (
    FRAMED
    | SPLIT
    | {"size", "grayscale", "max_corrupt", "range", "range_percentiles"}
    | {"pages", "group", "max_pixels", "window"}
)
VECTORS = SPLIT | {"drop_constant", "scaling", "missing", "missing_marks"}
_COLUMNS = {"label_column", "target_column", "id_column", "label_file", "drop", "one_hot", "group"}
TABLES = VECTORS | IMAGES | _COLUMNS | {"transpose", "shape", "layout"}
_MARKS = {"separator", "decimal", "thousands", "quote", "comment", "encoding"}
TEXTS = TABLES | _MARKS | {"header"}
ARRAYS = VECTORS | IMAGES | {"layout", "shape"}
CONTAINERS = ARRAYS | {"key", "label_column", "target_column"}
CARRIED = (
    _COLUMNS - {"label_file"}
    | _MARKS
    | {"header", "transpose", "shape", "layout", "key"}
    | {
        "missing",
        "missing_marks",
    }
)
"""Settings of a model's tables that hold for other tables that it is given."""

READ = (
    CARRIED - {"one_hot", "group"}
    | {"root", "label_file", "attribute", "image_column", "folders", "pages"}
    | {"max_pixels", "window", "max_corrupt"}
)
"""Settings of how a source is read that a trained model leaves open."""

ONLY_IMAGES = IMAGES - SPLIT - {"group"} | {"layout", "image_column"}
"""Settings of sources of either kind that have no effect on vectors."""

ONLY_VECTORS = VECTORS - SPLIT
"""Settings of sources of either kind that have no effect on images."""


@dataclass(frozen=True)
class Named:
    """Images known by a name alone, such as `mnist`."""

    description: str
    open: Callable[[DataSettings], Dataset]
    read: Callable[[DataSettings], SourceSplit]
    uses: frozenset[str] = FRAMED
    argument: ClassVar[str] = ""


@dataclass(frozen=True)
class Readable:
    """Images that must be decoded, or vectors, typed `kind:PATH`.

    The function takes the settings, what was typed after the colon, and the names of the columns
    that a trained model takes, or None for training. `holds_images` finds out which of the two a
    file holds without reading all of it, where its kind does not tell.
    """

    description: str
    read: Callable[[DataSettings, str, tuple[str, ...] | None], RawExamples]
    uses: frozenset[str]
    suffixes: tuple[str, ...] = ()
    argument: str = "PATH"
    holds_images: Callable[[DataSettings, str], bool] | None = None


@dataclass(frozen=True)
class Packed:
    """Prepared images, typed `kind:PATH`, which need no decoding."""

    description: str
    open: Callable[[DataSettings, str], Dataset]
    read: Callable[[DataSettings, str], SourceSplit]
    uses: frozenset[str] = FRAMED
    argument: ClassVar[str] = "PATH"


Source = Named | Packed | Readable

SOURCES: Registry[Source] = Registry("data set")
"""Every source that was registered, of the package and of plugins."""

ImageFunction = Callable[[DataSettings, str], ImageSource]
VectorFunction = Callable[[DataSettings, str], RawVectors]
F = TypeVar("F", bound=ImageFunction | VectorFunction)


def register_source(
    name: str,
    description: str,
    *,
    kind: Literal["images", "vectors"],
    takes: str = "",
    uses: Collection[str] | None = None,
) -> Callable[[F], F]:
    """Registers the function below it as a source of data.

    The function takes the settings of data and what was typed after the colon, and returns an
    `ImageSource` or `RawVectors`: the examples as they are. They are decoded, split, scaled and
    checked as those of every other source.

    Args:
        name: The name to type as `data.source`.
        description: One line for lists of sources.
        kind: Whether the examples are `images` or `vectors`.
        takes: What follows the name and a colon, such as `PATH`; empty for nothing. A `PATH` is
            kept in a run as an absolute one.
        uses: Names of the data settings that have an effect; by default those that have one on
            every source of the kind.

    Raises:
        ConfigError: Another source has the name, or the kind is unknown.
    """
    if kind not in ("images", "vectors"):
        raise unknown_name("kind of data", kind, ("images", "vectors"))

    def register(function: F) -> F:
        def read(settings: DataSettings, typed: str, _needed: object) -> RawExamples:
            return function(settings, typed)

        default = IMAGES if kind == "images" else VECTORS
        source = Readable(description, read, frozenset(uses or default), (), takes)
        SOURCES.add(name, source, definition=function)
        return function

    return register


def typed_name(name: str) -> str:
    """The name of a source with what follows it, such as `folder:PATH`."""
    return f"{name}:{SOURCES[name].argument}".rstrip(":")


def warn_of_idle_settings(
    settings: DataSettings, name: str, uses: frozenset[str], among: frozenset[str] | None = None
) -> None:
    """A setting that does nothing is a mistake more often than not, or stood in a preset."""
    for field in dataclasses.fields(settings):
        users = [typed_name(other) for other, kind in SOURCES.items() if field.name in kind.uses]
        is_set = getattr(settings, field.name) != field.default
        is_meant = among is None or field.name in among
        if is_set and is_meant and users and field.name not in uses:
            others = ", ".join(user for user in users if user != typed_name(name))
            message = f"data.{field.name} has no effect on '{name}'; it is for {others}."
            warnings.warn(message, stacklevel=3)
