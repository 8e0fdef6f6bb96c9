"""Which source reads a path that was typed alone, by what is there."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from ...core.errors import DataError
from ..file_kinds import NUM_BYTES, TAR, ZIP, kind_of_bytes
from ..files import first_bytes
from ..image_sources.archives import is_archive_of_arrays
from ..images.image_decoding import image_suffixes

_SAVED_SETS = ("dataset_dict.json", "state.json", "dataset_info.json")
_PACKED = ("manifest.json", "index.parquet")
_BY_KIND = {
    "NumPy array": "npy",
    "Parquet table": "parquet",
    "Arrow table": "feather",
    "HDF5 file": "hdf5",
    "MATLAB file": "mat",
}
_WORKBOOK = "xl/workbook.xml"


def source_at(path: Path, suffixes: Mapping[str, str]) -> str | None:
    """Returns the name of the source that reads a file or folder; None where none is known.

    Args:
        path: Path of what is there.
        suffixes: Names of sources by the suffix of their files.
    """
    if path.is_dir():
        return _of_folder(path, suffixes)
    if not path.is_file():
        return None
    named = _by_suffix(path, suffixes)
    try:
        kind = kind_of_bytes(first_bytes(path, NUM_BYTES))
    except DataError:
        return named
    if kind is None:
        return named or ("image" if path.suffix.lower() in image_suffixes() else None)
    if kind is ZIP:
        if is_workbook(path):
            return "excel"
        if is_archive_of_arrays(path):
            return "npz"
        return named if named not in (None, "npz") else "archive"
    if kind is TAR:
        return "archive"
    if kind.role == "archive":  # compressed: of what, its name says
        return "archive" if named is None else named
    if kind.role == "image":
        return "image"
    if kind.name == "HDF5 file" and named in ("h5ad", "mat"):
        return named
    return _BY_KIND.get(kind.name) or named or ("csv" if kind.name == "text" else None)


def is_workbook(path: Path) -> bool:
    """Whether a ZIP archive is a workbook of a spreadsheet."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _WORKBOOK in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def _by_suffix(path: Path, suffixes: Mapping[str, str]) -> str | None:
    """The source by the longest suffix that is known, so that `.csv.gz` is a table."""
    parts = [suffix.lower() for suffix in path.suffixes]
    if parts and parts[-1] in (".gz", ".bz2", ".xz", ".zst"):
        parts.pop()
    for start in range(len(parts)):
        if "".join(parts[start:]) in suffixes:
            return suffixes["".join(parts[start:])]
    return None


def _of_folder(path: Path, suffixes: Mapping[str, str]) -> str:
    names = [entry.name for entry in path.iterdir() if entry.name[0] != "."]
    if all(name in names for name in _PACKED):
        return "packed"
    if any(name in names for name in _SAVED_SETS):
        return "hf"
    kinds = {_by_suffix(Path(name), suffixes) for name in names}
    is_parquet = kinds == {"parquet"}
    return "parquet" if is_parquet else "folder"
