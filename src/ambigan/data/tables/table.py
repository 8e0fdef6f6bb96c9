"""A table as it was read: named columns, numbers or texts, not yet chosen or checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import contents, is_numeric, is_text, numbers
from .text.notation import Notation

Doubles = NDArray[np.floating[Any]]


@dataclass
class Table:
    """Named columns of one length.

    Attributes:
        where: The file, for messages.
        names: Name of each column.
        columns: Arrow columns; None where the column holds numbers of the blocks.
        blocks: Numbers of a text file by rows, float64 `(n, D)`, where columns that are no numbers
            are not filled in. They are used up when the values are taken.
        notation: How numbers are written, where they are texts.
        facts: What is worth knowing of how the table was read.
        left_alone: How much was not read, by the reason.
        row_names: Whether the first column names the rows without a name of its own.
    """

    where: Path
    names: list[str]
    columns: list[Any]
    blocks: list[Doubles] = field(default_factory=list[Doubles])
    notation: Notation = field(default_factory=Notation)
    facts: tuple[str, ...] = ()
    left_alone: dict[str, int] = field(default_factory=dict[str, int])
    row_names: bool = False

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        if self.blocks:
            return sum(len(block) for block in self.blocks)
        return next((len(column) for column in self.columns if column is not None), 0)

    def place(self, name: str) -> int:
        """Returns the position of a column."""
        return self.names.index(name)

    def is_number(self, place: int) -> bool:
        """Whether a column holds numbers; one without any value counts."""
        column = self.columns[place]
        return column is None or is_numeric(column.type)

    def contents(self, place: int) -> str:
        """Describes a column that is not numeric."""
        return contents(self.columns[place])

    def column(self, place: int) -> Any:
        """Returns an Arrow column, numbers of a text file as float64."""
        if self.columns[place] is not None:
            return self.columns[place]
        parts = [block[:, place] for block in self.blocks]
        return import_module("pyarrow").array(np.concatenate(parts))

    def texts(self, place: int) -> list[str | None]:
        """Returns a column as texts, None for missing ones."""
        column = self.column(place)
        if is_text(column.type):
            return self.notation.without_missing(column).to_pylist()
        values = column.to_pylist()
        return [None if value is None or value != value else _text(value) for value in values]

    def range(self, place: int) -> tuple[float, float] | None:
        """Returns the least and the greatest number of a column; None if it has none."""
        if self.columns[place] is None:
            pairs = [_range(block[:, place]) for block in self.blocks]
        else:
            pairs = [_range(numbers(self.columns[place]))]
        known = [pair for pair in pairs if pair is not None]
        if not known:
            return None
        return min(low for low, _ in known), max(high for _, high in known)

    def take_values(self, places: Sequence[int], encoded: dict[int, Doubles]) -> Doubles:
        """Returns columns of numbers as `(N, D)`, and lets go of the table's own.

        Memory is asked for once: blocks and columns are freed as they are copied.

        Args:
            places: Positions of the columns, in order.
            encoded: Columns of categories by position, `(N, levels)`, which take their place.
        """
        widths = [int(encoded[place].shape[1]) if place in encoded else 1 for place in places]
        ends: list[int] = np.cumsum(widths).tolist()
        starts = [end - width for end, width in zip(ends, widths, strict=True)]
        values = np.empty((self.num_rows, ends[-1]), self._kind(places, encoded))
        from_blocks = [n for n, place in enumerate(places) if self.columns[place] is None]
        taken = np.array([places[n] for n in from_blocks], np.int64)
        into = np.array([starts[n] for n in from_blocks], np.int64)
        start = 0
        self.blocks.reverse()
        while self.blocks:
            block = self.blocks.pop()
            is_whole = len(taken) == values.shape[1] == block.shape[1]
            if is_whole and (taken == np.arange(len(taken))).all():
                values[start : start + len(block)] = block
            else:
                values[start : start + len(block), into] = block[:, taken]
            start += len(block)
        for n, place in enumerate(places):
            if place in encoded:
                values[:, starts[n] : ends[n]] = encoded[place]
            elif self.columns[place] is not None:
                values[:, starts[n]] = numbers(self.columns[place])
            self.columns[place] = None
        import_module("pyarrow").default_memory_pool().release_unused()
        return values

    def without_first(self) -> Table:
        """Returns the table without its first column."""
        blocks = [block[:, 1:] for block in self.blocks]
        return replace(
            self, names=self.names[1:], columns=self.columns[1:], blocks=blocks, row_names=False
        )

    def _kind(self, places: Sequence[int], encoded: dict[int, Doubles]) -> type[np.floating[Any]]:
        """Returns float32 where all columns came so, since it halves the memory."""
        if self.blocks and all(block.dtype == np.float32 for block in self.blocks):
            return np.float32
        types = import_module("pyarrow").types
        is_narrow = all(
            place in encoded
            or (
                self.columns[place] is not None
                and (types.is_float32(kind := self.columns[place].type) or types.is_float16(kind))
            )
            for place in places
        )
        return np.float32 if is_narrow and len(encoded) < len(places) else np.float64


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _range(values: Doubles) -> tuple[float, float] | None:
    finite = values[~np.isnan(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else None
