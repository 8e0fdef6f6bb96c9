"""What the command line prints: results on stdout; information, progress and warnings on stderr."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from ..engine.durations import duration

if TYPE_CHECKING:  # takes a moment to import
    from rich.progress import Progress, TaskID

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
    """Sends the library's log to stderr; only warnings if `quiet`, and of all ranks but the first.

    Progress is shown where information is.
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


def print_columns(
    head: Sequence[str], rows: Iterable[Sequence[Any]], free: Sequence[str] = ()
) -> None:
    """Prints a table in plain columns, a line for each row, on a terminal and through a pipe alike.

    A column without any value is left out. The columns that `free` names hold free text, which is
    shortened between words to fit the terminal's width (80 if there is none); others are never cut.
    """
    table = [list(head), *([printable(value) for value in row] for row in rows)]
    columns = [column for column in zip(*table, strict=True) if any(column[1:])]
    widths = [max(map(cell_len, column)) for column in columns]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - shutil.get_terminal_size((80, 24)).columns
    for place, column in reversed(list(enumerate(columns))):  # the last texts give way first
        if column[0] in free and excess > 0:
            width = max(widths[place] - excess, min(widths[place], LEAST_TEXT))
            excess -= widths[place] - width
            widths[place] = width
            columns[place] = tuple(shortened(text, width) for text in column)
    for row in zip(*columns, strict=True):
        cells = [set_cell_size(text, width) for text, width in zip(row, widths, strict=True)]
        print(GAP.join(cells).rstrip())


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


Report = Callable[..., None]
"""Called with (done, total) as examples are decoded, with (done, total, losses) in training."""


@contextmanager
def show_progress() -> Generator[Report]:
    """A bar on a terminal, once there is work; a line every 20 seconds elsewhere."""
    if is_quiet():
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _make_bars() as bars:
            yield _report_on(bars)
    else:
        yield _report_in_lines()


def _make_bars() -> Progress:
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        """Examples per second, and the time that is left."""

        def render(self, task: progress.Task) -> Text:
            rate = task.finished_speed or task.speed or 0
            left = task.time_remaining
            time_left = "" if left is None else f", {duration(left)} left"
            return Text(f"{rate:,.0f} {task.fields['noun']}/s{time_left}")

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        Rate(),
        progress.TextColumn("{task.fields[losses]}"),
    )
    return progress.Progress(*columns, console=Console(stderr=True))


def _report_on(bars: Progress) -> Report:
    tasks: dict[str, TaskID] = {}

    def report(done: int, total: int, losses: dict[str, float] | None = None) -> None:
        title = "decoding" if losses is None else "training"
        if title not in tasks:  # what a resumed run or preparation has done is no part of the rate
            noun = _noun(is_training=losses is not None)
            tasks[title] = bars.add_task(title, total=total, completed=done, losses="", noun=noun)
        bars.update(tasks[title], completed=done, losses=_losses_of_players(losses))

    return report


def _report_in_lines() -> Report:
    begun: dict[bool, tuple[float, int]] = {}
    reported = time.monotonic()

    def report(done: int, total: int, losses: dict[str, float] | None = None) -> None:
        nonlocal reported
        now, is_training = time.monotonic(), losses is not None
        started, first = begun.setdefault(is_training, (now, done))
        is_last = done >= total and (is_training or now - started >= PLAIN_SECONDS)
        if now - reported < PLAIN_SECONDS and not is_last:
            return
        reported = now
        rate = (done - first) / max(now - started, 1e-9)
        left, noun = (total - done) / rate if rate else 0.0, _noun(is_training=is_training)
        logger.info(
            f"{done:,} of {total:,} {noun}, {rate:,.0f} {noun}/s, {duration(left)} left"
            f"  {_losses_of_players(losses)}"
        )

    return report


def _noun(*, is_training: bool) -> str:
    """What is counted: pictures are decoded, and examples of any kind are trained on."""
    return "examples" if is_training else "images"


def _losses_of_players(losses: dict[str, float] | None) -> str:
    """Each player's loss, summed over its terms."""
    players: dict[str, float] = {}
    for name, value in (losses or {}).items():
        player = name.partition("/")[0]
        players[player] = players.get(player, 0.0) + value
    return "  ".join(f"{player} {value:.3f}" for player, value in players.items())
