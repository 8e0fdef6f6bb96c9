"""The sources of data that come with the package, each registered by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...core.errors import DataError
from ..arrays.containers import read_h5ad, read_hdf5, read_mat
from ..arrays.layout import as_shaped
from ..arrays.numpy_files import read_npy, read_npz
from ..files import first_bytes
from ..image_sources.digits import open_digits, read_digits
from ..image_sources.folder import find_archive, find_folder, find_image_file
from ..image_sources.hub import find_hub
from ..image_sources.image_tables import images_of_csv, images_of_parquet
from ..image_sources.photo_datasets import find_celeba, find_imagenet, find_lsun
from ..image_sources.torchvision_datasets import (
    CIFAR10,
    CIFAR100,
    MNIST,
    STL10,
    STL10_UNLABELLED,
    SVHN,
    Published,
)
from ..images.image_source import ImageSource
from ..memory import MEMORY
from ..packed.dataset import open_packed, read_packed
from ..settings import DataSettings
from ..tables.readers import read_csv, read_excel, read_feather, read_parquet
from .registry import (
    ARRAYS,
    CONTAINERS,
    FRAMED,
    IMAGES,
    SOURCES,
    SPLIT,
    TABLES,
    TEXTS,
    Named,
    Packed,
    RawExamples,
    Readable,
    register_source,
)


def _add_published(name: str, source: Published, description: str) -> None:
    SOURCES.add(name, Named(f"{description}, downloaded once", source.open, source.read))


def _add_file(
    name: str,
    description: str,
    read: Callable[[DataSettings, Path, tuple[str, ...] | None], RawExamples],
    uses: frozenset[str],
    *suffixes: str,
    images: Callable[[DataSettings, Path], ImageSource | None] | None = None,
) -> None:
    def at_path(settings: DataSettings, typed: str, needed: tuple[str, ...] | None) -> RawExamples:
        return as_shaped(read(settings, Path(typed).expanduser(), needed), settings)

    def holds_images(settings: DataSettings, typed: str) -> bool:
        if settings.shape is not None:
            return True
        if images is not None:
            return images(settings, Path(typed).expanduser()) is not None
        is_array = "layout" in uses and "transpose" not in uses
        return is_array and isinstance(at_path(settings, typed, ()), ImageSource)

    SOURCES.add(name, Readable(description, at_path, uses, suffixes, holds_images=holds_images))


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
    "images below a folder or URL; classes and train/test by the names of folders",
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
    images=images_of_csv,
)
_add_file(
    "parquet",
    "a table, or a folder of its parts, of numbers or of images or their paths",
    _images_or_rows(images_of_parquet, read_parquet),
    TABLES | {"image_column"},
    *(".parquet", ".pq"),
    images=images_of_parquet,
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
