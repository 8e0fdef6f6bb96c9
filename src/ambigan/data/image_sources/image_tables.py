"""Tables of images: a column with paths relative to the table, or with the bytes of files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import DataError, unknown_name
from ..file_kinds import kind_by_suffix, kind_of_bytes
from ..images.image_decoding import Content, image_suffixes
from ..images.image_source import ImageSource
from ..labels import encode_labels
from ..settings import SEPARATORS, DataSettings
from .files_by_name import FilesByName
from .folder_scan import MASKS, TEST_NAMES, TRAIN_NAMES

LABELS = ("label", "labels", "class", "target", "category", "y")
"""Names of columns that hold labels if none is named."""

_SPLITS = ("split", "subset", "partition", "set")
_LOOKED_AT = 100
"""Rows from which the content of a column is recognised."""


@dataclass(frozen=True)
class ImageTable:
    """A table with a column of images.

    Attributes:
        where: The file, for messages.
        folder: Folder that paths are relative to.
        table: Table of Arrow.
        column: Name of the column of images.
    """

    where: str
    folder: Path
    table: Any
    column: str


def image_columns(schema: Any, rows: Any, folder: Path) -> list[str]:
    """Returns the names of the columns that hold images, by the first rows.

    Args:
        schema: Schema of the table, of Arrow.
        rows: Its first rows, as a table of Arrow.
        folder: Folder that paths are relative to.
    """
    names = [field.name for field in schema]
    columns = {
        name: [cell for cell in rows.column(place).slice(0, _LOOKED_AT).to_pylist() if cell]
        for place, name in enumerate(names)
        if names.count(name) == 1
    }
    found = [
        name
        for name, cells in columns.items()
        if 2 * sum(is_image(cell, folder) for cell in cells) > len(cells)
    ]
    files = FilesByName(folder)
    return found or [name for name, cells in columns.items() if files.are_named(name, cells)][:1]


def is_image(value: Any, folder: Path) -> bool:
    """Whether a cell holds the bytes of an image or the path of one."""
    if isinstance(value, dict):
        cell = cast("dict[str, Any]", value)
        inner = cell.get("bytes") or cell.get("path")
        return cell.keys() <= {"bytes", "path"} and inner is not None and is_image(inner, folder)
    if isinstance(value, bytes):
        kind = kind_of_bytes(value[:512])
        return kind is not None and kind.role == "image"
    if not isinstance(value, str) or len(value) > 1000:
        return False
    suffix = os.path.splitext(value)[1].lower()
    is_named = suffix in image_suffixes() or kind_by_suffix(suffix) is not None
    return is_named or ("/" in value and (folder / value).is_file())


def chosen_column(
    where: str, found: Sequence[str], names: Sequence[str], wanted: str | None
) -> str:
    """Returns the column of images that is read.

    Raises:
        DataError: The one asked for is not there, or several may be meant.
    """
    if wanted is not None:
        if wanted not in names:
            raise DataError(str(unknown_name(f"column of {where}", wanted, list(names))))
        return wanted
    likely = [name for name in found if name.casefold() not in MASKS] or [*found]
    if len(likely) > 1:
        raise DataError(
            f"{where} has {len(likely)} columns of images, {', '.join(likely)}; name one with"
            f" --data.image-column {likely[0]}."
        )
    return likely[0]


def source_of_table(read: ImageTable, settings: DataSettings) -> ImageSource:
    """Returns the images of a table with its labels, groups and split.

    Raises:
        DataError: Labels are missing, or a column that is asked for.
    """
    table, names = read.table, [name for name in read.table.column_names if name != read.column]
    split = _split_column(table, names)
    order, num_train, facts, left = _ordered(table, split)
    table = table.take(order)
    images = table.column(read.column)
    label = settings.label_column or next((n for n in LABELS if n in _folded(names)), None)
    if settings.label_column is None and label is not None:
        label = _folded(names)[label]
    codes, label_names = _labels(read, table, label)
    groups: Sequence[str] = ()
    if settings.group in names:
        groups = [str(value) for value in table.column(settings.group).to_pylist()]
    if label is not None:
        facts.append(f"labels from column '{label}'")
    used = {label, split, settings.group}
    if unused := [name for name in names if name not in used]:
        left[f"other columns ({', '.join(unused[:5])}{', ...' if len(unused) > 5 else ''})"] = len(
            unused
        )
    files, has_paths = FilesByName(read.folder), _has_paths(images)
    paths = [_path_of(value, files) for value in images.to_pylist()] if has_paths else []
    if files.num_found:
        facts.append(f"{files.num_found:,} found by their names in folders below the table")
    return ImageSource(
        where=read.where,
        length=len(images),
        content=lambda place: _content(images[place].as_py(), files),
        labels=codes,
        label_names=label_names,
        num_train=num_train,
        names=[path or f"row {row}" for path, row in zip(paths, order, strict=True)]
        if paths
        else [f"row {row}" for row in order],
        left_alone=left,
        facts=(f"images from column '{read.column}'", *facts),
        warnings=_warnings(read, codes, label),
        groups=groups,
    )


def _folded(names: Sequence[str]) -> dict[str, str]:
    return {name.casefold(): name for name in reversed(names)}


def _split_column(table: Any, names: Sequence[str]) -> str | None:
    """The column that names the split of each row, if there is one."""
    for name in _SPLITS:
        column = _folded(names).get(name)
        if column is None:
            continue
        values = {str(value).casefold() for value in table.column(column).unique().to_pylist()}
        if values <= {*TRAIN_NAMES, *TEST_NAMES} and values & {*TRAIN_NAMES}:
            return column
    return None


def _ordered(
    table: Any, split: str | None
) -> tuple[list[int], int | None, list[str], dict[str, int]]:
    """Rows of the training split and then of the test split; the rest is left alone."""
    if split is None:
        return list(range(table.num_rows)), None, [], {}
    values = [str(value).casefold() for value in table.column(split).to_pylist()]
    test_name = next((name for name in TEST_NAMES if name in values), None)
    train = [row for row, value in enumerate(values) if value in TRAIN_NAMES]
    test = [row for row, value in enumerate(values) if value == test_name]
    left = dict[str, int]()
    if num_left := len(values) - len(train) - len(test):
        left[f"rows of other splits in column '{split}'"] = num_left
    return [*train, *test], len(train) if test else None, [f"splits from column '{split}'"], left


def _labels(
    read: ImageTable, table: Any, label: str | None
) -> tuple[Tensor | None, tuple[str, ...] | None]:
    if label is None:
        return None, None
    if label not in table.column_names:
        raise DataError(str(unknown_name(f"column of {read.where}", label, table.column_names)))
    values = [None if value == "" else value for value in table.column(label).to_pylist()]
    known = [value for value in values if value is not None]
    where = f"{read.where}, column '{label}'"
    array: NDArray[Any] = np.array(known) if known else np.array([], np.int64)
    (codes,), names = encode_labels([array], where)
    assert codes is not None, "labels were given"
    full = torch.full((len(values),), -1)
    full[torch.tensor([value is not None for value in values])] = codes
    return full, names


def _warnings(read: ImageTable, codes: Tensor | None, label: str | None) -> tuple[str, ...]:
    num_blank = 0 if codes is None else int((codes < 0).sum())
    if not num_blank:
        return ()
    said = f"{read.where}: {num_blank} rows have no label in column '{label}'"
    return (f"{said}; a split with one of them counts as unlabelled",)


def _has_paths(images: Any) -> bool:
    types = import_module("pyarrow").types
    kind = images.type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)


def _path_of(value: Any, files: FilesByName) -> str:
    """The path of an image for messages and groups: of several of a name, the name."""
    try:
        return "" if value is None else files.path(str(value))
    except OSError:
        return str(value)


def _content(value: Any, files: FilesByName) -> Content:
    """The image in one cell.

    Raises:
        OSError: There is none.
    """
    if isinstance(value, dict):
        cell = cast("dict[str, Any]", value)
        value = cell.get("bytes") or cell.get("path")
    if value is None or value == "":
        raise OSError("there is no image in this row")
    if isinstance(value, bytes):
        return value
    if "://" in str(value):
        raise OSError("an address; download it and name the file")
    path = files.folder / files.path(str(value))
    if not path.exists():
        raise OSError(f"there is no file {path}")
    return path


def read_image_table(
    path: Path, settings: DataSettings, first_rows: Any, load: Any
) -> ImageSource | None:
    """Returns the images of a table, or None where it has none.

    Args:
        path: Path of the table.
        settings: Settings of the data.
        first_rows: Its first rows, as a table of Arrow.
        load: Function that reads all of it.
    """
    folder = path.parent
    found = image_columns(first_rows.schema, first_rows, folder)
    if not found and settings.image_column is None:
        return None
    names = first_rows.column_names
    column = chosen_column(str(path), found, names, settings.image_column)
    return source_of_table(ImageTable(str(path), folder, load(), column), settings)


def images_of_csv(settings: DataSettings, path: Path) -> ImageSource | None:
    """Returns the images of a `.csv` with paths; None where it has none, or cannot be read so."""
    csv: Any = import_module("pyarrow.csv")  # late: it takes a while to import
    arrow: Any = import_module("pyarrow")
    try:
        with arrow.input_stream(str(path)) as stream:  # unpacks .csv.gz
            first = bytes(stream.read(1 << 16))
    except (OSError, arrow.ArrowException):
        return None
    line = first.split(b"\n")[0].strip()
    delimiter = SEPARATORS.get(settings.separator or "", settings.separator)
    if delimiter is None or len(delimiter) > 1:
        delimiter = max(",;\t", key=lambda mark: line.count(mark.encode()))
        is_blank = delimiter.encode() not in line and not is_image(line.decode("latin-1"), path)
        delimiter = " " if is_blank and settings.separator in (None, "blanks") else delimiter
    parse = csv.ParseOptions(delimiter=delimiter)
    cells = [cell.strip('"') for cell in line.decode("utf-8", "replace").split(delimiter)]
    is_nameless = any(is_image(cell, path.parent) for cell in cells)
    names = [f"column_{place}" for place in range(1, len(cells) + 1)]
    form = csv.ReadOptions(column_names=names if settings.header is False or is_nameless else None)
    whole = first[: first.rfind(b"\n") + 1] or first

    def read(source: Any) -> Any:
        return csv.read_csv(source, form, parse)

    try:
        rows = read(arrow.BufferReader(whole))
        list(rows.column_names)
    except (arrow.ArrowException, UnicodeError):  # the reader of tables says what is wrong
        return None
    return read_image_table(path, settings, rows, lambda: read(str(path)))


def images_of_parquet(settings: DataSettings, path: Path) -> ImageSource | None:
    """Returns the images of a `.parquet`, as bytes or paths; None where it has none."""
    parquet: Any = import_module("pyarrow.parquet")  # late: it takes a while to import
    arrow: Any = import_module("pyarrow")
    try:
        file = parquet.ParquetFile(str(path))
        types = arrow.types
        kinds = (types.is_integer, types.is_floating, types.is_boolean)
        others = [f.name for f in file.schema_arrow if not any(kind(f.type) for kind in kinds)]
        if not others and settings.image_column is None:
            return None  # numbers alone need not be looked at
        asked = others if settings.image_column is None else None
        batches = file.iter_batches(batch_size=_LOOKED_AT, columns=asked, use_threads=False)
        rows = next(batches, None)
    except (OSError, arrow.ArrowException):  # the reader of tables says what is wrong
        return None
    if rows is None:
        return None
    first = arrow.Table.from_batches([rows])
    return read_image_table(path, settings, first, lambda: parquet.read_table(str(path)))
