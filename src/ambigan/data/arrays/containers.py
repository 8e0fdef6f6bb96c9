"""Readers of files with several arrays: MATLAB and HDF5, and AnnData's matrix with its names."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError, suggestion
from ...core.imports import import_extra
from ..files import WRITE_AGAIN, check_file, first_bytes, first_line
from ..opening.registry import RawExamples
from ..settings import DataSettings
from ..tables.choice import raw_vectors
from ..tables.raw_vectors import some
from ..tables.table import Table
from .named_arrays import named_arrays
from .numpy_files import dense

_HDF5 = b"\x89HDF"


def read_mat(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawExamples:
    """Reads arrays of a MATLAB file, of version 7.3 by the reader of HDF5.

    Args:
        settings: Settings of the data; `key`, `label_column` and `target_column` name arrays.
        path: Path of the file.
        needed: Names of the columns of a trained model; an array has none.

    Raises:
        ConfigError: The file is of version 7.3 and the extra that reads it is not installed.
        DataError: The file cannot be read, or holds other arrays.
    """
    check_file(path, "a .mat file")
    if _HDF5 in (first_bytes(path, 4), first_bytes(path, 516)[512:]):
        return _read_hdf5(settings, path, needed, is_matlab=True)
    try:
        content: dict[str, Any] = import_module("scipy.io").loadmat(path, squeeze_me=False)
    except MemoryError:
        raise
    except Exception as error:  # SciPy raises different errors for damaged files
        raise DataError(
            f"{path} is damaged or not a .mat file ({first_line(error)}); {WRITE_AGAIN}."
        ) from error
    arrays: dict[str, Any] = {
        name: value.toarray() if hasattr(value, "toarray") else value
        for name, value in content.items()
        if not name.startswith("__")
    }
    known: dict[str, NDArray[Any]] = {
        name: _texts(np.asarray(value)) for name, value in arrays.items() if hasattr(value, "dtype")
    }
    return named_arrays(path, tuple(known), lambda name: known[name], settings, needed)


def _texts(array: NDArray[Any]) -> NDArray[Any]:
    """Returns cells of text, as MATLAB writes labels, as an array of texts."""
    if array.dtype.kind != "O":
        return array
    listed: list[Any] = array.reshape(-1).tolist()
    cells = [np.asarray(cell) for cell in listed]
    is_text = all(cell.dtype.kind == "U" and cell.size == 1 for cell in cells)
    return np.array([str(cell.reshape(-1)[0]) for cell in cells]) if is_text else array


def read_hdf5(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawExamples:
    """Reads arrays of an HDF5 file, also those in groups: by their own names, or as `group/name`.

    Args:
        settings: Settings of the data; `key`, `label_column` and `target_column` name arrays.
        path: Path of the file.
        needed: Names of the columns of a trained model; an array has none.

    Raises:
        ConfigError: The extra that reads it is not installed.
        DataError: The file cannot be read, or holds other arrays.
    """
    check_file(path, "an HDF5 file")
    return _read_hdf5(settings, path, needed, is_matlab=False)


def _read_hdf5(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None, *, is_matlab: bool
) -> RawExamples:
    with _opened(path) as file:
        h5py = import_module("h5py")
        names = list[str]()

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.shape and not name.startswith("#refs#"):
                names.append(name)

        file.visititems(visit)

        def read(name: str) -> NDArray[Any]:
            array = file[name][()]
            if array.dtype.kind == "O":
                array = np.array([v.decode() if isinstance(v, bytes) else str(v) for v in array])
            elif array.dtype.kind == "S":
                array = np.char.decode(array)
            return array.T if is_matlab else array  # MATLAB stores columns one after the other

        inner = {name.rpartition("/")[2]: name for name in names}
        asked = {settings.key, settings.label_column, *settings.target_column}
        if len(inner) < len(names) or asked & {*names} - {*inner}:
            inner = {name: name for name in names}
        return named_arrays(path, tuple(inner), lambda name: read(inner[name]), settings, needed)


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """Opens an HDF5 file.

    Raises:
        ConfigError: The extra is not installed.
        DataError: It is damaged.
    """
    h5py: Any = import_extra("h5py", "hdf5", str(path))
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(
            f"{path} is damaged or not HDF5 ({first_line(error)}); {WRITE_AGAIN}."
        ) from error
    with file:
        try:
            yield file
        except OSError as error:
            raise DataError(f"{path} is damaged ({first_line(error)}); {WRITE_AGAIN}.") from error


def read_h5ad(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawExamples:
    """Reads the matrix of an AnnData file; columns of its observations are labels, ids or groups.

    Args:
        settings: Settings of the data; `key` names a layer in place of `X`.
        path: Path of the file.
        needed: Names of the variables that a trained model takes; all of them if None or empty.

    Raises:
        ConfigError: The extra that reads it is not installed.
        DataError: The file cannot be read, or lacks what is asked for.
    """
    check_file(path, "a .h5ad file")
    anndata: Any = import_extra("anndata", "anndata", str(path))
    try:
        found = anndata.read_h5ad(path)
    except Exception as error:  # AnnData raises different errors for damaged files
        raise DataError(
            f"{path} is damaged or not AnnData ({first_line(error)}); {WRITE_AGAIN}."
        ) from error
    matrix = found.X if settings.key is None else found.layers.get(settings.key)
    if matrix is None:
        layers = list(found.layers)
        raise DataError(
            f"{path} has no {'X' if settings.key is None else 'layer ' + repr(settings.key)};"
            f" --data.key names a layer. Its layers: {some(layers) or 'none'}."
        )
    values = dense(matrix, path) if hasattr(matrix, "toarray") else np.asarray(matrix)
    arrow: Any = import_module("pyarrow")
    columns = [str(name) for name in found.var_names]
    observed = arrow.Table.from_pandas(found.obs, preserve_index=False)
    asked = (settings.label_column, settings.id_column, settings.group, *settings.target_column)
    kept = [name for name in asked if name is not None]
    for name in kept:
        if needed is None and name not in observed.column_names:
            close = suggestion(name, observed.column_names)
            raise DataError(
                f"{path}: its observations have no column '{name}'.{close} They have:"
                f" {some(observed.column_names)}."
            )
    there = [name for name in kept if name in observed.column_names]
    left = {n for n in observed.column_names if n not in there}
    table = Table(
        path,
        [*columns, *there],
        [*([None] * len(columns)), *(observed.column(name) for name in there)],
        [values.astype(np.float64, copy=False)] if values.dtype != np.float32 else [values],
        facts=(f"{values.shape[1]:,} variables",),
        left_alone={f"columns of observations ({some(sorted(left))})": len(left)} if left else {},
    )
    ids = [str(name) for name in found.obs_names]
    return raw_vectors(table, settings, needed, ids=None if settings.id_column else ids)
