"""What a file is by its first bytes, whatever its suffix says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

NUM_BYTES = 512
"""Number of first bytes from which files are recognised."""

Role = Literal["image", "archive", "table", "array", "other"]


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        name: Name for messages, such as `JPEG`.
        role: What it is read as; `other` for nothing.
        extra: Extra of this package that reads it; empty where none is needed.
        remedy: What to do with a file of a kind that is not read; empty where that is plain.
    """

    name: str
    role: Role = "other"
    extra: str = ""
    remedy: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether what the extra brings is installed."""
        return not self.extra or find_spec(_MODULES[self.extra]) is not None

    @property
    def needed(self) -> str:
        """What is missing to read it, in a few words."""
        return f"{self.name}, which needs the extra: pip install 'ambigan[{self.extra}]'"


_MODULES = {"heic": "pillow_heif", "dicom": "pydicom"}
"""What each extra brings, by its name."""

HEIC, DICOM = FileKind("HEIC", "image", "heic"), FileKind("DICOM", "image", "dicom")
TIFF, PNG, JPEG = FileKind("TIFF", "image"), FileKind("PNG", "image"), FileKind("JPEG", "image")
NUMPY = FileKind("NumPy array", "array")
JPEG_XL = FileKind("JPEG XL", "image")
ZIP, TAR = FileKind("ZIP archive", "archive"), FileKind("TAR archive", "archive")
GZIP = FileKind("gzip file", "archive")
EMPTY = FileKind("empty file")
_CONVERT = "convert it to TIFF or PNG"
_POINTER = FileKind("pointer of Git LFS", remedy="fetch the file with `git lfs pull`")
_TEXT, _HTML = FileKind("text"), FileKind("page of HTML")


def _by_pandas(name: str, reader: str) -> FileKind:
    """A kind of table that pandas reads and this package does not."""
    return FileKind(name, remedy=f"write it as Parquet: pandas.{reader}(FILE).to_parquet(OUT)")


_RAW = FileKind("camera raw", remedy="develop it as TIFF or JPEG")
_VIDEO = FileKind("video", remedy="write its frames as images")

_MAGIC: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"GIF87a", FileKind("GIF", "image")),
    (0, b"GIF89a", FileKind("GIF", "image")),
    (8, b"CR\x02\0", _RAW),  # Canon's, before TIFF, whose mark it has as well
    *((0, mark, _RAW) for mark in (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")),
    (4, b"ftypcrx ", _RAW),
    *((0, mark, TIFF) for mark in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", FileKind("JPEG 2000", "image")),
    (0, b"\xff\x4f\xff\x51", FileKind("JPEG 2000", "image")),
    (0, b"\xff\x0a", JPEG_XL),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", JPEG_XL),
    (0, b"8BPS\0\x01", FileKind("PSD", "image")),
    (0, b"DDS ", FileKind("DDS", "image")),
    (0, b"qoif", FileKind("QOI", "image")),
    (0, b"icns", FileKind("ICNS", "image")),
    (0, b"\0\0\1\0", FileKind("ICO", "image")),
    (128, b"DICM", DICOM),
    *((0, b"\x08\0" + group, DICOM) for group in (b"\0\0", b"\5\0", b"\x08\0")),
    *((4, b"ftyp" + brand, HEIC) for brand in (b"heic", b"heix", b"mif1", b"msf1", b"hevc")),
    *((4, b"ftyp" + brand, FileKind("AVIF", "image")) for brand in (b"avif", b"avis")),
    (0, b"\x76\x2f\x31\x01", FileKind("OpenEXR", remedy=_CONVERT)),
    (0, b"SIMPLE  =", FileKind("FITS", remedy=_CONVERT)),
    (0, b"#?RADIANCE", FileKind("Radiance HDR", remedy=_CONVERT)),
    (0, b"%PDF", FileKind("PDF", remedy=_CONVERT)),
    (0, b"\x93NUMPY", NUMPY),
    (0, b"PAR1", FileKind("Parquet table", "table")),
    (0, b"ARROW1", FileKind("Arrow table", "table")),
    (0, b"\x89HDF\r\n\x1a\n", FileKind("HDF5 file", "array")),
    (0, b"MATLAB 5.0", FileKind("MATLAB file", "array")),
    (0, b"PK\3\4", ZIP),
    (0, b"PK\5\6", ZIP),
    (0, b"\x1f\x8b", GZIP),
    (0, b"BZh", GZIP),
    (0, b"\xfd7zXZ\0", GZIP),
    (257, b"ustar", TAR),
    (0, b"Rar!", FileKind("RAR archive", remedy="pack it as .zip")),
    (0, b"7z\xbc\xaf", FileKind("7z archive", remedy="pack it as .zip")),
    (4, b"ftyp", _VIDEO),
    (0, b"\x1aE\xdf\xa3", _VIDEO),
    (8, b"AVI ", _VIDEO),
    (0, b"version https://git-lfs", _POINTER),
    (0, b"<stata_dta>", _by_pandas("Stata file", "read_stata")),
    *((0, mark, _by_pandas("SPSS file", "read_spss")) for mark in (b"$FL2", b"$FL3")),
    *((0, b"\x80" + version, _by_pandas("pickle", "read_pickle")) for version in (b"\4", b"\5")),
    (0, b"SQLite format 3\0", _by_pandas("SQLite database", "read_sql")),
    (0, b"%!PS", FileKind("PostScript", remedy=_CONVERT)),
)
_HTML_START = re.compile(
    rb"\s*(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)", re.I
)
_PNM_START = re.compile(rb"P[1-7]\s")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

_BY_SUFFIX = {
    **dict.fromkeys((".heic", ".heif", ".hif"), HEIC),
    **dict.fromkeys((".dcm", ".dicom", ".ima"), DICOM),
    ".jxl": JPEG_XL,
    **dict.fromkeys((".3fr", ".arw", ".cr2", ".cr3", ".dng", ".iiq", ".nef", ".nrw"), _RAW),
    **dict.fromkeys((".orf", ".pef", ".raf", ".rw2", ".srw"), _RAW),
}
"""Suffixes of images that Pillow alone does not list, or opens by a small copy in them."""


def kind_of_bytes(first: bytes) -> FileKind | None:
    """Returns the kind of file that begins so; None for one that is not recognised.

    Args:
        first: The first `NUM_BYTES` bytes.
    """
    if not first:
        return EMPTY
    for place, mark, kind in _MAGIC:
        if first.startswith(mark, place):
            return kind
    if first.startswith(b"RIFF") and first[8:12] == b"WEBP":
        return FileKind("WebP", "image")
    if first.startswith(b"BM") and first[6:10] == b"\0\0\0\0":
        return FileKind("BMP", "image")
    if _PNM_START.match(first):
        return FileKind("PNM", "image")
    if _HTML_START.match(first):
        return _HTML
    return None if _CONTROL.search(first) else _TEXT


def kind_of_file(content: Path | bytes) -> FileKind | None:
    """Returns the kind of a file, or of the bytes of one; None for one that is not recognised.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(content, bytes):
        return kind_of_bytes(content[:NUM_BYTES])
    with content.open("rb") as file:
        return kind_of_bytes(file.read(NUM_BYTES))


def kind_by_suffix(suffix: str) -> FileKind | None:
    """Returns the kind of images that Pillow alone does not read, by a suffix in lower case."""
    return _BY_SUFFIX.get(suffix)


def no_image(content: Path | bytes) -> str:
    """Says what a file is in place of an image, for messages."""
    kind = kind_of_file(content)
    if kind is None:
        return "not an image of a known format"
    if kind.extra and not kind.is_readable:
        return kind.needed
    if kind.role == "image":
        return f"a damaged {kind.name}, or of a variant that is not read"
    article = "an" if kind.name[0] in "aeiouHO" and kind.name != "HEIC" else "a"
    remedy = f"; {kind.remedy}" if kind.remedy else ""
    said = kind.name if kind is _TEXT else f"{article} {kind.name}"
    return f"{said}, not an image of a known format{remedy}"
