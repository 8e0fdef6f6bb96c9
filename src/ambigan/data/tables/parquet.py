"""Reading of Parquet files as tables of pyarrow."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO


def read_columns(source: Path | BinaryIO) -> Any:
    """Reads all columns of one file, without inferring columns from the names of its folders.

    Arrow's own threads are not used: with torch imported, a process that ends soon after they ran
    may abort at its exit.

    Args:
        source: Path of the file, or its content.
    """
    parquet: Any = import_module("pyarrow.parquet")  # late: it takes a while to import
    return parquet.ParquetFile(source, pre_buffer=False).read(use_threads=False)
