"""The one way to read and to write files: regular ones alone, whole or not there, no link followed.

Whole files are written by temporary file, fsync and rename; those that grow are opened in place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shlex
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from .errors import AmbiganError, CheckpointError
from .machine import physical_memory


class StorageError(AmbiganError, OSError):
    """A file that could not be written: no space left, no permission."""


_ROOTS: set[Path] = set()
_LARGEST_JSON = 1 << 28
_ENDINGS = "pt|sha256|jsonl?|safetensors|md|html|csv|np[yz]|png|svg|pdf|parquet|faiss"
_TEMPORARY = re.compile(rf"\..+\.({_ENDINGS})\.[0-9a-z_]{{8}}")


def keep_inside(folder: Path) -> Path:
    """Declares a folder that no write below it may leave by a link; returns the folder.

    The folder itself may be a link: then its files are written where that leads.
    """
    _ROOTS.add(Path(os.path.abspath(folder)))
    return folder


def check_inside(path: Path) -> None:
    """Refuses to write where a linked folder leads out of a folder of `keep_inside`."""
    parent = Path(os.path.abspath(path.parent))
    for root in _ROOTS.intersection((parent, *parent.parents)):
        if not Path(os.path.realpath(parent)).is_relative_to(os.path.realpath(root)):
            between = [parent, *parent.parents][: len(parent.parts) - len(root.parts)]
            link = next(folder for folder in reversed(between) if folder.is_symlink())
            raise StorageError(
                f"{link} is a link that leads out of {root}, and nothing is written through it;"
                " put a folder in its place."
            )


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file to read; anything else, such as a pipe or a device, would never end."""
    handle = os.open(path, os.O_RDONLY | _flags("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
    return _if_regular(handle, path, "rb")


def read_bytes(path: Path, most: float | None = None) -> bytes:
    """The content of a regular file of at most that many bytes, or this machine's memory.

    Raises:
        OSError: It is missing, may not be read, is no regular file, or is larger.
    """
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > (physical_memory() if most is None else most):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return file.read()


def open_in_place(path: Path, *, appends: bool = False, is_shared: bool = False) -> BinaryIO:
    """Opens a file to read and to write where it lies, as it is; makes an empty one if missing.

    Nothing is truncated, and no link is followed. A file with a second name (a hard link, as some
    backups make them) is refused too, since writing would change it under that name as well,
    unless it `is_shared`, because nothing is written. If it `appends`, all writes go to its end,
    those of several processes too.
    """
    check_inside(path)
    names = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_APPEND" if appends else "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _flags(*names), 0o666)
        file = _if_regular(handle, path, "r+b")
    except OSError as error:
        raise storage_error(path, error) from error
    if os.fstat(file.fileno()).st_nlink > 1 and not is_shared:
        file.close()
        raise StorageError(f"{path} is a hard link; put a copy in its place.")
    return file


def _if_regular(handle: int, path: Path, mode: str) -> BinaryIO:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return cast(BinaryIO, os.fdopen(handle, mode))


def _flags(*names: str) -> int:
    """Flags of `os.open`, those that this system has."""
    return sum(getattr(os, name, 0) for name in names)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically: after a crash it holds its old content or all of the new.

    A link in its place is replaced and not followed. What a killed write of the same file left is
    removed.
    """
    check_inside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        head = f".{path.name[:40]}."  # a name may be as long as the disk allows
        sweep(path.parent, re.compile(re.escape(head) + "[0-9a-z_]{8}"))
        temporary = path.with_name(head + secrets.token_hex(4))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flags("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
        handle = os.open(temporary, flags, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                _lock(file)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                if os.name != "nt":  # while it is locked, no other process sweeps it
                    os.replace(temporary, path)
            if os.name == "nt":
                os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error


def sweep(folder: Path, names: re.Pattern[str] = _TEMPORARY) -> None:
    """Removes the temporary files of writes that were killed; those in progress are locked."""
    check_inside(folder / "any")
    for path in folder.iterdir() if folder.is_dir() else ():
        if names.fullmatch(path.name):
            with suppress(OSError), open_regular(path) as file:
                if _lock(file):
                    path.unlink(missing_ok=True)


def sync_file(file: BinaryIO, path: Path) -> None:
    """Waits until everything written to an open file is on the disk; errors name its path."""
    try:
        file.flush()
        os.fsync(file.fileno())
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

    A line that a kill has torn is ended first, so that it spoils no other. After an error, the
    lines before stand.
    """
    line = json.dumps(content, allow_nan=True).encode()
    with open_in_place(path, appends=True) as file:
        try:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            is_torn = file.read(1) not in (b"", b"\n")
            file.write(b"\n" * is_torn + line + b"\n")
        except OSError as error:
            raise storage_error(path, error) from error
        sync_file(file, path)
    return line


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file that holds an object.

    Raises:
        CheckpointError: It is missing, or holds something else.
    """
    try:
        content = json.loads(read_bytes(path, _LARGEST_JSON))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
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


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """The same with a digest of it under `digest`, by which `read_sealed` finds a change."""
    return {**content, "digest": digest_of(content)}


def read_sealed(path: Path) -> dict[str, Any]:
    """Reads what `sealed` made; a file of an older version, without a digest, is taken as it is."""
    content = read_json(path)
    digest = content.pop("digest", None)
    if digest not in (None, digest_of(content)):
        raise CheckpointError(f"{path} was changed: its digest does not match; put it back.")
    return content


def digest_of(content: Any) -> str:
    """Hex SHA-256 of plain values, whatever the order of their keys."""
    return sha256_of(json.dumps(content, sort_keys=True).encode())


def as_typed(path: Path | str) -> str:
    """A path as it is typed in a command: in quotes where a shell would split it."""
    return shlex.quote(str(path))


def check_writable(folder: Path) -> None:
    """Refuses a folder that could not be written to, before hours are spent on what goes there."""
    check_inside(folder / "any")
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=there) as file:  # a full disk takes a file but no content
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
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
    if error.errno == errno.ELOOP:
        return StorageError(f"{path} is a link, and nothing is written through it; delete it.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            f"no space left to write {path}; free some and run again, what was written stands."
        )
    return StorageError(f"cannot write {path}: {error.strerror or error}.")


@contextmanager
def hold_lock(path: Path, *, wait: bool = False) -> Generator[bool]:
    """Holds a lock file while the block runs; the system frees it even if this process is killed.

    Yields whether it could be had: False if another process holds it and is not waited for. Where
    the system or the disk knows no such locks, always True.
    """
    is_ours = False
    while not is_ours:
        with open_in_place(path, is_shared=True) as file:
            if _lock(file, wait=wait) is False:
                yield False
                return
            if is_ours := _is_at(file, path):  # else who held it has deleted it since
                yield True


def _lock(file: IO[Any], *, wait: bool = False) -> bool | None:
    """Locks an open file; False if another process holds it, None where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network disks have no locks
        return None
    return True


def _is_at(file: IO[Any], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False
