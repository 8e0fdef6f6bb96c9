"""Checks of files and folders before they are read."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import DataError

ANEW = "delete the folder and prepare anew"
"""Remedy in messages about a packed folder that is damaged."""


def check_file(path: Path, kind: str) -> None:
    """Checks that a path is a readable file that is not empty.

    Args:
        path: Path to check.
        kind: Description of the expected file, for the message.

    Raises:
        DataError: The file is missing, a folder, empty, or not readable.
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
    """Checks that a path is a folder.

    Raises:
        DataError: The folder is missing, or a file.
    """
    if path.is_file():
        raise DataError(f"{path} is a file; a folder of images was expected.")
    if not path.is_dir():
        raise DataError(f"{path} does not exist; a folder of images was expected.")


def first_bytes(path: Path, count: int) -> bytes:
    """Returns the first bytes of a file, from which its format is recognised.

    Raises:
        DataError: The file is not readable.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


WRITE_AGAIN = "write the file again, or copy it again from where it came"
"""What to do about a damaged file."""


def first_line(error: Exception) -> str:
    """Returns the first line of a library's message, or the error's name if it is empty."""
    lines = str(error).strip().splitlines()
    return lines[0].strip(" .") if lines else type(error).__name__
