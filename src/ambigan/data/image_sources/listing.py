"""The files below a folder or in an archive, by their relative names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import DataError
from ..file_kinds import NUM_BYTES, ZIP, FileKind, kind_by_suffix, kind_of_bytes
from ..files import check_data_folder
from ..images.image_decoding import Content, image_suffixes

_NOT_DATA = ("__MACOSX", ".DS_Store")
"""What macOS adds to folders and archives."""

_OF_SYSTEMS = frozenset(
    ("__MACOSX", "@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "System Volume Information")
)
"""Folders of operating systems and network drives, which hold thumbnails and what was deleted."""


@dataclass(frozen=True)
class Listing:
    """Files by index, sorted by name.

    Attributes:
        where: Folder or archive, for messages.
        names: Path of each file relative to it, with forward slashes.
        content: Function that returns the content at an index, which many threads call.
        first_bytes: Function that returns the first bytes of the file at an index.
        folders: Path of each folder, of empty ones as well.
        num_hidden: Number of files and folders that are left alone since their name begins with a
            dot.
    """

    where: str
    names: Sequence[str]
    content: Callable[[int], Content]
    first_bytes: Callable[[int], bytes]
    folders: Sequence[str] = ()
    num_hidden: int = 0


@dataclass
class FoundImages:
    """The images of a listing.

    Attributes:
        places: Indices of the images.
        left_alone: Number of other files, by suffix and the reason.
    """

    places: list[int] = field(default_factory=list[int])
    left_alone: dict[str, int] = field(default_factory=dict[str, int])


def list_folder(root: Path) -> Listing:
    """Lists the files below a folder. Links are followed, but no folder is entered twice.

    Raises:
        DataError: There is no such folder, or a folder below it cannot be read.
    """
    check_data_folder(root)
    names, folders, seen = list[str](), list[str](), set[tuple[int, int]]()
    num_hidden = _walk(root, "", names, folders, seen)
    names.sort(key=lambda name: name.split("/"))
    paths = [root / name for name in names]

    def first_bytes(place: int) -> bytes:
        if not paths[place].is_file():  # opening a pipe would wait for ever
            return b"\0"
        try:
            with paths[place].open("rb") as file:
                return file.read(NUM_BYTES)
        except OSError:
            return b"\0"

    return Listing(str(root), names, lambda place: paths[place], first_bytes, folders, num_hidden)


def _walk(
    folder: Path, prefix: str, names: list[str], folders: list[str], seen: set[tuple[int, int]]
) -> int:
    """Adds the names of the files below a folder; returns how many hidden entries there are."""
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return 0
    seen.add((status.st_dev, status.st_ino))
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}.") from error
    num_hidden = 0
    for entry in entries:
        if is_hidden(entry.name):
            num_hidden += entry.name not in _NOT_DATA
        elif entry.is_dir():
            name = prefix + entry.name
            folders.append(name)
            num_hidden += _walk(folder / entry.name, f"{name}/", names, folders, seen)
        else:
            names.append(prefix + entry.name)
    return num_hidden


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is left alone."""
    return name[0] == "." or name in _OF_SYSTEMS


def find_image_files(listing: Listing) -> FoundImages:
    """Finds the images of a listing: by their suffix, and all others by their first bytes.

    Files of a kind whose extra is missing are left alone, as is all that is no image.
    """
    found, others = FoundImages(), Counter[tuple[str, str]]()
    own = _own_folders(listing.names)
    for place, name in enumerate(listing.names):
        if own and any(name.startswith(folder) for folder in own):
            others[f"in {len(own)} folders", " that ambigan wrote"] += 1
            continue
        suffix = os.path.splitext(name)[1].lower()
        kind = kind_by_suffix(suffix)
        is_known = kind is not None and kind.role == "image" and kind.is_readable
        if suffix in image_suffixes() or is_known:
            found.places.append(place)
            continue
        kind = kind or kind_of_bytes(listing.first_bytes(place))
        is_image = kind is not None and kind.role == "image" and kind.is_readable
        is_array = suffix == ".npy" and kind is not None and kind.role == "array"
        if (is_image or is_array) and not name.endswith("DICOMDIR"):
            found.places.append(place)
        else:
            reason = _reason(kind, listing.first_bytes(place))
            if suffix in (".csv", ".tsv") and "/" not in name and Path(listing.where).is_dir():
                reason = f" (where it lists the images: --data {Path(listing.where, name)})"
            others[suffix or "without suffix", reason] += 1
    for (suffix, reason), count in others.most_common():
        found.left_alone[f"{suffix}{reason}"] = count
    if listing.num_hidden:
        found.left_alone["hidden"] = listing.num_hidden
    return found


_WRITTEN = (("manifest.json", "index.parquet"), ("config.json", "data.json", "stats.jsonl"))
"""Files by which packed folders and runs are recognised."""


def _own_folders(names: Sequence[str]) -> list[str]:
    """The folders, with a slash at the end, of packed images and of runs below a folder."""
    there = frozenset(names)
    return [
        folder
        for first, *others in _WRITTEN
        for folder in (name.removesuffix(first) for name in names if name.endswith(f"/{first}"))
        if all(folder + other in there for other in others)
    ]


_MEMBERS = {
    b".npy": "arrays of NumPy; save each image alone as .npy",
    b"[Content_Types].xml": "document of an office program",
    b"mimetype": "document of an office program",
}
"""What a ZIP archive is by the name of its first file, where it is no archive of images."""


def _reason(kind: FileKind | None, first: bytes) -> str:
    if kind is None or kind.name == "text":
        return ""
    if kind.extra and not kind.is_readable:
        return f" ({kind.needed})"
    if kind is ZIP:
        name = first[30 : 30 + int.from_bytes(first[26:28], "little")]
        if known := next((text for end, text in _MEMBERS.items() if name.endswith(end)), None):
            return f" ({known})"
    if kind.role == "archive":
        return f" ({kind.name}; archive:PATH reads the images in it)"
    if kind.remedy:
        return f" ({kind.name}; {kind.remedy})"
    return f" ({kind.name})"
