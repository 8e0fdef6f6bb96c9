"""Readers of NumPy's files: `.npy` with one array, `.npz` with several named ones."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError, DataError
from ...core.machine import physical_memory
from ..files import check_file, first_bytes, first_line
from ..opening.registry import RawExamples
from ..settings import DataSettings
from .layout import examples_of_arrays
from .named_arrays import named_arrays

_SMALL = 1 << 26
"""Bytes of a file below which it is a damaged header, and no lack of memory, that asks for more."""

_NPY, _NPZ = b"\x93NUMPY", b"PK"


def read_npy(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawExamples:
    """Reads one array without labels: numbers, one example per row, or images.

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
    return examples_of_arrays(path, [("", array)], [None], settings)


def read_npz(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawExamples:
    """Reads named arrays of examples and labels, numbers or images.

    Names are those in use: `x`, `X`, `data`, `images`, `features` or `arr_0` for examples, `y`,
    `labels`, `target` or `classes` for labels, each alone or with `train` and `test` before or
    after it for a published split. A single array may have any name. Others are left alone.

    Args:
        settings: Settings of the data. `key`, `label_column` and `target_column` name arrays.
        path: Path of the file.
        needed: Names of the columns of a trained model, see `read_npy`.

    Raises:
        DataError: The file cannot be read, or holds other arrays.
    """
    check_file(path, "a .npz file")
    if first_bytes(path, 6) == _NPY:
        raise DataError(f"{path} holds a single array; open it as npy:{path}.")
    if first_bytes(path, 2) != _NPZ:
        raise DataError(f"{path} is not a .npz file; write one with numpy.savez.")
    # Opened here, because NumPy leaves a damaged file open.
    with (
        path.open("rb") as file,
        _read(path, lambda: np.load(file, allow_pickle=False)) as archive,
    ):
        if {*archive.files} >= _SPARSE:
            return read_sparse(settings, path)
        names = tuple(archive.files)
        return named_arrays(
            path, names, lambda name: _read(path, lambda: archive[name]), settings, needed
        )


_SPARSE = frozenset(("format", "shape", "data"))
"""Arrays that SciPy writes of a sparse matrix."""


def read_sparse(settings: DataSettings, path: Path) -> RawExamples:
    """Reads a sparse matrix as SciPy writes it, with all its zeros.

    Raises:
        DataError: It cannot be read, or does not fit in memory with its zeros.
    """
    sparse: Any = import_module("scipy.sparse")  # late: it takes a while to import
    matrix = _read(path, lambda: sparse.load_npz(path))
    facts = [f"sparse, {matrix.nnz:,} values that are not 0"]
    return examples_of_arrays(path, [("", dense(matrix, path))], [None], settings, facts=facts)


def dense(matrix: Any, path: Path) -> NDArray[Any]:
    """Returns a sparse matrix with all its zeros, in float32 if that is exact enough for it.

    Raises:
        DataError: It takes more memory than there is.
    """
    is_narrow = matrix.dtype.kind == "f" and matrix.dtype.itemsize <= 4
    kind = np.float32 if is_narrow else np.float64
    needed = matrix.shape[0] * matrix.shape[1] * np.dtype(kind).itemsize
    if needed > physical_memory():
        raise DataError(
            f"{path}: with its zeros the matrix of {matrix.shape[0]:,} x {matrix.shape[1]:,} takes"
            f" {needed / 2**30:,.0f} GiB, more than this machine has; keep fewer columns, for"
            " instance by sklearn.decomposition.TruncatedSVD."
        )
    return matrix.astype(kind).toarray()


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
                " convert them with array.astype('float32'), labels with astype(str), and images of"
                " one size with numpy.stack(array.tolist()); others go into a folder as files."
            ) from error
        raise DataError(
            f"{path} is damaged or cut short ({first_line(error)}); write it again."
        ) from error


def _refuse_columns(settings: DataSettings, path: Path) -> None:
    for setting, value in (("drop", settings.drop), ("label_column", settings.label_column)):
        if value:
            raise ConfigError(
                f"data.{setting} names columns, and {path} has none; leave it out, it is"
                " for tables."
            )
