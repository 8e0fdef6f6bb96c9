"""The known sources of data, and the opening of what the user typed as a data set."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError, DataError, unknown_name
from ..core.plugins import Plugin, load_installed
from .arrays.containers import read_h5ad, read_hdf5, read_mat
from .arrays.layout import as_shaped
from .arrays.numpy_files import read_npy, read_npz
from .bare_paths import source_at
from .dataset import Dataset, Scaling, SourceSplit
from .files import first_bytes
from .image_sources.digits import open_digits, read_digits
from .image_sources.folder import find_archive, find_folder, find_image_file
from .image_sources.hub import find_hub
from .image_sources.image_tables import images_of_csv, images_of_parquet
from .image_sources.photo_datasets import find_celeba, find_imagenet, find_lsun
from .image_sources.torchvision_datasets import (
    CIFAR10,
    CIFAR100,
    MNIST,
    STL10,
    STL10_UNLABELLED,
    SVHN,
    Published,
)
from .images.cropping import augment_of, cropped_form
from .images.image_dataset import open_image_source, read_image_source
from .images.image_decoding import read_header
from .images.image_source import ImageSource, image_source_of
from .images.pages_and_groups import settled
from .images.parallel_decoding import DecodingProgress, by, find_form
from .inventory import Inventory
from .memory import MEMORY
from .packed.dataset import (
    check_as_packed,
    open_packed,
    open_packed_source,
    packed_source,
    read_packed,
)
from .packed.manifest import read_manifest
from .registry import (
    ARRAYS,
    CONTAINERS,
    FRAMED,
    IMAGES,
    ONLY_IMAGES,
    ONLY_VECTORS,
    SOURCES,
    SPLIT,
    TABLES,
    TEXTS,
    Named,
    Packed,
    RawExamples,
    Readable,
    Source,
    register_source,
)
from .settings import DataSettings
from .tables.readers import read_csv, read_excel, read_feather, read_parquet
from .tables.vectors import RawVectors, build_vectors, build_vectors_as, read_vectors

logger = logging.getLogger(__name__)


def _add_published(name: str, source: Published, description: str) -> None:
    SOURCES.add(name, Named(f"{description}, downloaded once", source.open, source.read))


def _add_file(
    name: str,
    description: str,
    read: Callable[[DataSettings, Path, tuple[str, ...] | None], RawExamples],
    uses: frozenset[str],
    *suffixes: str,
) -> None:
    def at_path(settings: DataSettings, typed: str, needed: tuple[str, ...] | None) -> RawExamples:
        return as_shaped(read(settings, _path(typed), needed), settings)

    SOURCES.add(name, Readable(description, at_path, uses, suffixes))


SOURCES.add(
    "digits",
    Named(
        "1,797 handwritten digits, 8x8, always there (scikit-learn)",
        open_digits,
        read_digits,
        FRAMED | SPLIT,
    ),
)
_add_published("mnist", MNIST, "70,000 handwritten digits, 28x28")
_add_published("cifar10", CIFAR10, "60,000 small photographs of 10 classes, 32x32")
_add_published("cifar100", CIFAR100, "60,000 small photographs of 100 classes, 32x32")
_add_published("svhn", SVHN, "99,289 digits cut from photographs of house numbers, 32x32")
_add_published("stl10", STL10, "13,000 photographs of 10 classes, 96x96")
_add_published(
    "stl10-unlabelled",
    STL10_UNLABELLED,
    "the same test split, 105,000 images without labels to train on",
)
register_source(
    "folder",
    "images below a folder; classes and train/test by the names of folders",
    kind="images",
    takes="PATH",
    uses=IMAGES | {"folders"},
)(find_folder)
register_source(
    "archive",
    "images in a .zip or .tar, read without unpacking; as for folders",
    kind="images",
    takes="PATH",
    uses=IMAGES | {"folders"},
)(find_archive)
register_source("image", "the pages or frames of one file", kind="images", takes="PATH")(
    find_image_file
)
register_source("imagenet", "1.3 million photographs of 1,000 classes", kind="images")(
    find_imagenet
)
register_source(
    "celeba",
    "182,732 faces with forty attributes, downloaded once",
    kind="images",
    uses=IMAGES | {"attribute"},
)(find_celeba)
register_source(
    "lsun",
    "photographs of one category, such as lsun:bedroom",
    kind="images",
    takes="CATEGORY",
)(find_lsun)
register_source(
    "hf",
    "images of the library datasets, by name or folder, and split",
    kind="images",
    takes="NAME[:SPLIT]",
    uses=IMAGES | {"label_column", "image_column"},
)(find_hub)
SOURCES.add(
    "packed", Packed("what `ambigan prepare` wrote; not decoded again", open_packed, read_packed)
)
_add_file("npy", "an array: numbers, one example a row, or images", read_npy, ARRAYS, ".npy")
_add_file(
    "npz",
    "arrays x, y, or x_train, y_train, x_test, y_test, of numbers or images; a sparse matrix",
    read_npz,
    CONTAINERS,
    ".npz",
)
_add_file("mat", "arrays of a MATLAB file", read_mat, CONTAINERS, ".mat")
_add_file("hdf5", "arrays of an HDF5 file", read_hdf5, CONTAINERS, ".h5", ".hdf5", ".he5")
_add_file("h5ad", "the matrix of an AnnData file", read_h5ad, TABLES | {"key"}, ".h5ad")


def _images_or_rows(
    images: Callable[[DataSettings, Path], ImageSource | None],
    rows: Callable[[DataSettings, Path, tuple[str, ...] | None], RawExamples],
) -> Callable[[DataSettings, Path, tuple[str, ...] | None], RawExamples]:
    """A reader of tables that gives images where a column holds them or their paths."""

    def read(settings: DataSettings, path: Path, needed: tuple[str, ...] | None) -> RawExamples:
        is_there = path.is_file() and bool(first_bytes(path, 1))
        if is_there and (found := images(settings, path)) is not None:
            return found
        return rows(settings, path, needed)

    return read


_add_file(
    "csv",
    "a table as text, in any dialect, of numbers or of paths to images",
    _images_or_rows(images_of_csv, read_csv),
    TEXTS | {"image_column"},
    *(".csv", ".tsv", ".txt", ".dat"),
)
_add_file(
    "parquet",
    "a table, or a folder of its parts, of numbers or of images or their paths",
    _images_or_rows(images_of_parquet, read_parquet),
    TABLES | {"image_column"},
    *(".parquet", ".pq"),
)
_add_file("feather", "a table of Feather or Arrow", read_feather, TABLES, ".feather", ".arrow")
_add_file("excel", "a sheet of a workbook", read_excel, TEXTS | {"key"}, ".xlsx", ".xlsm")


def _not_in_a_file(_settings: DataSettings, _typed: str, _needed: object) -> RawExamples:
    raise DataError(
        "these data were passed in Python and are in no file; pass them again: resume(run, data=X),"
        " evaluate(run, data=X)."
    )


SOURCES.add(
    MEMORY,
    Readable("data passed in Python, as by ambigan.fit", _not_in_a_file, ARRAYS | TABLES, (), ""),
)


def origin_of_source(typed: str) -> Plugin | None:
    """The plugin from which a source comes; None for the package, or for no source."""
    return SOURCES.origin(named_source(typed).partition(":")[0])


def list_sources() -> dict[str, str]:
    """What can be typed as `data.source`, each with a line on what it is."""
    load_installed()
    return {_typed(name): source.description for name, source in SOURCES.items()}


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
    _log(dataset.inventory, dataset.name)
    return dataset


def _log(inventory: Inventory, name: str) -> None:
    """Says what was read, what was left alone, and what looks wrong."""
    for line in inventory.lines(name):
        logger.info(line)
    for line in inventory.warnings:
        logger.warning(line)


def _opened(
    settings: DataSettings, progress: DecodingProgress | None, examples: RawExamples | None
) -> Dataset:
    if examples is None:
        name, source, typed = _find(settings.source)
        packed = frozenset[str]()
        if isinstance(source, Packed):
            packed = check_as_packed(settings, typed)
        if not isinstance(source, Readable):
            _warn_of_idle_settings(settings, name, source.uses | packed)
            is_packed = isinstance(source, Packed)
            dataset = source.open(settings, typed) if is_packed else source.open(settings)
            return cropped_form(dataset, settings)
        examples = _read(source, settings, typed, None)
        is_vectors = isinstance(examples, RawVectors)
        idle = ONLY_IMAGES if is_vectors else ONLY_VECTORS
        _warn_of_idle_settings(settings, name, source.uses - idle)
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
            raise ConfigError(f"{settings.source} holds vectors; only images are prepared.")
        return examples
    _warn_of_idle_settings(settings, name, source.uses, SPLIT)
    whole = replace(settings, holdout=0)
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
        gallery = find_image_source(replace(settings, size=None, crop=None, holdout=0))
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
    _log(split.inventory, settings.source)
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
    _log(dataset.inventory, dataset.name)
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


def _typed(name: str) -> str:
    return f"{name}:{SOURCES[name].argument}".rstrip(":")


def _unknown_source(typed: str) -> ConfigError:
    """For a path where nothing is, the kind it seems to be; else the nearest name."""
    path = _path(typed)
    if typed and path.exists():
        return ConfigError(
            f"{typed} is of no kind that is recognised; say what it is, such as csv:{typed}."
            f" Known: {', '.join(map(_typed, SOURCES))}."
        )
    for name, source in SOURCES.items():
        if isinstance(source, Readable) and path.suffix.lower() in source.suffixes:
            return ConfigError(f"unknown data set '{typed}'. Did you mean '{name}:{typed}'?")
    return unknown_name("data set", typed.partition(":")[0], [*SOURCES])


def _warn_of_idle_settings(
    settings: DataSettings, name: str, uses: frozenset[str], among: frozenset[str] | None = None
) -> None:
    """A setting that does nothing is a mistake more often than not, or stood in a preset."""
    for field in dataclasses.fields(settings):
        users = [_typed(other) for other, kind in SOURCES.items() if field.name in kind.uses]
        is_set = getattr(settings, field.name) != field.default
        is_meant = among is None or field.name in among
        if is_set and is_meant and users and field.name not in uses:
            others = ", ".join(user for user in users if user != _typed(name))
            message = f"data.{field.name} has no effect on '{name}'; it is for {others}."
            warnings.warn(message, stacklevel=3)
