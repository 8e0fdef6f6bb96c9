"""The log of a preparation, whose lines are each written after the data they describe."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.files import append_json


@dataclass(frozen=True)
class ProgressEntry:
    """One line of the log: what is safe on the disk, in the order of the data set.

    Attributes:
        tried: Number of images processed so far, readable or not.
        kept: Number of them in the file of pixels.
        reasons: Reasons why images were left out since the last line, by index in the source.
        end: Position in the file at which the line ends.
    """

    tried: int
    kept: int
    reasons: dict[int, str]
    end: int


class ProgressLog:
    """The log file: first the settings asked for, then a line whenever more images are safe.

    Args:
        path: Path of the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: dict[str, Any] | None = None
        self.lines: list[ProgressEntry] = []
        content = path.read_bytes() if path.is_file() else b""
        for text in content.split(b"\n")[:-1]:  # the last is empty, or was cut short
            try:
                self._take(text)
            except (ValueError, KeyError, TypeError, AttributeError):
                break

    @property
    def tried(self) -> int:
        """The number of images processed."""
        return self.lines[-1].tried if self.lines else 0

    @property
    def kept(self) -> int:
        """The number of images in the file of pixels."""
        return self.lines[-1].kept if self.lines else 0

    @property
    def reasons(self) -> dict[int, str]:
        """The reasons why images were left out, by index in the source."""
        return {place: text for line in self.lines for place, text in line.reasons.items()}

    def begin(self, asked: dict[str, Any]) -> None:
        """Starts a new log with the settings asked for."""
        self.asked, self.lines = None, []
        self.path.unlink(missing_ok=True)
        self._append(asked)

    def go_on(self, num_there: int) -> None:
        """Continues after the last line whose images are all there, and cuts off later lines.

        Args:
            num_there: Number of images in the file of pixels.
        """
        self.lines = [line for line in self.lines if line.kept <= num_there]
        os.truncate(self.path, self._end)

    def add(self, tried: int, kept: int, reasons: dict[int, str]) -> None:
        """Logs what has become safe; `reasons` are those since the last line."""
        self._append({"tried": tried, "kept": kept, "reasons": reasons})

    @property
    def _end(self) -> int:
        """Returns the position after the last valid line."""
        return self.lines[-1].end if self.lines else self._begun

    def _append(self, content: dict[str, Any]) -> None:
        """Appends a line and waits for the disk."""
        self._take(append_json(self.path, content))

    def _take(self, text: bytes) -> None:
        """Parses a line; a torn one raises its parser's error."""
        content = json.loads(text)
        if self.asked is None:
            self.asked, self._begun = dict(content), len(text) + 1
            return
        reasons = {int(place): reason for place, reason in content["reasons"].items()}
        end = self._end + len(text) + 1
        self.lines.append(ProgressEntry(int(content["tried"]), int(content["kept"]), reasons, end))
