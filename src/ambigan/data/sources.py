"""The registry of sources: from what the user typed to a data set."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError, unknown
from .arrays import open_npy, open_npz
from .dataset import Dataset
from .digits import open_digits
from .folder import open_folder
from .mnist import open_mnist
from .settings import DataSettings
from .tables import open_csv, open_parquet

_IMAGES = frozenset(("size", "grayscale", "max_corrupt"))
_ARRAYS = frozenset(("drop_constant", "scaling"))
_TABLES = _ARRAYS | {"label_column", "drop"}


@dataclass(frozen=True)
class Named:
    """A source known by its name alone."""

    description: str
    open: Callable[[DataSettings], Dataset]
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class AtPath:
    """A kind of source that is typed with a path, `kind:PATH`."""

    description: str
    open: Callable[[DataSettings, Path], Dataset]
    uses: frozenset[str]
    suffixes: tuple[str, ...] = ()


SOURCES: dict[str, Named | AtPath] = {
    "digits": Named("1,797 handwritten digits, 8x8, always there (scikit-learn)", open_digits),
    "mnist": Named("70,000 handwritten digits, 28x28, downloaded once", open_mnist),
    "folder": AtPath(
        "images below a folder; classes and train/test by the names of folders",
        open_folder,
        _IMAGES,
    ),
    "npy": AtPath("a 2-D array of numbers, one example a row", open_npy, _ARRAYS, (".npy",)),
    "npz": AtPath("arrays x, y, or x_train, y_train, x_test, y_test", open_npz, _ARRAYS, (".npz",)),
    "csv": AtPath("columns of numbers under a line of names", open_csv, _TABLES, (".csv", ".tsv")),
    "parquet": AtPath("columns of numbers", open_parquet, _TABLES, (".parquet", ".pq")),
}


def list_sources() -> dict[str, str]:
    """What can be typed as `data.source`, each with a line on what it is."""
    return {_typed(name): source.description for name, source in SOURCES.items()}


def open_dataset(settings: DataSettings) -> Dataset:
    """Reads, checks and splits the examples that the settings name.

    Args:
        settings: which source, and how it is split, scaled and checked.

    Returns:
        Both splits in memory: images as uint8, vectors as scaled float32.

    Raises:
        ConfigError: an unknown source, or settings that do not fit it.
        DataError: files that are missing, cannot be read or cannot be learned from.
    """
    name, _, path = settings.source.partition(":")
    source = SOURCES.get(name)
    if source is None:
        raise _unknown_source(settings.source)
    _warn_of_idle_settings(settings, name, source)
    if isinstance(source, Named):
        if path:
            raise ConfigError(f"data set '{name}' takes no path; write it as '{name}'.")
        return source.open(settings)
    if not path:
        raise ConfigError(f"data set '{name}' needs a path: {name}:PATH.")
    return source.open(settings, Path(path).expanduser())


def _typed(name: str) -> str:
    return f"{name}:PATH" if isinstance(SOURCES[name], AtPath) else name


def _unknown_source(typed: str) -> ConfigError:
    """For a bare path, the kind it seems to be; else the nearest name."""
    path = Path(typed).expanduser()
    for name, source in SOURCES.items():
        if isinstance(source, AtPath) and path.suffix.lower() in source.suffixes:
            return ConfigError(f"unknown data set '{typed}'. Did you mean '{name}:{typed}'?")
    if path.is_dir():
        return ConfigError(f"unknown data set '{typed}'. Did you mean 'folder:{typed}'?")
    return unknown("data set", typed.partition(":")[0], [*SOURCES])


def _warn_of_idle_settings(settings: DataSettings, name: str, source: Named | AtPath) -> None:
    """A setting that does nothing is a mistake more often than not."""
    for field in dataclasses.fields(settings):
        users = [_typed(other) for other, kind in SOURCES.items() if field.name in kind.uses]
        is_set = getattr(settings, field.name) != field.default
        if is_set and users and field.name not in source.uses:
            message = f"data.{field.name} has no effect on '{name}'; it is for {', '.join(users)}."
            warnings.warn(message, stacklevel=3)
