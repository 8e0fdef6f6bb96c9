"""The registry of sources: from what the user typed to a data set."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError, DataError, unknown
from ..core.spec import DataSpec
from .arrays import read_npy, read_npz
from .dataset import Dataset, Scaling, SourceSplit
from .decoding import Progress, by
from .digits import open_digits, read_digits
from .folder import open_folder, read_folder
from .mnist import open_mnist, read_mnist
from .settings import DataSettings
from .tables import read_csv, read_parquet
from .vectors import RawVectors, build_vectors, read_vectors

_IMAGES = frozenset(("size", "grayscale", "max_corrupt"))
_ARRAYS = frozenset(("drop_constant", "scaling"))
_TABLES = _ARRAYS | {"label_column", "drop"}


@dataclass(frozen=True)
class Named:
    """Images known by a name alone: opened split, or read whole."""

    description: str
    open: Callable[[DataSettings], Dataset]
    read: Callable[[DataSettings], SourceSplit]
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Folder:
    """Images at a path, typed `kind:PATH`: opened split, or read whole in the form of a model."""

    description: str
    open: Callable[[DataSettings, Path, Progress | None], Dataset]
    read: Callable[[DataSettings, Path, DataSpec, Progress | None], SourceSplit]
    uses: frozenset[str]


@dataclass(frozen=True)
class File:
    """Vectors at a path, typed `kind:PATH`: read, and then split or not; see `vectors`."""

    description: str
    read: Callable[[DataSettings, Path, tuple[str, ...] | None], RawVectors]
    uses: frozenset[str]
    suffixes: tuple[str, ...]


Source = Named | Folder | File

SOURCES: dict[str, Source] = {
    "digits": Named(
        "1,797 handwritten digits, 8x8, always there (scikit-learn)", open_digits, read_digits
    ),
    "mnist": Named("70,000 handwritten digits, 28x28, downloaded once", open_mnist, read_mnist),
    "folder": Folder(
        "images below a folder; classes and train/test by the names of folders",
        open_folder,
        read_folder,
        _IMAGES,
    ),
    "npy": File("a 2-D array of numbers, one example a row", read_npy, _ARRAYS, (".npy",)),
    "npz": File("arrays x, y, or x_train, y_train, x_test, y_test", read_npz, _ARRAYS, (".npz",)),
    "csv": File("columns of numbers under a line of names", read_csv, _TABLES, (".csv", ".tsv")),
    "parquet": File("columns of numbers", read_parquet, _TABLES, (".parquet", ".pq")),
}


def list_sources() -> dict[str, str]:
    """What can be typed as `data.source`, each with a line on what it is."""
    return {_typed(name): source.description for name, source in SOURCES.items()}


def open_dataset(settings: DataSettings, progress: Progress | None = None) -> Dataset:
    """Reads, checks and splits the examples that the settings name.

    Args:
        settings: which source, and how it is split, scaled and checked.
        progress: called with how many images of a folder are decoded and of how many, about ten
            times a second.

    Returns:
        Both splits in memory: images as uint8, vectors as scaled float32.

    Raises:
        ConfigError: an unknown source, or settings that do not fit it.
        DataError: files that are missing, cannot be read or cannot be learned from.
    """
    name, source, path = _find(settings.source)
    _warn_of_idle_settings(settings, name, source)
    if isinstance(source, Named):
        return source.open(settings)
    if isinstance(source, Folder):
        return source.open(settings, path, progress)
    return build_vectors(source.read(settings, path, None), settings)


def open_examples(
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: Progress | None = None,
) -> SourceSplit:
    """Reads all that a source holds, in its order, as a trained model takes it.

    Images of a folder are brought to the model's height, width and channels. Vectors go through
    the scaling that was fitted in training. Of a table, the columns that the model was trained on
    are found by name, and what else is there is left alone; of an array, they are all, or where
    constant ones were dropped those kept. A single example is enough.

    Args:
        settings: `source`, `root`, `max_corrupt` and, of tables, `label_column` and `drop` are
            used; how to split, size and scale is settled by the model, and so no matter.
        spec: the form of the model's data.
        scaling: of a model of vectors.
        progress: as for `open_dataset`.

    Returns:
        uint8 images or scaled float32 vectors; labels if all examples have one.

    Raises:
        ConfigError: an unknown source.
        DataError: files that are missing, cannot be read, or are not what the model takes.
    """
    _, source, path = _find(settings.source)
    kind = "vectors" if isinstance(source, File) else "images"
    if kind != spec.kind:
        raise _misfit(settings, kind, spec)
    if isinstance(source, File):
        needed = scaling.columns if scaling else ()
        return read_vectors(source.read(settings, path, needed), spec, scaling)
    if isinstance(source, Folder):
        return source.read(settings, path, spec, progress)
    split = source.read(settings)
    if split.values.shape[1:] != spec.shape:
        raise _misfit(settings, f"images of {by(split.values.shape[1:])}", spec)
    return split


def _find(typed: str) -> tuple[str, Source, Path]:
    """The name of a source, what it stands for, and the path that goes with it."""
    name, _, path = typed.partition(":")
    source = SOURCES.get(name)
    if source is None:
        raise _unknown_source(typed)
    if isinstance(source, Named) and path:
        raise ConfigError(f"data set '{name}' takes no path; write it as '{name}'.")
    if not isinstance(source, Named) and not path:
        raise ConfigError(f"data set '{name}' needs a path: {name}:PATH.")
    return name, source, Path(path).expanduser()


def _misfit(settings: DataSettings, held: str, spec: DataSpec) -> DataError:
    form = f"{spec.num_values} values" if spec.kind == "vectors" else by(spec.shape)
    return DataError(f"{settings.source} holds {held}; the model takes {spec.kind} of {form}.")


def _typed(name: str) -> str:
    return f"{name}:PATH" if not isinstance(SOURCES[name], Named) else name


def _unknown_source(typed: str) -> ConfigError:
    """For a bare path, the kind it seems to be; else the nearest name."""
    path = Path(typed).expanduser()
    for name, source in SOURCES.items():
        if isinstance(source, File) and path.suffix.lower() in source.suffixes:
            return ConfigError(f"unknown data set '{typed}'. Did you mean '{name}:{typed}'?")
    if path.is_dir():
        return ConfigError(f"unknown data set '{typed}'. Did you mean 'folder:{typed}'?")
    return unknown("data set", typed.partition(":")[0], [*SOURCES])


def _warn_of_idle_settings(settings: DataSettings, name: str, source: Source) -> None:
    """A setting that does nothing is a mistake more often than not."""
    for field in dataclasses.fields(settings):
        users = [_typed(other) for other, kind in SOURCES.items() if field.name in kind.uses]
        is_set = getattr(settings, field.name) != field.default
        if is_set and users and field.name not in source.uses:
            message = f"data.{field.name} has no effect on '{name}'; it is for {', '.join(users)}."
            warnings.warn(message, stacklevel=3)
