"""NumPy's files: `.npy` with one array, `.npz` with several by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError, DataError
from ..files import check_file, first_bytes, first_line
from ..settings import DataSettings
from .vectors import RawVectors

_NPY, _NPZ = b"\x93NUMPY", b"PK"


def read_npy(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """One 2-D array of numbers, an example a row, without labels.

    Args:
        settings: `drop` and `label_column` are refused, unless a trained model reads.
        path: of the file.
        needed: of a trained model, what it calls its columns; an array has no names to find them
            by, so all are read.

    Raises:
        ConfigError: settings that name columns.
        DataError: a file that cannot be read.
    """
    if needed is None:
        _refuse_columns(settings, path)
    check_file(path, "a .npy file")
    if first_bytes(path, 2) == _NPZ:
        raise DataError(f"{path} is an archive of arrays; open it as npz:{path}.")
    if first_bytes(path, 6) != _NPY:
        raise DataError(f"{path} is not a .npy file; write one with numpy.save.")
    with path.open("rb") as file:
        array = _read(path, lambda: np.load(file, allow_pickle=False))
    return RawVectors(path, (("", array),), (None,))


def read_npz(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Arrays by name: which examples, and which labels.

    - `x_train` and `x_test`, with `y_train` and `y_test` where there are labels: a published split;
    - `x`, with `y` or `labels` where there are labels: split by the seed;
    - a single array of any name: split by the seed, without labels.

    Args:
        settings: as for `read_npy`.
        path: of the file.
        needed: as for `read_npy`.

    Raises:
        ConfigError: settings that name columns.
        DataError: a file that cannot be read, or with other arrays.
    """
    if needed is None:
        _refuse_columns(settings, path)
    check_file(path, "a .npz file")
    if first_bytes(path, 6) == _NPY:
        raise DataError(f"{path} holds a single array; open it as npy:{path}.")
    if first_bytes(path, 2) != _NPZ:
        raise DataError(f"{path} is not a .npz file; write one with numpy.savez.")
    return _read_archive(path)


def _read_archive(path: Path) -> RawVectors:
    # Opened here, because NumPy leaves a damaged file open.
    with (
        path.open("rb") as file,
        _read(path, lambda: np.load(file, allow_pickle=False)) as archive,
    ):
        examples, labels = _chosen(path, tuple(archive.files))

        def array(name: str) -> NDArray[Any]:
            return _read(path, lambda: archive[name])

        parts = tuple((name, array(name)) for name in examples)
        codes = tuple(array(name) if name else None for name in labels)
    named = " and ".join(f"'{name}'" for name in labels if name)
    return RawVectors(path, parts, codes, labels_name=f"array {named}")


def _chosen(path: Path, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """The names of the arrays of examples, and of their labels."""
    known = set(names)
    if {"x_train", "x_test"} <= known:
        labels = tuple(name if name in known else None for name in ("y_train", "y_test"))
        return ("x_train", "x_test"), labels
    if "x" in known:
        return ("x",), (next((name for name in ("y", "labels") if name in known), None),)
    if len(names) == 1:
        return names, (None,)
    raise DataError(
        f"{path} holds arrays named {', '.join(names) or 'nothing'}; needed are x (and y for"
        " labels), or x_train and x_test (and y_train, y_test), or a single array."
    )


def _read(path: Path, load: Callable[[], Any]) -> Any:
    """Runs NumPy's reader, whose errors speak of its inside, and says what they mean here."""
    try:
        return load()
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # of damage, NumPy raises whatever its parts happen to
        if "Object arrays" in str(error):
            raise DataError(
                f"{path} holds Python objects, which are refused, since reading them can run code;"
                " convert them with array.astype('float32'), labels with astype(str)."
            ) from error
        raise DataError(
            f"{path} is damaged or cut short ({first_line(error)}); write it again."
        ) from error


def _refuse_columns(settings: DataSettings, path: Path) -> None:
    for setting, value in (("drop", settings.drop), ("label_column", settings.label_column)):
        if value:
            raise ConfigError(
                f"data.{setting} names columns, and {path} has none; it is for csv: and parquet:."
            )
