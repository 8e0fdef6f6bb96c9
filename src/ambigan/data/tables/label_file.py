"""Labels that lie in a file of their own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from ..files import WRITE_AGAIN, check_file, first_bytes, first_line
from ..settings import DataSettings
from .columns import labels_of
from .parquet import read_columns
from .raw_vectors import RawVectors, some
from .table import Table
from .text.notation import Notation
from .text.text_table import read_text_table

_NAMES = ("label", "labels", "class", "target", "y")


def labels_from_file(raw: RawVectors, settings: DataSettings) -> RawVectors:
    """Returns vectors with the labels of `label_file`, matched by ids or by order.

    Args:
        raw: Vectors.
        settings: Settings of the data.

    Raises:
        DataError: The file cannot be read, or does not fit the rows.
    """
    if settings.label_file is None or raw.is_for_model:
        return raw
    path = Path(settings.label_file).expanduser()
    check_file(path, "a file of labels")
    length = len(raw.parts[0][1])
    labels, ids = _read(path, settings)
    if ids is not None and raw.ids is not None:
        known = dict(zip(ids, range(len(ids)), strict=True))
        if repeated := [name for name, count in Counter(ids).items() if count > 1]:
            raise DataError(
                f"{path}: id '{repeated[0]}' occurs {ids.count(repeated[0])} times; keep"
                " one row of each."
            )
        missing = [name for name in raw.ids.tolist() if name not in known]
        if missing:
            raise DataError(
                f"{path} has no label for {len(missing)} of {length} rows, the first of id"
                f" '{missing[0]}'."
            )
        labels = labels[[known[name] for name in raw.ids.tolist()]]
    elif len(labels) != length:
        raise DataError(
            f"{path} holds {len(labels)} labels and {raw.file} {length} rows; each row needs one,"
            " in the same order, or an id that --data.id-column names in both."
        )
    return replace(raw, labels=(labels,), labels_name=f"labels of {path.name}")


def _read(path: Path, settings: DataSettings) -> tuple[NDArray[Any], list[str] | None]:
    """Returns labels and, where there is a column of them, ids."""
    if first_bytes(path, 6) == b"\x93NUMPY":
        try:
            return np.load(path, allow_pickle=False).reshape(-1), None
        except ValueError as error:
            raise DataError(f"{path} is damaged ({first_line(error)}); {WRITE_AGAIN}.") from error
    is_typed = first_bytes(path, 4) == b"PAR1"
    if is_typed:
        found = read_columns(path)
        names = [str(name) for name in found.column_names]
        table = Table(path, names, list(found.columns), notation=Notation.of(settings))
    else:
        asked = settings.label_column or ""
        texts = (asked, settings.id_column or "", *_NAMES)
        plain = replace(settings, header=None, transpose=False)
        table = read_text_table(path, plain, texts)
        if len(table.names) == 1 and table.names[0] not in texts:
            return _single(path, plain), None
    chosen = settings.label_column
    if chosen is None or chosen not in table.names:
        known = [name for name in table.names if name.casefold() in _NAMES]
        if chosen is not None or len(known) != 1:
            raise DataError(
                f"{path} has no column '{chosen or 'label'}'; name the column of labels with"
                f" --data.label-column. Its columns: {some(table.names)}."
            )
        chosen = known[0]
    labels = labels_of(path, chosen, table.column(table.place(chosen)), is_typed=is_typed)
    ids = None
    if settings.id_column is not None and settings.id_column in table.names:
        ids = [text or "" for text in table.texts(table.place(settings.id_column))]
    return labels, ids


def _single(path: Path, settings: DataSettings) -> NDArray[Any]:
    """Returns the labels of a file with one a line, without a name at its top."""
    table = read_text_table(path, replace(settings, header=False), ("column_1",))
    column = table.column(0)
    return labels_of(path, "1", import_module("pyarrow").chunked_array(column), is_typed=False)
