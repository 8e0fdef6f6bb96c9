"""The known sources of data, and the opening of what the user typed as a data set."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError, DataError, unknown_name
from ..core.plugins import Plugin, load_installed
from .bare_paths import source_at
from .dataset import Dataset, Scaling, SourceSplit
from .images.cropping import augment_of, cropped_form
from .images.image_dataset import open_image_source, read_image_source
from .images.image_decoding import read_header
from .images.image_source import ImageSource, image_source_of
from .images.pages_and_groups import settled
from .images.parallel_decoding import DecodingProgress, by, find_form
from .inventory import log_inventory
from .packed.dataset import check_as_packed, open_packed_source, packed_source
from .packed.manifest import read_manifest
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
from .settings import DataSettings
from .tables.raw_vectors import RawVectors
from .tables.vectors import build_vectors, build_vectors_as, read_vectors

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
        name, source, typed = _find(settings.source)
        packed = frozenset[str]()
        if isinstance(source, Packed):
            packed = check_as_packed(settings, typed)
        if not isinstance(source, Readable):
            warn_of_idle_settings(settings, name, source.uses | packed)
            is_packed = isinstance(source, Packed)
            dataset = source.open(settings, typed) if is_packed else source.open(settings)
            return cropped_form(dataset, settings)
        examples = _read(source, settings, typed, None)
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
    name, source, typed = _find(settings.source)
    if source.argument != "PATH":
        return settings
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
    _, own, typed = _find(settings.source)
    if isinstance(own, Packed):
        _, *size = read_manifest(_path(typed)).shape
    elif isinstance(own, Named):
        size = own.read(settings).values.shape[2:]
    else:
        gallery = _read(own, settings, typed, None)
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
    name, source, typed = _find(settings.source)
    if isinstance(source, Readable):
        examples = _read(source, settings, typed, None)
        if isinstance(examples, RawVectors):
            raise ConfigError(
                f"{settings.source} holds vectors; only images are prepared, and vectors"
                " are trained on as they are."
            )
        return examples
    warn_of_idle_settings(settings, name, source.uses, SPLIT)
    whole = replace(settings, holdout=0, max_train=None)  # both are applied to what is decoded
    if isinstance(source, Packed):
        return open_packed_source(whole, typed)
    return image_source_of(source.open(whole))


def open_examples(
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: DecodingProgress | None = None,
) -> SourceSplit:
    """Reads all examples of a source in their order, as a trained model takes them.

    Images of a folder are brought to the model's height, width and channels. Vectors go through the
    scaling that was fitted in training. In a table, the columns that the model was trained on are
    found by name and others are ignored; of an array all columns are read, or those kept if
    constant ones were dropped. A single example is enough.

    Args:
        settings: Settings of the data. Only `source`, `root` and `max_corrupt` are used, for tables
            `label_column` and `drop`, and for images `size` and `crop` if the model's were cropped;
            the model determines the split and the scaling.
        spec: Form of one example of the model's data.
        scaling: Scaling of a model of vectors; None for images.
        progress: Function that is called with the number of examples read and the total.

    Returns:
        uint8 images or scaled float32 vectors, with labels if all examples have one.

    Raises:
        ConfigError: The source is unknown.
        DataError: Files are missing, cannot be read, or do not fit the model.
    """
    _, source, typed = _find(settings.source)
    if isinstance(source, Readable):
        settings, needed = needed_by(settings, spec, scaling)
        examples = _read(source, settings, typed, needed)
        return examples_for_model(examples, settings, spec, scaling, progress)
    if spec.kind != "images":
        raise _misfit(settings, "images", spec)
    if isinstance(source, Packed):
        if scaling is not None or read_manifest(_path(typed)).scaling is not None:
            return examples_for_model(packed_source(typed), settings, spec, scaling, progress)
        return _cut(source.read(settings, typed), settings, spec)
    if scaling is not None:
        gallery = find_image_source(replace(settings, size=None, crop=None))
        return examples_for_model(gallery, settings, spec, scaling, progress)
    return _cut(source.read(settings), settings, spec)


def needed_by(
    settings: DataSettings, spec: DataSpec, scaling: Scaling | None
) -> tuple[DataSettings, tuple[str, ...]]:
    """Returns how a table is read for a trained model, and the columns that it takes.

    Args:
        settings: Settings of the data.
        spec: Form of one example of the model's data.
        scaling: Scaling of the model, which knows its columns and categories.
    """
    if scaling is None or spec.kind != "vectors":
        return settings, ()
    return replace(settings, one_hot=tuple(scaling.categories)), scaling.columns


def examples_for_model(
    examples: RawExamples,
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: DecodingProgress | None = None,
) -> SourceSplit:
    """Returns examples, of a file or in memory, as a trained model takes them.

    Args:
        examples: Examples as they are.
        settings: Settings, see `open_examples`.
        spec: Form of one example of the model's data.
        scaling: Scaling of the model; None for 8-bit images.
        progress: Function that is called with the number of examples read and the total.

    Raises:
        DataError: They do not fit the model.
    """
    kind = "vectors" if isinstance(examples, RawVectors) else "images"
    if kind != spec.kind:
        raise _misfit(settings, kind, spec)
    if isinstance(examples, RawVectors):
        for line in examples.warnings:
            logger.warning(line)
        return read_vectors(examples, spec, scaling, settings)
    size = settings.size if settings.crop else spec.shape[1:]
    split = read_image_source(settings, examples, spec.shape[0], size, progress, scaling)
    log_inventory(split.inventory, settings.source)
    return _cut(split, settings, spec)


def _cut(split: SourceSplit, settings: DataSettings, spec: DataSpec) -> SourceSplit:
    """The images of a split cut to a model's form.

    Raises:
        DataError: They have another.
    """
    if augment := augment_of(settings, tuple(split.values.shape[1:])):
        split = replace(split, values=augment.centre(split.values))
    if split.values.shape[1:] != spec.shape:
        raise _misfit(settings, f"images of {by(split.values.shape[1:])}", spec)
    return split


def open_framed(
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: DecodingProgress | None = None,
    examples: RawExamples | None = None,
) -> Dataset:
    """Reads and splits a source in the form of a trained model's data.

    Images are resized so that they just cover the model's height and width, cut around their
    centre, and converted to its channels. Vectors go through the scaling that was fitted in
    training.

    Args:
        settings: The source and how it is split; `size` and `crop` where the model's images were
            cropped.
        spec: The form of the model's data.
        scaling: The scaling of a model of vectors.
        progress: As for `open_dataset`.
        examples: Examples in memory, which are read in place of the source.

    Raises:
        ConfigError: The source is unknown, or holds vectors and the model takes images, or the
            reverse.
        DataError: Files are missing, cannot be read, or are not what the model takes.
    """
    _, source, typed = _find(settings.source)
    if examples is None and isinstance(source, Readable):
        settings, needed = needed_by(settings, spec, scaling)
        examples = _read(source, settings, typed, needed)
    elif examples is None:
        examples = find_image_source(replace(settings, size=None, crop=None))
    kind = "vectors" if isinstance(examples, RawVectors) else "images"
    if kind != spec.kind:
        raise _misfit(settings, kind, spec)
    if isinstance(examples, RawVectors):
        return build_vectors_as(examples, settings, spec, scaling)
    size = settings.size if settings.crop else (spec.shape[1], spec.shape[2])
    sized = replace(settings, size=size)
    dataset = open_image_source(sized, examples, progress, spec.shape[0], scaling)
    log_inventory(dataset.inventory, dataset.name)
    return cropped_form(dataset, settings)


def _read(
    source: Readable, settings: DataSettings, typed: str, needed: tuple[str, ...] | None
) -> RawExamples:
    """The examples of a source, with the pages and groups that the settings ask for."""
    examples = source.read(settings, typed, needed)
    return examples if isinstance(examples, RawVectors) else settled(examples, settings)


def stored_shape(settings: DataSettings) -> tuple[int, int, int] | None:
    """Channels, height and width of a source's first image, or None for vectors."""
    _, source, typed = _find(settings.source)
    if isinstance(source, Readable):
        gallery = _read(source, settings, typed, ())
        if isinstance(gallery, RawVectors):
            return None
    else:
        gallery = find_image_source(replace(settings, size=None, crop=None, flip=False))
    for place in range(min(gallery.length, 20)):
        try:
            header = read_header(gallery.content(place), gallery.decoding, reduces=True)
        except Exception:  # Pillow raises many kinds; what cannot be read is counted elsewhere
            continue
        return header.channels, header.height, header.width
    return None


def holds_images(settings: DataSettings) -> bool | None:
    """Whether a source holds images and not vectors; None where it cannot be read."""
    try:
        _, source, typed = _find(settings.source)
        if not isinstance(source, Readable) or source.uses.isdisjoint(ONLY_VECTORS):
            return True
        if source.holds_images is not None:
            return source.holds_images(settings, typed)
        return None if not source.uses.isdisjoint(FRAMED) else False
    except (ConfigError, DataError):  # opening it says so
        return None


def _find(typed: str) -> tuple[str, Source, str]:
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


def _misfit(settings: DataSettings, held: str, spec: DataSpec) -> DataError:
    form = f"{spec.num_values} values" if spec.kind == "vectors" else by(spec.shape)
    return DataError(f"{settings.source} holds {held}; the model takes {spec.kind} of {form}.")


def _unknown_source(typed: str) -> ConfigError:
    """For a path where nothing is, the kind it seems to be; else the nearest name."""
    path = _path(typed)
    if typed and path.exists():
        return ConfigError(
            f"{typed} is of no kind that is recognised; say what it is, such as csv:{typed}."
            f" Known: {', '.join(map(typed_name, SOURCES))}."
        )
    for name, source in SOURCES.items():
        if isinstance(source, Readable) and path.suffix.lower() in source.suffixes:
            return ConfigError(f"unknown data set '{typed}'. Did you mean '{name}:{typed}'?")
    return unknown_name("data set", typed.partition(":")[0], [*SOURCES])
