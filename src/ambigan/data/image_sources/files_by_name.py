"""Files of images that a table names without their folder or suffix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ..images.image_decoding import image_suffixes
from .listing import is_hidden

_MOST = 200_000
"""Files that are listed at most, since a table may lie above much else."""

_IDS = frozenset(("file", "filename", "id", "image", "image_id", "image_name", "img", "name"))
"""Names of columns whose whole numbers may be names of files."""


class FilesByName:
    """The images below a folder, found by their names when they are first asked for.

    Args:
        folder: Folder of the table.

    Attributes:
        num_found: Number of images that were found so, not by their path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.num_found = 0

    @cached_property
    def _found(self) -> dict[str, list[str]]:
        """Relative paths by name, with and without the suffix."""
        found, count = dict[str, list[str]](), 0
        for place, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            below = Path(place).relative_to(self.folder)
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in image_suffixes():
                    number = str(int(stem)) if stem.isdecimal() else stem  # readers cut zeros
                    for key in {name, stem, number}:
                        found.setdefault(key, []).append((below / name).as_posix())
            count += len(names)
            if count > _MOST:
                break
        return found

    def are_named(self, column: str, values: Sequence[Any]) -> bool:
        """Whether the first cells of a column name images, each one of its own.

        Args:
            column: Name of the column.
            values: Its first cells, without empty ones.
        """
        is_text = all(isinstance(value, str) for value in values)
        is_number = column.casefold() in _IDS and all(type(value) is int for value in values)
        if not (is_text or is_number) or len({*values}) < len(values):
            return False
        return 2 * sum(str(value) in self._found for value in values) > len(values)

    def path(self, value: str) -> str:
        """Returns the relative path of the image that a cell names; the cell where it is one.

        Raises:
            OSError: Several images have the name.
        """
        value = value.replace("\\", "/")
        if (self.folder / value).exists():
            return value
        found = self._found.get(PurePosixPath(value).name, [])
        if len(found) > 1:
            raise OSError(f"several images are named so, such as {found[0]} and {found[1]}")
        self.num_found += bool(found)
        return found[0] if found else value
