"""Readers of NumPy's files: `.npy` with one array, `.npz` with several named ones."""

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

_SMALL = 1 << 26
"""Bytes of a file below which it is a damaged header, and no lack of memory, that asks for more."""

_NPY, _NPZ = b"\x93NUMPY", b"PK"


def read_npy(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads one 2-D array of numbers, one example per row, without labels.

    Args:
        settings: Settings of the data. `drop` and `label_column` are rejected unless a trained
            model reads.
        path: Path of the file.
        needed: Names of the columns of a trained model. An array has no names to match, so all
            columns are read. None for training.

    Raises:
        ConfigError: Settings name columns.
        DataError: The file cannot be read.
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
    """Reads named arrays of examples and labels.

    - `x_train` and `x_test`, with `y_train` and `y_test` if there are labels: a published split.

    - `x`, with `y` or `labels` if there are labels: split by the seed.

    - A single array of any name: split by the seed, without labels.

    Args:
        settings: Settings of the data, see `read_npy`.
        path: Path of the file.
        needed: Names of the columns of a trained model, see `read_npy`.

    Raises:
        ConfigError: Settings name columns.
        DataError: The file cannot be read, or holds other arrays.
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
    """Returns the names of the arrays of examples, and those of their labels."""
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
    """Runs NumPy's reader and translates its errors, which describe its internals."""
    try:
        return load()
    except Exception as error:  # NumPy's parts raise different errors for damaged files
        if isinstance(error, MemoryError) and path.stat().st_size > _SMALL:
            raise
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
