"""How far a preparation has come: a file of lines, each written after the data it speaks of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import append_json, open_in_place, read_bytes, storage_error


@dataclass(frozen=True)
class ProgressEntry:
    """What is safe on the disk, in the order of the data set.

    Attributes:
        tried: how many pictures so far, read or not.
        kept: how many of them are in the file of pixels.
        reasons: by place in the gallery, why others are not; those since the line before.
        end: where the line ends in the file.
    """

    tried: int
    kept: int
    reasons: dict[int, str]
    end: int


class ProgressLog:
    """The file: first what was asked for, then a line whenever more is safe.

    Args:
        path: of the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: dict[str, Any] | None = None
        self.lines: list[ProgressEntry] = []
        try:
            content = read_bytes(path) if path.exists() else b""
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        for text in content.split(b"\n")[:-1]:  # the last is empty, or was cut short
            try:
                self._take(text)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                break

    @property
    def tried(self) -> int:
        """How many pictures are done with."""
        return self.lines[-1].tried if self.lines else 0

    @property
    def kept(self) -> int:
        """How many pictures are in the file of pixels."""
        return self.lines[-1].kept if self.lines else 0

    @property
    def reasons(self) -> dict[int, str]:
        """By place in the gallery, why pictures were left out."""
        return {place: text for line in self.lines for place, text in line.reasons.items()}

    def begin(self, asked: dict[str, Any]) -> None:
        """Starts anew, with what was asked for."""
        self.asked, self.lines = None, []
        self.path.unlink(missing_ok=True)
        self._append(asked)

    def go_on(self, num_there: int) -> None:
        """Goes on after the last line of whose pictures so many are there; later ones are cut off.

        Args:
            num_there: how many pictures the file of pixels holds.
        """
        self.lines = [line for line in self.lines if line.kept <= num_there]
        with open_in_place(self.path) as file:
            try:
                file.truncate(self._end)
            except OSError as error:
                raise storage_error(self.path, error) from error

    def add(self, tried: int, kept: int, reasons: dict[int, str]) -> None:
        """Notes what has become safe; `reasons` are those since the line before."""
        self._append({"tried": tried, "kept": kept, "reasons": reasons})

    @property
    def _end(self) -> int:
        return self.lines[-1].end if self.lines else self._begun

    def _append(self, content: dict[str, Any]) -> None:
        self._take(append_json(self.path, content))

    def _take(self, text: bytes) -> None:
        """Reads a line; raises whatever a torn one makes of its parser."""
        content = json.loads(text)
        if self.asked is None:
            self.asked, self._begun = dict(content), len(text) + 1
            return
        reasons = {int(place): reason for place, reason in content["reasons"].items()}
        end = self._end + len(text) + 1
        self.lines.append(ProgressEntry(int(content["tried"]), int(content["kept"]), reasons, end))
