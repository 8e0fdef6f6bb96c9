"""What is told on the terminal: notes on stderr, cells of tables on stdout."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

logger = logging.getLogger("ambigan")


class _Terminal(logging.Handler):
    """Prints information as it is and warnings with the program's name, each on one line."""

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(self.format(record).split())
        (alarm if record.levelno >= logging.WARNING else note)(text)


def start_logging() -> None:
    """Sends the library's log to stderr."""
    if not any(isinstance(handler, _Terminal) for handler in logger.handlers):
        logger.addHandler(_Terminal())
    logger.setLevel(logging.INFO)


def print_json(value: Any) -> None:
    """Prints a value for other programs to read."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def note(line: str) -> None:
    """What is being done."""
    print(line, file=sys.stderr)


def alarm(line: str) -> None:
    """What the user should look at."""
    print(f"ambigan: warning: {line}", file=sys.stderr)


def cell(value: Any) -> str:
    """A value of a table, in which no text is markup: file names and labels are anybody's."""
    if value is None:
        return ""
    from rich.markup import escape

    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))
