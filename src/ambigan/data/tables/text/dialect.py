"""What a text table's first lines tell: its encoding, comments, separator and lines of names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...settings import SEPARATORS, DataSettings
from .notation import Notation
from .text_stream import BLANKS, between_tabs, read_start

_SAMPLE = 60
"""Lines from which the separator is recognised."""

_MOST_ABOVE, _LEAST_BELOW = 60, 4
"""Lines that may stand above the names, and lines that the table then has at least."""

_CANDIDATES = (",", ";", "\t", "|", BLANKS)
_COMMENTS = ("#", "%")
_LIKE_NUMBER = re.compile(
    r"[+-]?(\d{1,3}([ '_\u2019\u00a0\u202f\u2009]\d{3})+([.,]\d*)?|[.,]?\d[\d.,]*)([eE][+-]?\d+)?"
)


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    Attributes:
        encoding: Encoding of the file.
        separator: Character between columns, or `blanks`.
        quote: Character around cells.
        comment: Beginning of lines that are no data; empty for none.
        num_skipped: Number of lines before the first row of data, comments not counted.
        names: Lines of names, joined; empty where the file has none.
        num_columns: Number of columns.
        num_name_lines: Number of lines of names.
        has_row_names: Whether the first column has no name in a line of names that is shorter by
            one, as R writes row names.
        longest: Length of the longest of the first lines.
        has_quotes: Whether there are quotes in the first lines, so that cells may hold line breaks.
        num_above: Number of lines above the names, such as an instrument writes.
    """

    encoding: str
    separator: str
    quote: str
    comment: str
    num_skipped: int
    names: tuple[str, ...]
    num_columns: int
    num_name_lines: int
    has_row_names: bool = False
    longest: int = 0
    has_quotes: bool = False
    num_above: int = 0

    def described(self, notation: Notation) -> str:
        """Returns what is unlike a usual CSV file, in words; empty for nothing."""
        marks = {"\t": "tabs", BLANKS: "blanks", ";": "semicolons", "|": "bars"}
        words: list[str] = []
        if self.separator != ",":
            words.append(f"separated by {marks.get(self.separator, repr(self.separator))}")
        if not self.encoding.startswith("utf-8"):
            words.append(self.encoding)
        if notation.described():
            words.append(notation.described())
        if self.num_name_lines != 1:
            words.append(f"{self.num_name_lines or 'no'} lines of names")
        return ", ".join(words)


def recognised_dialect(path: Path, settings: DataSettings, notation: Notation) -> Dialect:
    """Returns the dialect of a text table, as the settings name it or the first lines tell.

    Args:
        path: Path of the file.
        settings: Settings of the data.
        notation: How numbers are written, as far as it is known.

    Raises:
        DataError: The text is in another encoding.
    """
    text, encoding = read_start(path, settings.encoding)
    lines = io.StringIO(text, newline=None).read().split("\n")
    if settings.quote == '"' and _all_begin_with(lines[:_SAMPLE], "'"):
        quote = "'"
    else:
        quote = settings.quote
    comment, heading = _comment(lines, settings)
    kept = [line for line in lines if not (comment and line.lstrip().startswith(comment))]
    separator, num_above = settings.separator, 0
    if kept and (line := re.fullmatch(r'"?sep=(.)"?', kept[0].strip(), re.IGNORECASE)):
        separator, num_above = separator or line[1], 1  # a line for Excel
    elif settings.header is None:
        num_above = _num_above(kept, settings, quote)
    kept = kept[num_above:]
    sample = [line for line in kept if line.strip()][:_SAMPLE]
    if separator is None:
        separator = _recognised_separator(sample, quote)
    separator = SEPARATORS.get(separator, separator)
    rows, ends = _rows(kept, separator, quote)
    if heading is not None and settings.header is None and rows and not _has_text(rows[0]):
        names = _rows([heading], separator, quote)[0]
        if names and len(names[0]) == len(rows[0]):
            found = tuple(name.strip() for name in names[0])
            return Dialect(encoding, separator, quote, comment, 0, found, len(found), 1)
    width = max((len(row) for row in rows[1:] or rows), default=0)
    count = _num_name_lines(rows, notation) if settings.header is None else int(settings.header)
    count = min(count, len(rows))
    num_skipped = num_above + (ends[count - 1] if count else 0)
    is_short = bool(count) and width > 1 and all(len(row) == width - 1 for row in rows[:count])
    if is_short and all(len(row) == width and not row[-1].strip() for row in rows[count:]):
        is_short = False  # rows end with a separator, and names do not
        rows = [[*row, ""] if place < count else row for place, row in enumerate(rows)]
    names = _joined([["", *row] if is_short else row for row in rows[:count]])
    if not is_short and names:
        width = len(names)
    return Dialect(
        encoding,
        separator,
        quote,
        comment,
        num_skipped,
        names,
        width,
        count,
        is_short,
        max(map(len, lines), default=0),
        any(quote in line for line in kept),
        num_above,
    )


def _num_above(lines: Sequence[str], settings: DataSettings, quote: str) -> int:
    """Returns how many lines stand above the names and are no part of the table.

    They have cells for at most half of its columns. The line of names has them all, and a text
    above a column of numbers; all lines below have as many.
    """
    for skip in range(min(_MOST_ABOVE, len(lines))):
        sample = [line for line in lines[skip:] if line.strip()][:_SAMPLE]
        if len(sample) < _LEAST_BELOW:
            break
        separator = settings.separator or _certain_separator(sample, quote)
        if separator is None or not lines[skip].strip():
            continue
        separator = SEPARATORS.get(separator, separator)
        rows, _ = _rows(sample, separator, quote)
        above, _ = _rows(lines[:skip], separator, quote)
        width = len(rows[-1])
        counts = [sum(bool(cell.strip()) for cell in row) for row in above]
        most = max(counts, default=0)
        filled = sum(bool(cell.strip()) for cell in rows[0])
        if not skip and 2 * filled > width:
            return 0
        is_whole = filled == width and {len(row) for row in rows} == {width}
        pairs = zip(rows[0], zip(*rows[1:], strict=False), strict=False)
        has_names = any(not _reads(name) and all(map(_reads, cells)) for name, cells in pairs)
        if skip and is_whole and has_names and 2 * most <= width:
            return skip
    return 0


def _comment(lines: Sequence[str], settings: DataSettings) -> tuple[str, str | None]:
    """Returns the beginning of comments, and the text of the last one before the table."""
    mark = settings.comment
    first = next((line.lstrip() for line in lines if line.strip()), "")
    if mark is None:
        mark = next((mark for mark in _COMMENTS if first.startswith(mark)), "")
    heading = None
    for line in lines:
        if line.strip() and not (mark and line.lstrip().startswith(mark)):
            break
        if mark and line.strip():
            heading = line.lstrip()[len(mark) :].strip()
    return mark, heading


def _all_begin_with(lines: Sequence[str], quote: str) -> bool:
    """Whether each line begins and ends with a quote, which is then no apostrophe."""
    filled = [line.strip() for line in lines if line.strip()]
    return bool(filled) and all(
        line.startswith(quote) and line.endswith(quote) and len(line) > 1 for line in filled[:1]
    )


def _recognised_separator(lines: Sequence[str], quote: str) -> str:
    """Returns the separator that is certain; where none is, the most frequent of the first line."""
    first = lines[0] if lines else ""
    return _certain_separator(lines, quote) or max(",;\t|", key=first.count)


def _certain_separator(lines: Sequence[str], quote: str) -> str | None:
    """Returns the separator by which all lines have the same number of columns, if there is one.

    Of several, the one whose cells are most often numbers.
    """
    best, most = None, (0.0, 0)
    for separator in _CANDIDATES:
        rows, _ = _rows(lines, separator, quote)
        widths = {len(row) for row in rows[1:]} or {len(row) for row in rows}
        if len(widths) != 1:
            continue
        width = widths.pop()
        if width < 2 or len(rows[0]) not in (width, width - 1):
            continue
        cells = [cell.strip() for row in rows[1:] or rows for cell in row]
        share = sum(bool(_LIKE_NUMBER.fullmatch(cell)) for cell in cells) / len(cells)
        if separator == BLANKS and (share < 0.5 or (best is not None and most[0] > 0)):
            continue
        if best is None or (share, width) > most:
            best, most = separator, (share, width)
    return best


def _rows(lines: Sequence[str], separator: str, quote: str) -> tuple[list[list[str]], list[int]]:
    """Returns the cells of the first rows, and the number of lines up to the end of each."""
    if separator == BLANKS:
        lines, separator = [between_tabs(line, quote).rstrip("\n") for line in lines], "\t"
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator, quotechar=quote)
    rows, ends = list[list[str]](), list[int]()
    try:
        for row in reader:
            if row:
                rows.append(row)
                ends.append(reader.line_num)
            if len(rows) == _SAMPLE:
                break
    except csv.Error:  # a cell longer than the reader allows; Arrow's has no such limit
        pass
    return rows, ends


def _num_name_lines(rows: Sequence[Sequence[str]], notation: Notation) -> int:
    """Returns 2 where the second line holds units or more names above columns of numbers, else 1.

    It does where all columns of numbers begin with a text that is no mark of a missing value.
    """
    if len(rows) < 4 or len(rows[1]) != len(rows[2]):
        return 1
    below = [list(column) for column in zip(*rows[2:], strict=False)]
    numeric = [place for place, cells in enumerate(below) if all(map(_reads, cells))]
    second = [rows[1][place].strip() for place in numeric]
    is_text = [not _reads(cell) and cell not in notation.missing for cell in second]
    is_first_text = all(not _reads(rows[0][place]) for place in numeric if place < len(rows[0]))
    return 2 if len(numeric) > 1 and all(is_text) and is_first_text else 1


def _reads(cell: str) -> bool:
    return bool(_LIKE_NUMBER.fullmatch(cell.strip()))


def _has_text(row: Sequence[str]) -> bool:
    return any(not _reads(cell) for cell in row)


def _joined(lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Returns one name a column, of the lines of names; what a line repeats is named once.

    Blanks after the separators, as people type them, are no part of names.
    """
    if not lines:
        return ()
    width = max(len(line) for line in lines)
    filled = [[*line, *[""] * (width - len(line))] for line in lines]
    if width > 1 and all(cell.startswith(" ") for line in filled for cell in line[1:]):
        filled = [[cell.strip() for cell in line] for line in filled]
    if len(filled) == 1:
        return tuple(filled[0])
    columns = (
        list(dict.fromkeys(cell.strip() for cell in cells)) for cells in zip(*filled, strict=True)
    )
    return tuple(" ".join(cell for cell in cells if cell) for cells in columns)
