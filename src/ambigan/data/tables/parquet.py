"""Reading of Parquet files as tables of pyarrow."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from ...core.errors import DataError
from ..files import WRITE_AGAIN, first_line


def read_columns(source: Path | BinaryIO) -> Any:
    """Reads all columns of one file, without inferring columns from the names of its folders.

    Arrow's own threads are not used: with torch imported, a process that ends soon after they ran
    may abort at its exit.

    Args:
        source: Path of the file, or its content.
    """
    parquet: Any = import_module("pyarrow.parquet")  # late: it takes a while to import
    return parquet.ParquetFile(source, pre_buffer=False).read(use_threads=False)


def read_parquet_folder(folder: Path) -> tuple[Any, tuple[str, ...]]:
    """Reads all Parquet files below a folder in the order of their paths, as one table.

    Args:
        folder: Path of the folder.

    Returns:
        The table, and what is worth knowing of it.

    Raises:
        DataError: There is none, one cannot be read, or their columns differ.
    """
    paths = sorted(
        path
        for suffix in ("*.parquet", "*.pq")
        for path in folder.rglob(suffix)
        if path.is_file() and not path.name.startswith(("_", "."))
    )
    if not paths:
        raise DataError(f"{folder} holds no .parquet file.")
    tables = list[Any]()
    for path in paths:
        try:
            tables.append(read_columns(path))
            tables[-1].validate(full=True)
        except Exception as error:  # Arrow's parts raise different errors for damaged files
            raise DataError(
                f"{path} is damaged, cut short or not Parquet ({first_line(error)}); {WRITE_AGAIN}."
            ) from error
        names, first = set(tables[-1].column_names), set(tables[0].column_names)
        if names != first:
            other = sorted(names ^ first)[0]
            raise DataError(
                f"{path} has other columns than {paths[0]}, such as '{other}'; name one of the"
                " files, or leave the column out of all."
            )
    order = tables[0].column_names
    arrow: Any = import_module("pyarrow")
    joined = arrow.concat_tables(
        [table.select(order) for table in tables], promote_options="permissive"
    )
    return joined, (f"{len(paths)} files",)
