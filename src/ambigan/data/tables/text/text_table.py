"""Reading of text tables by pyarrow, block by block, in any dialect."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...settings import DataSettings
from ..table import Table
from .dialect import Dialect, recognised_dialect
from .notation import Notation, recognised_notation
from .text_stream import BLANKS, TextStream

_LEAST_BLOCK, _LARGEST_BLOCK = 1 << 20, 1 << 24
"""Bytes that are read at once, and so the longest line; Arrow reads 32 blocks ahead."""


def read_text_table(
    path: Path, settings: DataSettings, texts: Collection[str] = (), where: Path | None = None
) -> Table:
    """Reads a text table, numbers of each block as soon as it is read.

    Args:
        path: Path of the file, which may be compressed.
        settings: Settings of the data, which name the dialect as far as it is not recognised.
        texts: Names of columns that are read as they are written, such as labels and ids.
        where: What the table is called in messages; the path if None.

    Raises:
        DataError: The text is in another encoding, or does not tell how numbers are written.
    """
    notation = Notation.of(settings)
    dialect = recognised_dialect(path, settings, notation)
    names = list(dialect.names) or [f"column_{n}" for n in range(1, dialect.num_columns + 1)]
    as_text = {place for place, name in enumerate(names) if name in texts}
    asked = as_text | ({0} if dialect.has_row_names else set[int]())
    blocks, columns, comments = _read(path, dialect, notation, len(names), asked)
    if settings.decimal is None or settings.thousands is None:
        others = [(names[n], part) for n, part in enumerate(columns) if part and n not in asked]
        joined = [(name, _joined(part)) for name, part in others]
        found = recognised_notation(joined, notation, settings, str(where or path))
        if found != notation:
            del others, joined, blocks, columns
            notation = found
            blocks, columns, comments = _read(path, dialect, notation, len(names), asked)
    table = Table(
        where or path,
        names,
        [_joined(part) if part else None for part in columns],
        [*blocks],
        notation,
        tuple(filter(None, [dialect.described(notation)])),
        {
            name: count
            for name, count in (
                ("comment lines", comments),
                ("lines above the names", dialect.num_above),
            )
            if count
        },
        dialect.has_row_names,
    )
    return _without_empty(table)


def _read(
    path: Path, dialect: Dialect, notation: Notation, width: int, as_text: set[int]
) -> tuple[list[NDArray[np.float64]], list[list[Any]], int]:
    """Reads blocks of numbers and columns of texts, again where a column turns to text late."""
    texts, size = set(as_text), min(max(8 * dialect.longest, _LEAST_BLOCK), _LARGEST_BLOCK)
    while True:
        try:
            read = _read_once(path, dialect, notation, width, texts, size)
        except import_module("pyarrow").ArrowInvalid as error:
            if "straddling" not in str(error) or size == _LARGEST_BLOCK:
                raise
            size = _LARGEST_BLOCK  # a later line is longer than the first ones
            continue
        if not read[3]:
            return read[:3]
        texts |= read[3]
        del read


def _read_once(
    path: Path, dialect: Dialect, notation: Notation, width: int, texts: set[int], size: int
) -> tuple[list[NDArray[np.float64]], list[list[Any]], int, set[int]]:
    """Reads a text once.

    Returns:
        Blocks of numbers; texts of each column, in parts; the number of comments; and columns that
        are no numbers in a later block, so that all must be read as texts.
    """
    csv: Any = import_module("pyarrow.csv")  # late: it takes a while to import
    arrow: Any = import_module("pyarrow")
    inner = [f"{place}" for place in range(width)]
    separator = "\t" if dialect.separator == BLANKS else dialect.separator
    stream = TextStream(path, dialect.encoding, dialect.comment, dialect.separator, dialect.quote)
    blocks, columns, late = list[NDArray[np.float64]](), [list[Any]() for _ in inner], set[int]()
    with stream, io.BufferedReader(stream, 1 << 20) as buffered:
        reader = csv.open_csv(
            arrow.PythonFile(buffered, mode="r"),
            csv.ReadOptions(
                use_threads=False,
                block_size=size,
                column_names=inner,
                skip_rows=dialect.num_skipped,
            ),
            csv.ParseOptions(
                delimiter=separator, quote_char=dialect.quote, newlines_in_values=dialect.has_quotes
            ),
            csv.ConvertOptions(column_types=dict.fromkeys(inner, arrow.string())),
        )
        for batch in reader:
            block = np.empty((batch.num_rows, width))
            for place, column in enumerate(batch.columns):
                found = None if place in texts else notation.numbers(column)
                if found is not None:
                    block[:, place] = found
                    continue
                if place not in texts and blocks:
                    late.add(place)
                texts.add(place)
                columns[place].append(column)
            blocks.append(block)
    arrow.default_memory_pool().release_unused()
    if not blocks:
        blocks.append(np.empty((0, width)))
    return blocks, columns, stream.num_comments, late


def _joined(parts: list[Any]) -> Any:
    return import_module("pyarrow").chunked_array(parts)


def _without_empty(table: Table) -> Table:
    """The table without columns that have neither a name nor a value, as of trailing separators."""
    empty = [
        place
        for place, name in enumerate(table.names)
        if name.strip() == "" and table.is_number(place) and table.range(place) is None
    ]
    if not empty or not table.num_rows or len(empty) == len(table.names):
        return table
    kept = [place for place in range(len(table.names)) if place not in set(empty)]
    return replace(
        table,
        names=[table.names[place] for place in kept],
        columns=[table.columns[place] for place in kept],
        blocks=[block[:, kept] for block in table.blocks],
        left_alone={**table.left_alone, "empty columns without a name": len(empty)},
    )
