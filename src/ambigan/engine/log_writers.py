"""Where the numbers of a run go: logs of JSON lines always, TensorBoard if asked for.

`stats.jsonl` holds only what a resumed run writes again bit for bit; how long things took goes to
`timing.jsonl`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from ..core.errors import CheckpointError, ConfigError
from ..core.files import (
    check_inside,
    open_in_place,
    read_bytes,
    storage_error,
    sync_file,
    write_text,
)


class JsonLines:
    """Appends lines to a `.jsonl` file, each flushed whole.

    Lines beyond a number of images seen are dropped first: a resumed run writes them again.
    """

    def __init__(self, path: Path, images_seen: int = 0) -> None:
        kept = [line for line in read_lines(path) if line["images_seen"] <= images_seen]
        write_text(path, "".join(_dump(line) for line in kept))
        self._path = path
        self._file = open_in_place(path, appends=True)

    def write(self, line: dict[str, Any]) -> None:
        """Appends one line; if the disk is full, the lines before stand."""
        try:
            self._file.write(_dump(line).encode())
            self._file.flush()
        except OSError as error:
            raise storage_error(self._path, error) from error

    def sync(self) -> None:
        """Makes sure that the lines so far are on the disk."""
        sync_file(self._file, self._path)

    def close(self) -> None:
        """Closes the file, with all lines on the disk."""
        self.sync()
        self._file.close()


class TensorBoard:
    """Event files for TensorBoard, in addition to the log."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "train.tensorboard needs the extra: pip install 'ambigan[tensorboard]'."
            ) from error
        check_inside(folder / "events")
        self._writer: Any = SummaryWriter(str(folder))

    def write(self, line: dict[str, Any]) -> None:
        """Adds each number under its group and name."""
        for group, values in line.items():
            if isinstance(values, dict):
                for name, value in cast(dict[str, float], values).items():
                    self._writer.add_scalar(f"{group}/{name}", value, line["images_seen"])

    def close(self) -> None:
        """Writes what is pending."""
        self._writer.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a `.jsonl` file; a torn last line, left by a kill, is left out.

    Where another line is damaged, the error names it, and nothing is rewritten.
    """
    if not path.exists():
        return []
    try:
        texts = read_bytes(path).splitlines()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            lines.append(line | {"images_seen": int(line["images_seen"])})
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            if number == len(texts):
                break
            raise CheckpointError(
                f"line {number} of {path} is damaged; mend or delete that line."
            ) from error
    return lines


def _dump(line: dict[str, Any]) -> str:
    return json.dumps(line) + "\n"
