"""What the command line prints: results on stdout; information, progress and warnings on stderr."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.markup import escape

if TYPE_CHECKING:  # they take a moment to import, or torch
    from rich.progress import Progress, TaskID

    from ..data.images.parallel_decoding import DecodingProgress
    from ..engine.trainer import TrainingProgress

logger = logging.getLogger("ambigan")

GAP = "  "
LEAST_TEXT = 16
"""Columns that a column of free text keeps, however wide the others are."""

PLAIN_SECONDS = 20.0
"""Time between two lines of progress, where there is no bar."""


class _Terminal(logging.Handler):
    """Prints information as it is and warnings with the program's name, each on one line."""

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.WARNING:
            text = f"ambigan: warning: {' '.join(text.split())}"
        print(text, file=sys.stderr, flush=True)


def start_logging(*, quiet: bool = False) -> None:
    """Sends the library's log to stderr: all of it, or only warnings.

    Args:
        quiet: Whether to leave out information and progress. Of the processes that torchrun
            started, only the first informs.
    """
    if not any(isinstance(handler, _Terminal) for handler in logger.handlers):
        logger.addHandler(_Terminal())
    is_silent = quiet or os.environ.get("RANK", "0") != "0"
    logger.setLevel(logging.WARNING if is_silent else logging.INFO)


def is_quiet() -> bool:
    """Whether neither information nor progress is wanted."""
    return not logger.isEnabledFor(logging.INFO)


def say(line: str) -> None:
    """Says on stdout what was done and where it was written, unless `--quiet` was given."""
    if not is_quiet():
        print(line)


def print_json(value: Any) -> None:
    """Prints a value for other programs to read."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def cell(value: Any) -> str:
    """A value of a table, in which no text is markup: file names and labels are anybody's."""
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else escape(str(value))


def print_columns(
    head: Sequence[str], rows: Iterable[Sequence[Any]], free: Sequence[str] = ()
) -> None:
    """Prints a table in plain columns, a line for each row, on a terminal and through a pipe alike.

    Args:
        head: Titles of the columns; a column without any value is left out.
        rows: Values by column. Names and numbers are never cut.
        free: Titles of the columns of free text, which are shortened between words to fit the
            terminal's width, or 80 columns where there is none.
    """
    table = _without_empty([list(head), *([printable(value) for value in row] for row in rows)])
    head = table[0]
    widths = [max(cell_len(row[place]) for row in table) for place in range(len(head))]
    texts = [place for place, title in enumerate(head) if title in free]
    left = shutil.get_terminal_size((80, 24)).columns - len(GAP) * (len(head) - 1)
    left -= sum(width for place, width in enumerate(widths) if place not in texts)
    for place, share in zip(texts, _shares([widths[place] for place in texts], left), strict=True):
        widths[place] = share
    for row in table:
        cells = [
            shortened(text, width) if place in texts else text
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        padded = [text + " " * (w - cell_len(text)) for text, w in zip(cells, widths, strict=True)]
        print(GAP.join(padded).rstrip())


def _without_empty(table: list[list[str]]) -> list[list[str]]:
    """The same columns without those that hold nothing but a title."""
    full = [any(row[place] for row in table[1:]) for place in range(len(table[0]))]
    return [[text for text, is_kept in zip(row, full, strict=True) if is_kept] for row in table]


def _shares(widths: Sequence[int], left: int) -> list[int]:
    """How many columns each text gets: the last ones give way to those before them."""
    shares = list(widths)
    for place in reversed(range(len(shares))):
        excess = max(0, sum(shares) - left)
        shares[place] -= min(excess, max(0, shares[place] - LEAST_TEXT))
    return shares


def shortened(text: str, width: int) -> str:
    """A text of at most so many columns, cut between words and ended by `…` where it was longer."""
    if cell_len(text) <= width:
        return text
    words = text.split(" ")
    while len(words) > 1 and cell_len(" ".join(words)) > width - 2:
        words.pop()
    kept = " ".join(words).rstrip(",;:")
    while cell_len(kept) > width - 2:  # a single word that is too long
        kept = kept[:-1]
    return f"{kept} …"


def printable(value: Any) -> str:
    """A value on one line, its control characters shown as escapes: file names hold any."""
    text = "" if value is None else str(value)
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


@contextmanager
def training_progress() -> Generator[TrainingProgress]:
    """A bar on a terminal, a line every 20 seconds elsewhere; nothing with `--quiet`."""
    with run_progress() as (training, _):
        yield training


@contextmanager
def decoding_progress() -> Generator[DecodingProgress]:
    """The same for images that are decoded."""
    with run_progress() as (_, decoding):
        yield decoding


@contextmanager
def run_progress(*, quiet: bool = False) -> Generator[tuple[TrainingProgress, DecodingProgress]]:
    """Both, for a run that decodes its images first; a bar appears when there is work.

    Args:
        quiet: Whether this process shows none; with `--quiet`, no process does.
    """
    if quiet or is_quiet():
        yield lambda _seen, _total, _losses: None, lambda _done, _total: None
    elif sys.stderr.isatty():
        with _bars() as bars:
            report = _on_bar(bars, "decoding")
            yield _on_bar(bars, "training"), lambda done, total: report(done, total, {})
    else:
        yield _in_lines(), _images_in_lines()


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Images per second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.finished_speed or task.speed or 0:,.0f} images/s")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=Console(stderr=True),
    )


def _on_bar(bars: Progress, title: str) -> TrainingProgress:
    tasks: list[TaskID] = []

    def report(seen: int, total: int, losses: dict[str, float]) -> None:
        if not tasks:  # what a resumed run or preparation has done is no part of the rate
            tasks.append(bars.add_task(title, total=total, completed=seen, losses=""))
        bars.update(tasks[0], completed=seen, losses=_training_summary(losses))

    return report


def _images_in_lines() -> DecodingProgress:
    report, started = _in_lines(), time.monotonic()

    def report_decoded(done: int, total: int) -> None:
        if time.monotonic() - started >= PLAIN_SECONDS:  # what is done sooner needs no line
            report(done, total, {})

    return report_decoded


def _in_lines() -> TrainingProgress:
    started = reported = time.monotonic()
    first: int | None = None

    def report(seen: int, total: int, losses: dict[str, float]) -> None:
        nonlocal reported, first
        first = seen if first is None else first
        now = time.monotonic()
        if now - reported < PLAIN_SECONDS and seen < total:
            return
        reported = now
        rate = (seen - first) / max(now - started, 1e-9)
        left = (total - seen) / rate if rate else 0.0
        logger.info(
            f"{seen:,} of {total:,} images, {rate:,.0f} images/s, {left:,.0f} s left"
            f"  {_training_summary(losses)}"
        )

    return report


def _training_summary(losses: dict[str, float]) -> str:
    """Each player's loss, summed over its terms."""
    players: dict[str, float] = {}
    for name, value in losses.items():
        player = name.partition("/")[0]
        players[player] = players.get(player, 0.0) + value
    return "  ".join(f"{player} {value:.3f}" for player, value in players.items())
