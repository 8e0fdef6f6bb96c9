"""Text files as streams of UTF-8: unpacked, decoded, without comments, with one separator."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from ....core.errors import DataError
from ...file_kinds import kind_of_file
from ...files import first_bytes

BLANKS = "blanks"
"""The separator that stands for any number of blanks and tabs."""

_BLOCK = 1 << 20

_LINES, _LONGEST = 100, 1 << 25
"""Lines that are read to recognise how a text is written, and bytes at most."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_unpacked(path: Path) -> BinaryIO:
    """Opens a file that may be compressed, by its first bytes: gzip, bzip2, xz, zstd, zip.

    Raises:
        DataError: An archive holds several files.
    """
    start = first_bytes(path, 6)
    if start[:2] == b"\x1f\x8b":
        return cast("BinaryIO", gzip.open(path))
    if start[:3] == b"BZh":
        return cast("BinaryIO", bz2.open(path))
    if start == b"\xfd7zXZ\x00":
        return cast("BinaryIO", lzma.open(path))
    if start[:4] == b"\x28\xb5\x2f\xfd":
        stream: Any = import_module("pyarrow").CompressedInputStream(str(path), "zstd")
        return cast("BinaryIO", stream)
    if start[:4] == b"PK\x03\x04":
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise DataError(
                f"{path} is an archive of {len(names)} files ({', '.join(names[:5])}); unpack it"
                " and name one of them."
            )
        return cast("BinaryIO", archive.open(names[0]))
    return path.open("rb")


def recognised_encoding(start: bytes) -> str:
    """Returns the encoding that the first bytes of a text tell, UTF-8 if they tell none."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if len(start) > 3 and start[1:2] == start[3:4] == b"\0" and start[:1] != b"\0":
        return "utf-16-le"
    return "utf-8"


def read_start(path: Path, encoding: str | None) -> tuple[str, str]:
    """Returns the first lines of a text, without one that is cut, and its encoding.

    Raises:
        DataError: It is in another encoding.
    """
    start, is_all = b"", False
    with open_unpacked(path) as stream:
        while not is_all and len(start) < _LONGEST and start.count(b"\n") < _LINES:
            block = stream.read(_BLOCK)
            start, is_all = start + block, not block
    encoding = encoding or recognised_encoding(start)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=is_all)
    except UnicodeError as error:
        raise not_in_encoding(path, encoding) from error
    cut = 0 if is_all else max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:cut] if cut else text, encoding


def not_in_encoding(path: Path, encoding: str) -> DataError:
    """Builds the error about a text in another encoding."""
    if path.is_file() and kind_of_file(path) is None:
        return DataError(
            f"{path} is binary and no table; save an array with numpy.save and give it as npy:PATH."
        )
    named = "UTF-8" if encoding.startswith("utf-8") else encoding
    return DataError(
        f"{path} is no CSV in {named}; name its encoding, for instance --data.encoding cp1252 or"
        " --data.encoding latin-1."
    )


class TextStream(io.RawIOBase):
    """A text as bytes in UTF-8, as pyarrow reads it.

    Args:
        path: Path of the file.
        encoding: Its encoding.
        comment: Beginning of lines that are left out; empty for none.
        separator: Separator of columns; `blanks` are replaced by a tab.
        quote: Character around cells that may hold blanks.
    """

    def __init__(
        self, path: Path, encoding: str, comment: str = "", separator: str = ",", quote: str = '"'
    ) -> None:
        super().__init__()
        self._path, self._encoding = path, encoding
        self._source = open_unpacked(path)
        self._blocks = self._read_blocks(comment, separator, quote)
        self._left = b""
        self.num_comments = 0

    def readable(self) -> bool:
        """Returns true: it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer as far as the next block goes."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        """Closes the file."""
        self._blocks.close()
        self._source.close()
        super().close()

    def _read_blocks(self, comment: str, separator: str, quote: str) -> Generator[bytes]:
        if not comment and separator != BLANKS and self._encoding == "utf-8":
            while block := self._source.read(_BLOCK):
                yield block
            return
        is_whole = not comment and separator != BLANKS
        text = io.TextIOWrapper(self._source, self._encoding, newline="" if is_whole else None)
        try:
            if is_whole:
                while part := text.read(_BLOCK):
                    yield part.encode()
                return
            for line in text:
                if comment and line.lstrip().startswith(comment):
                    self.num_comments += 1
                    continue
                yield (between_tabs(line, quote) if separator == BLANKS else line).encode()
        except UnicodeError as error:
            raise not_in_encoding(self._path, self._encoding) from error
        finally:
            text.detach()


def between_tabs(line: str, quote: str) -> str:
    """Returns a line whose columns, between any number of blanks, are separated by tabs."""
    if quote not in line:
        return "\t".join(line.split()) + "\n"
    plain = line.strip().replace("\t", " ")
    reader = csv.reader([plain], delimiter=" ", quotechar=quote, skipinitialspace=True)
    cells = next(reader, list[str]())
    return "\t".join(cells) + "\n"
