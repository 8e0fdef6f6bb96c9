"""The known sources of data, and the opening of what the user typed as a data set."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from ...core.errors import ConfigError, DataError, unknown_source
from ...core.plugins import Plugin, load_installed
from ..dataset import Dataset
from ..file_kinds import kind_of_file
from ..images.cropping import cropped_form
from ..images.image_dataset import open_image_source
from ..images.image_decoding import Header, read_header
from ..images.image_source import ImageSource, image_source_of
from ..images.pages_and_groups import settled
from ..images.parallel_decoding import DecodingProgress, find_form
from ..inventory import log_inventory
from ..packed.dataset import check_as_packed, open_packed_source
from ..packed.manifest import read_manifest
from ..packed.sharded import local_folder
from ..remote import is_url
from ..settings import DataSettings
from ..tables.raw_vectors import RawVectors
from ..tables.vectors import build_vectors
from .bare_paths import source_at
from .registry import (
    FRAMED,
    ONLY_IMAGES,
    ONLY_VECTORS,
    SOURCES,
    SPLIT,
    Named,
    Packed,
    RawExamples,
    Readable,
    Source,
    typed_name,
    warn_of_idle_settings,
)

logger = logging.getLogger(__name__)


def origin_of_source(typed: str) -> Plugin | None:
    """The plugin from which a source comes; None for the package, or for no source."""
    return SOURCES.origin(named_source(typed).partition(":")[0])


def list_sources() -> dict[str, str]:
    """What can be typed as `data.source`, each with a line on what it is."""
    load_installed()
    return {typed_name(name): source.description for name, source in SOURCES.items()}


def open_dataset(
    settings: DataSettings,
    progress: DecodingProgress | None = None,
    examples: RawExamples | None = None,
) -> Dataset:
    """Reads, checks and splits the examples that the settings name.

    One line of the log says what was read, and another what was left alone.

    Args:
        settings: Settings of the source, and of how it is split, scaled and checked.
        progress: Function that is called with the number of images decoded and the total, about ten
            times a second.
        examples: Examples in memory, which are read in place of the source.

    Returns:
        Both splits in memory: images as uint8, or float32 where they are deeper, vectors as scaled
        float32.

    Raises:
        ConfigError: An unknown source, or settings that do not fit it.
        DataError: Files that are missing, cannot be read or cannot be learned from.
    """
    dataset = _opened(settings, progress, examples)
    log_inventory(dataset.inventory, dataset.name)
    return dataset


def _opened(
    settings: DataSettings, progress: DecodingProgress | None, examples: RawExamples | None
) -> Dataset:
    if examples is None:
        name, source, typed = find_source(settings.source)
        packed = frozenset[str]()
        if isinstance(source, Packed):
            packed = check_as_packed(settings, typed)
        if not isinstance(source, Readable):
            warn_of_idle_settings(settings, name, source.uses | packed)
            is_packed = isinstance(source, Packed)
            dataset = source.open(settings, typed) if is_packed else source.open(settings)
            return cropped_form(dataset, settings)
        examples = read_source(source, settings, typed, None)
        is_vectors = isinstance(examples, RawVectors)
        idle = ONLY_IMAGES if is_vectors else ONLY_VECTORS
        warn_of_idle_settings(settings, name, source.uses - idle)
    elif isinstance(examples, ImageSource):
        examples = settled(examples, settings)
    if isinstance(examples, RawVectors):
        return build_vectors(examples, settings)
    return cropped_form(open_image_source(settings, examples, progress), settings)


def located(settings: DataSettings) -> DataSettings:
    """The settings with the path in the source made absolute, to hold from any folder."""
    name, source, typed = find_source(settings.source)
    if source.argument != "PATH":
        return settings
    if is_url(typed):
        return replace(settings, source=f"{name}:{typed}")
    return replace(settings, source=f"{name}:{_path(typed).absolute()}")


def for_other(settings: DataSettings, source: str) -> DataSettings:
    """The settings of a model's data, for other data: brought to the size its own are stored in.

    Only a model whose images are cropped needs that size: others take whole images.

    Raises:
        DataError: the model's own data, which alone tell the size, cannot be read.
    """
    other = replace(settings, source=source, label_file=None)
    if settings.crop is None or settings.size is not None:
        return other
    _, own, typed = find_source(settings.source)
    if isinstance(own, Packed):
        _, *size = read_manifest(local_folder(settings, typed)).shape
    elif isinstance(own, Named):
        size = own.read(settings).values.shape[2:]
    else:
        gallery = read_source(own, settings, typed, None)
        if isinstance(gallery, RawVectors):
            return other
        size = find_form(gallery, range(gallery.length), None, 1, settings.max_corrupt).size
    return replace(other, size=(size[0], size[1]))


def find_image_source(settings: DataSettings) -> ImageSource:
    """The images that the settings name, not decoded yet; of arrays, as they lie in memory.

    Raises:
        ConfigError: an unknown source, or one of vectors.
        DataError: as `open_dataset`.
    """
    name, source, typed = find_source(settings.source)
    if isinstance(source, Readable):
        examples = read_source(source, settings, typed, None)
        if isinstance(examples, RawVectors):
            raise ConfigError(
                f"{settings.source} holds vectors; only images are prepared, and vectors"
                " are trained on as they are."
            )
        return examples
    warn_of_idle_settings(settings, name, source.uses, SPLIT)
    # Not yet: these are applied to what is decoded.
    whole = replace(settings, holdout=0, max_train=None, train_on=())
    if isinstance(source, Packed):
        return open_packed_source(whole, typed)
    return image_source_of(source.open(whole))


def read_source(
    source: Readable, settings: DataSettings, typed: str, needed: tuple[str, ...] | None
) -> RawExamples:
    """The examples of a source, with the pages and groups that the settings ask for."""
    examples = source.read(settings, typed, needed)
    return examples if isinstance(examples, RawVectors) else settled(examples, settings)


def stored_shape(settings: DataSettings) -> tuple[int, int, int] | None:
    """Channels, height and width of a source's first image, or None for vectors."""
    _, source, typed = find_source(settings.source)
    if isinstance(source, Readable):
        gallery = read_source(source, settings, typed, ())
        if isinstance(gallery, RawVectors):
            return None
    else:
        gallery = find_image_source(replace(settings, size=None, crop=None, flip=False))
    header = first_header(gallery)
    return None if header is None else (header.channels, header.height, header.width)


def first_header(gallery: ImageSource) -> Header | None:
    """The header of the first image that can be read, of twenty."""
    for place in range(min(gallery.length, 20)):
        try:
            return read_header(gallery.content(place), gallery.decoding, reduces=True)
        except Exception:  # Pillow raises many kinds; what cannot be read is counted elsewhere
            continue
    return None


def are_resized(settings: DataSettings) -> bool:
    """Whether the images of a source are brought to another size, now or when they were packed."""
    if settings.size is not None:
        return True
    name, _, typed = named_source(settings.source).partition(":")
    if not isinstance(SOURCES.get(name), Packed):
        return False
    try:
        return read_manifest(local_folder(settings, typed)).asked.get("size") is not None
    except DataError:  # it is no longer there
        return True


def holds_images(settings: DataSettings) -> bool | None:
    """Whether a source holds images and not vectors; None where it cannot be read."""
    try:
        _, source, typed = find_source(settings.source)
        if not isinstance(source, Readable) or source.uses.isdisjoint(ONLY_VECTORS):
            return True
        if source.holds_images is not None:
            return source.holds_images(settings, typed)
        return None if not source.uses.isdisjoint(FRAMED) else False
    except (ConfigError, DataError):  # opening it says so
        return None


def find_source(typed: str) -> tuple[str, Source, str]:
    """The name of a source, what it stands for, and what was typed after its colon."""
    name, _, path = named_source(typed).partition(":")
    if name not in SOURCES:
        raise _unknown_source(typed)
    source = SOURCES[name]
    argument = source.argument
    if path and not argument:
        raise ConfigError(f"data set '{name}' takes no path; write it as '{name}'.")
    if argument and not path:
        what = "path" if argument == "PATH" else "name"
        raise ConfigError(f"data set '{name}' needs a {what}: {name}:{argument}.")
    return name, source, path


def named_source(typed: str) -> str:
    """Returns a source with its kind: a path alone is understood by what is there.

    Args:
        typed: Source as it was typed, such as `mnist`, `folder:photos` or `photos.zip`.
    """
    if is_url(typed):
        return f"packed:{typed}"
    if typed.partition(":")[0] in SOURCES or not typed:
        return typed
    try:
        suffixes = {
            suffix: name
            for name, source in SOURCES.items()
            if isinstance(source, Readable)
            for suffix in source.suffixes
        }
        found = source_at(_path(typed), suffixes)
    except OSError as error:
        raise DataError(f"{typed} cannot be read: {error.strerror or error}.") from error
    except ValueError:  # a name that no file can have
        return typed
    return typed if found is None else f"{found}:{typed}"


def _path(typed: str) -> Path:
    return Path(typed).expanduser()


def _unknown_source(typed: str) -> ConfigError:
    """For a path, what is wrong with it; else the nearest name."""
    path = _path(typed)
    if typed and path.is_file() and (kind := kind_of_file(path)) and kind.remedy:
        return ConfigError(f"{typed} is a file of another kind ({kind.name}); {kind.remedy}.")
    if typed and path.exists():
        return ConfigError(
            f"{typed} is of no kind that is recognised; say what it is, such as csv:{typed}."
            f" Known: {', '.join(map(typed_name, SOURCES))}."
        )
    return unknown_source(typed, [*SOURCES])
