"""A folder that is local, or that fsspec reaches by its URL."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..core.errors import AmbiganError, ConfigError, DataError
from ..core.files import open_regular
from ..core.imports import import_extra
from .files import first_line


def is_url(typed: str) -> bool:
    """Whether a path begins with a scheme, such as `s3://` or `memory://`."""
    return re.match(r"([a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://", typed) is not None


@dataclass(frozen=True)
class Place:
    """A folder somewhere.

    Attributes:
        url: The folder as it was typed.
        files: The file system of fsspec; None for a local folder.
        root: The folder within that file system.
    """

    url: str
    files: Any
    root: str

    @classmethod
    def at(cls, url: str) -> Place:
        """Returns the place of a URL.

        Raises:
            ConfigError: fsspec, or its package for this scheme, is not installed; or there is no
                such scheme.
            DataError: The file system cannot be reached.
        """
        fsspec: Any = import_extra("fsspec", "remote", url)
        try:
            return cls(url, *fsspec.core.url_to_fs(url))
        except ImportError as error:
            raise ConfigError(f"{url}: {first_line(error)}.") from error
        except ValueError as error:
            raise ConfigError(
                f"{url} cannot be opened: {first_line(error)}. Schemes are those of fsspec, such as"
                " s3, gs, az, sftp, file and memory; a local folder needs none."
            ) from error
        except Exception as error:  # each file system raises its own
            raise DataError(f"{url} cannot be opened: {first_line(error)}.") from error

    @contextmanager
    def open(self, name: str, mode: str = "rb") -> Generator[BinaryIO]:
        """Opens a file; errors of any file system are one line.

        Raises:
            DataError: The file is missing, or cannot be read or written.
        """
        path = f"{self.root.rstrip('/')}/{name}"
        try:
            opened = self.files.open(path, mode) if self.files else open_regular(Path(path))
            with opened as file:
                yield file
        except FileNotFoundError as error:
            raise DataError(f"there is no {name} in {self.url}.") from error
        except AmbiganError:
            raise
        except Exception as error:  # each file system raises its own
            does = "read" if mode == "rb" else "written"
            raise DataError(
                f"{self.url}/{name} cannot be {does}: {first_line(error)}; repeat the command, what"
                " was done is kept."
            ) from error

    def read(self, name: str) -> bytes | None:
        """Returns the content of a small file; None where there is none."""
        try:
            with self.open(name) as file:
                return file.read()
        except DataError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file."""
        with self.open(name, "wb") as file:
            file.write(content)

    def names(self) -> list[str]:
        """Returns the names of all files below the folder; none where there is no such folder."""
        try:
            self.files.invalidate_cache()
            paths: list[str] = self.files.find(self.root)
        except FileNotFoundError:
            return []
        except Exception as error:  # each file system raises its own
            raise DataError(f"{self.url} cannot be listed: {first_line(error)}.") from error
        start = len(self.root.rstrip("/")) + 1
        return [path[start:] for path in paths]

    def create(self, name: str, content: bytes) -> None:
        """Makes the folder, where file systems have any, with a first small file."""
        try:
            self.files.makedirs(self.root, exist_ok=True)
        except Exception as error:  # each file system raises its own
            raise DataError(f"{self.url} cannot be written: {first_line(error)}.") from error
        self.write(name, content)

    def remove(self, name: str) -> None:
        """Removes a file."""
        try:
            self.files.rm(f"{self.root.rstrip('/')}/{name}")
        except FileNotFoundError:
            pass
        except Exception as error:  # each file system raises its own
            raise DataError(f"{self.url}/{name} cannot be removed: {first_line(error)}.") from error
