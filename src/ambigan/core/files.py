"""Files that are either whole or not there: temporary file, fsync, rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shlex
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from .errors import AmbiganError, CheckpointError


class StorageError(AmbiganError, OSError):
    """A file that could not be written: no space left, no permission."""


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically: after a crash it holds its old content or all of the new.

    Raises:
        StorageError: the disk is full or the folder cannot be written to; the old file stands.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def write_text(path: Path, content: str) -> None:
    """Writes UTF-8 text atomically."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes indented JSON atomically; keys keep their order."""
    write_text(path, json.dumps(content, indent=2, allow_nan=True) + "\n")


def append_json(path: Path, content: Any) -> bytes:
    """Adds a line to a file of JSON lines and returns it; it is on the disk by then.

    A line that a kill has torn is ended first, so that it spoils no other.

    Raises:
        StorageError: the disk is full or the folder cannot be written to; the lines before stand.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(content, allow_nan=True).encode()
        with path.open("ab+") as file:
            torn = file.tell() > 0 and _last_byte(file) != b"\n"
            file.write(b"\n" * torn + line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(path, error) from error
    return line


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file that holds an object.

    Raises:
        CheckpointError: it is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not readable JSON: {error}.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is damaged: it holds no JSON object.")
    return cast(dict[str, Any], content)


def read_if_whole(path: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is missing or damaged, for all of it to be made again."""
    try:
        return read_json(path)
    except CheckpointError:
        return {}


def as_typed(path: Path | str) -> str:
    """A path as it is typed in a command: in quotes where a shell would split it."""
    return shlex.quote(str(path))


def check_writable(folder: Path) -> None:
    """Refuses a folder that could not be written to, before hours are spent on what goes there.

    Raises:
        StorageError: no file can be made in it or, if it is not there yet, above it.
    """
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise storage_error(folder, error) from error


def sha256_of(content: bytes | memoryview) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def storage_error(path: Path, error: OSError) -> StorageError:
    """One line for a failed write, by its cause."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            f"no space left to write {path}; free some and run again, what was written stands."
        )
    return StorageError(f"cannot write {path}: {error.strerror or error}.")


@contextmanager
def hold_lock(path: Path, *, wait: bool = False) -> Generator[bool]:
    """Holds a lock file while the block runs; the system frees it even if this process is killed.

    Args:
        path: of the lock file.
        wait: for another process that holds it.

    Yields:
        Whether it could be had: False if another process holds it. Where the system or the disk
        knows no such locks, always True.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield True
        return
    is_ours = False
    while not is_ours:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        except OSError as error:
            raise storage_error(path, error) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:  # some network disks have no locks
                yield True
                return
            if is_ours := _is_at(file, path):  # else who held it has deleted it since
                yield True


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
