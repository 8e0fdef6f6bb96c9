"""Archives of images, `.zip` and `.tar`, that are read without being unpacked to the disk."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from ...core.errors import DataError
from ...core.machine import physical_memory
from ..file_kinds import GZIP, NUM_BYTES, TAR, ZIP, kind_of_file
from ..files import WRITE_AGAIN, first_line
from .listing import Listing, is_hidden

_SHARE = 0.5
"""Fraction of the memory that the files of a compressed `.tar` may take."""

_LARGEST = 1 << 31
"""Bytes of a packed image, unpacked, above which it is refused."""


def list_archive(path: Path) -> Listing:
    """Lists the files in an archive.

    Files of a `.zip` and of a plain `.tar` are read where they lie. A compressed `.tar` can only be
    read from its beginning, so its files are held in memory.

    Raises:
        DataError: It is no archive, is damaged or encrypted, or takes too much memory.
    """
    kind = kind_of_file(path)
    try:
        if kind is ZIP:
            return _list_zip(path)
        if kind in (TAR, GZIP):
            return _list_tar(path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError) as error:
        raise DataError(
            f"{path} is damaged or cut short ({first_line(error)}); {WRITE_AGAIN}."
        ) from error
    found = f", it is a {kind.name}" if kind else ""
    remedy = f"; {kind.remedy}" if kind and kind.remedy else ""
    raise DataError(f"{path} is no archive that is read (.zip, .tar, .tar.gz){found}{remedy}.")


def is_archive_of_arrays(path: Path) -> bool:
    """Whether a `.zip` holds arrays of NumPy alone, as `numpy.savez` writes it."""
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
    return bool(names) and all(name.endswith(".npy") and "/" not in name for name in names)


def _list_zip(path: Path) -> Listing:
    file = zipfile.ZipFile(path)  # stays open: its images are read when they are needed
    members = [member for member in file.infolist() if not member.is_dir()]
    if any(member.flag_bits & 1 for member in members):
        raise DataError(f"{path} is encrypted; unpack it with its password, and open the folder.")
    names, shown, num_hidden = _shown([member.filename for member in members])
    chosen = [members[place] for place in shown]

    def content(place: int) -> bytes:
        if chosen[place].file_size > _LARGEST:
            raise OSError(f"it unpacks to {chosen[place].file_size:,} bytes")
        return file.read(chosen[place])  # zipfile locks what threads share

    def first_bytes(place: int) -> bytes:
        with file.open(chosen[place]) as stream:
            return stream.read(NUM_BYTES)

    return Listing(str(path), names, content, first_bytes, (), num_hidden)


def _list_tar(path: Path) -> Listing:
    with tarfile.open(path, "r:*") as file:
        plain = kind_of_file(path) is TAR
        members = list[tarfile.TarInfo]()
        held, budget = list[bytes](), _SHARE * physical_memory()
        for member in file:
            if not member.isfile():
                continue
            members.append(member)
            if plain:
                continue
            budget -= member.size
            if budget < 0:
                raise DataError(
                    f"{path} is compressed as a whole and takes more than half of the memory;"
                    " unpack it and open the folder, or pack it as .zip or plain .tar."
                )
            stream = file.extractfile(member)
            held.append(b"" if stream is None else stream.read())
    names, shown, num_hidden = _shown([member.name for member in members])

    def content(place: int) -> bytes:
        member = members[shown[place]]
        return _read_at(path, member.offset_data, member.size) if plain else held[shown[place]]

    def first_bytes(place: int) -> bytes:
        member = members[shown[place]]
        size = min(member.size, NUM_BYTES)
        return _read_at(path, member.offset_data, size) if plain else held[shown[place]][:NUM_BYTES]

    return Listing(str(path), names, content, first_bytes, (), num_hidden)


def _read_at(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size)


def _shown(names: list[str]) -> tuple[list[str], list[int], int]:
    """Names and indices of the files that are not hidden, sorted, and the number of the others."""
    parts = [PurePosixPath(name).parts for name in names]
    shown = [i for i, part in enumerate(parts) if part and not any(map(is_hidden, part))]
    shown.sort(key=lambda i: parts[i])
    data = [part for part in parts if "__MACOSX" not in part and part[-1:] != (".DS_Store",)]
    return ["/".join(parts[i]) for i in shown], shown, len(data) - len(shown)
