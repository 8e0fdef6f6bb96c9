"""What every file and folder is asked before it is read."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import DataError

ANEW = "delete the folder and prepare anew"
"""What is to be done with a packed folder that is damaged."""


def check_file(path: Path, kind: str) -> None:
    """Refuses a path that is not a file with something in it.

    Raises:
        DataError: it is missing, a folder, empty, or may not be read.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; {kind} was expected (folder:{path} reads images).")
    if not path.exists():
        raise DataError(f"{path} does not exist; {kind} was expected.")
    if not path.is_file():  # opening a pipe would wait for ever
        raise DataError(f"{path} is not a regular file; {kind} was expected.")
    if not first_bytes(path, 1):
        raise DataError(f"{path} is empty; {kind} was expected.")


def check_data_folder(path: Path) -> None:
    """Refuses a path that is not a folder.

    Raises:
        DataError: it is missing, or a file.
    """
    if path.is_file():
        raise DataError(f"{path} is a file; a folder of images was expected.")
    if not path.is_dir():
        raise DataError(f"{path} does not exist; a folder of images was expected.")


def first_bytes(path: Path, count: int) -> bytes:
    """The beginning of a file, by which its format is known.

    Raises:
        DataError: it may not be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def first_line(error: Exception) -> str:
    """The first line of what a library says of a file, or the name of the error if it is mute."""
    lines = str(error).strip().splitlines()
    return lines[0].strip(" .") if lines else type(error).__name__
