"""What is told on the terminal: notes on stderr, cells of tables on stdout."""

from __future__ import annotations

import sys
from typing import Any

from rich.markup import escape


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
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))
