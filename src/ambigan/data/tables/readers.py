"""Readers of tables: text, Parquet, Feather, workbooks, and frames in memory."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ...core.errors import ConfigError, DataError
from ...core.imports import import_extra
from ..files import WRITE_AGAIN, check_file, first_line
from ..settings import DataSettings
from .choice import raw_vectors, text_columns
from .label_file import labels_from_file
from .parquet import read_columns, read_parquet_folder
from .raw_vectors import RawVectors, some
from .table import Table
from .text.header import check_header, transposed
from .text.notation import Notation
from .text.text_table import read_text_table


def read_csv(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads columns of a text table.

    Args:
        settings: Settings of the data, which name the dialect as far as it is not recognised, and
            the columns that are no data.
        path: Path of the file, which may be compressed.
        needed: Names of the columns that a trained model takes. These are read, in this order, and
            others are ignored. Empty for a model without names. None for training. In both last
            cases all columns are read but the label and those named for another purpose.

    Raises:
        DataError: The file cannot be read, lacks columns, or holds something other than numbers.
    """
    check_file(path, "a .csv file")
    return _of_text(settings, path, needed, path)


def read_excel(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads a sheet of a workbook, which `key` names, the first by default, as a text table.

    Args:
        settings: Settings of the data, see `read_csv`.
        path: Path of the file.
        needed: Names of the columns that a trained model takes, see `read_csv`.

    Raises:
        ConfigError: The extra that reads workbooks is not installed.
        DataError: The file cannot be read, or has no such sheet.
    """
    check_file(path, "a .xlsx file")
    openpyxl: Any = import_extra("openpyxl", "excel", f"{path}, a workbook,")
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "sheet.csv")
        others = _guarded(path, "a workbook", lambda: _write_sheet(openpyxl, settings, path, text))
        usual = replace(settings, separator=",", encoding="utf-8", quote='"')
        raw = _of_text(usual, text, needed, path)
    left = {f"other sheets ({some(others)})": len(others)} if others else {}
    return replace(raw, left_alone={**raw.left_alone, **left})


def read_parquet(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads columns of numbers from a Parquet file, or of all in a folder.

    A column of lists of equal length counts as one column per entry: `embedding` becomes
    `embedding[0]`, `embedding[1]` and so on.

    Args:
        settings: Settings of the data, see `read_csv`.
        path: Path of the file or folder.
        needed: Names of the columns that a trained model takes, see `read_csv`.

    Raises:
        DataError: The file cannot be read, lacks columns, holds something other than numbers, or
            has lists of different lengths.
    """
    if path.is_dir():
        return _of_arrow(*read_parquet_folder(path), settings, needed, path)
    check_file(path, "a .parquet file")
    return _of_arrow(
        _guarded(path, "Parquet", lambda: _checked(read_columns(path))), (), settings, needed, path
    )


def read_feather(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads columns of numbers from a Feather or Arrow file.

    Args:
        settings: Settings of the data, see `read_csv`.
        path: Path of the file.
        needed: Names of the columns that a trained model takes, see `read_csv`.

    Raises:
        DataError: As `read_parquet`.
    """
    check_file(path, "a .feather file")

    def load() -> Any:
        feather: Any = import_module("pyarrow.feather")
        return _checked(feather.read_table(path, use_threads=False, memory_map=False))

    return _of_arrow(_guarded(path, "Feather", load), (), settings, needed, path)


def read_frame(
    table: Any, settings: DataSettings, needed: tuple[str, ...] | None = None
) -> RawVectors:
    """Reads columns of numbers from a table of Arrow in memory.

    Args:
        table: The table.
        settings: Settings of the data, see `read_csv`.
        needed: Names of the columns that a trained model takes, see `read_csv`.

    Raises:
        DataError: Columns are missing or hold something other than numbers.
    """
    return _of_arrow(table, (), settings, needed, Path("data in memory"))


def _of_text(
    settings: DataSettings, path: Path, needed: tuple[str, ...] | None, where: Path
) -> RawVectors:
    names = text_columns(settings, needed)
    _check_text(path, where)
    table = _guarded(where, "CSV", lambda: read_text_table(path, settings, names, where))
    ids = None
    if table.row_names and settings.id_column is None:
        ids = [text or "" for text in table.texts(0)]
        table = table.without_first()
    if settings.transpose:
        table, ids = transposed(table)
    elif settings.header is None and ids is None:
        check_header(table)
    raw = raw_vectors(table, settings, needed, is_typed=False, ids=ids)
    return labels_from_file(raw, settings)


_OTHER_TEXTS = (
    (rb"\s*(\[\s*)?\{\s*[\"}]|\s*\[\s*\[", "JSON", "pandas.read_json"),
    (rb"\s*<(\?xml|!doctype|html|table)", "HTML or XML", "pandas.read_html or read_xml"),
    (rb"(\s|%[^\n]*\n)*@relation\s", "ARFF", "scipy.io.arff.loadarff"),
    (rb"[-+.\d]+( \d+:[-+.\deE]+)+\s*\n", "LIBSVM", "sklearn.datasets.load_svmlight_file"),
)
"""How texts begin that are no tables of columns, their names, and what reads them."""


def _check_text(path: Path, where: Path) -> None:
    """Rejects texts of other kinds.

    Raises:
        DataError: It is one.
    """
    with path.open("rb") as file:
        first = file.read(4096).removeprefix(b"\xef\xbb\xbf")
    for start, kind, reader in _OTHER_TEXTS:
        if re.match(start, first, re.IGNORECASE):
            raise DataError(
                f"{where} is {kind}, no table of columns; read it in Python with {reader}, and pass"
                " the result to ambigan.fit or write it as CSV or Parquet."
            )


def _of_arrow(
    found: Any,
    facts: tuple[str, ...],
    settings: DataSettings,
    needed: tuple[str, ...] | None,
    path: Path,
) -> RawVectors:
    names = [str(name) for name in found.column_names]
    table = Table(path, names, list(found.columns), notation=Notation.of(settings), facts=facts)
    del found  # columns are let go of one by one as their values are taken
    ids = None
    if settings.transpose:
        table, ids = transposed(table)
    return labels_from_file(raw_vectors(table, settings, needed, ids=ids), settings)


def _checked(table: Any) -> Any:
    """The table, whose damage would otherwise be found where it is first used."""
    table.validate(full=True)
    list(table.column_names)
    return table


def _guarded(path: Path, kind: str, load: Callable[[], Any]) -> Any:
    """Runs a reader and translates its errors.

    Raises:
        DataError: The file cannot be read; of several tables in one file, the message says so.
    """
    try:
        return load()
    except (MemoryError, DataError, ConfigError):
        raise
    except Exception as error:  # Arrow's parts raise different errors for damaged files
        said = first_line(error)
        if kind != "CSV":
            raise DataError(
                f"{path} is damaged, cut short or not {kind} ({said}); {WRITE_AGAIN}."
            ) from error
        if "UTF8" in said or "utf-8" in said:
            raise DataError(
                f"{path} is no CSV in UTF-8; name its encoding, for instance --data.encoding cp1252"
                " or --data.encoding latin-1."
            ) from error
        raise DataError(
            f"{path} is damaged, cut short or not CSV ({said}); name what is not recognised with"
            " --data.separator, --data.comment, --data.header or --data.quote."
        ) from error


def _write_sheet(openpyxl: Any, settings: DataSettings, path: Path, text: Path) -> list[str]:
    """Writes a sheet as text, and returns the names of the others."""
    with _workbook(openpyxl, path) as book:
        names: list[str] = list(book.sheetnames)
        if settings.key is not None and settings.key not in names:
            raise DataError(f"{path} has no sheet '{settings.key}'; it has: {some(names)}.")
        chosen = settings.key or names[0]
        with text.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            for row in book[chosen].iter_rows(values_only=True):
                if any(cell is not None for cell in row):
                    writer.writerow(["" if cell is None else cell for cell in row])
        return [name for name in names if name != chosen]


@contextmanager
def _workbook(openpyxl: Any, path: Path) -> Generator[Any]:
    with path.open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            yield book
        finally:
            book.close()
