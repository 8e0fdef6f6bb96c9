"""The progress bar of long work: rate, time left, newest losses."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..data.images.parallel_decoding import DecodingProgress as Decoded
from ..engine.trainer import TrainingProgress as Report
from .output import is_quiet, note

PLAIN_SECONDS = 20.0


class _Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f} images/s")


@contextmanager
def training_progress(*, quiet: bool = False) -> Generator[Report]:
    """A bar on a terminal, a line every 20 seconds elsewhere; nothing if quiet.

    Args:
        quiet: Whether this process shows none; with `--quiet`, no process does.
    """
    with run_progress(quiet=quiet) as (training, _):
        yield training


@contextmanager
def decoding_progress(*, quiet: bool = False) -> Generator[Decoded]:
    """The same for pictures that are decoded."""
    with run_progress(quiet=quiet) as (_, decoding):
        yield decoding


@contextmanager
def run_progress(*, quiet: bool = False) -> Generator[tuple[Report, Decoded]]:
    """Both, for a run that decodes its pictures first; a bar appears when there is work."""
    if quiet or is_quiet():
        yield lambda _seen, _total, _losses: None, lambda _done, _total: None
    elif sys.stderr.isatty():
        with _bars() as bars:
            report = _on_bar(bars, "decoding")
            yield _on_bar(bars, "training"), lambda done, total: report(done, total, {})
    else:
        yield _in_lines(), _pictures_in_lines()


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
        console=Console(stderr=True),
    )


def _on_bar(bars: Progress, title: str) -> Report:
    tasks: list[TaskID] = []

    def report(seen: int, total: int, losses: dict[str, float]) -> None:
        if not tasks:  # what a resumed run or preparation has done is no part of the rate
            tasks.append(bars.add_task(title, total=total, completed=seen, losses=""))
        bars.update(tasks[0], completed=seen, losses=training_summary(losses))

    return report


def _pictures_in_lines() -> Decoded:
    report, started = _in_lines(), time.monotonic()

    def tell(done: int, total: int) -> None:
        if time.monotonic() - started >= PLAIN_SECONDS:  # what is done sooner needs no line
            report(done, total, {})

    return tell


def _in_lines() -> Report:
    started = told = time.monotonic()
    first: int | None = None

    def report(seen: int, total: int, losses: dict[str, float]) -> None:
        nonlocal told, first
        first = seen if first is None else first
        now = time.monotonic()
        if now - told < PLAIN_SECONDS and seen < total:
            return
        told = now
        rate = (seen - first) / max(now - started, 1e-9)
        left = (total - seen) / rate if rate else 0.0
        note(
            f"{seen:,} of {total:,} images, {rate:,.0f} images/s, {left:,.0f} s left"
            f"  {training_summary(losses)}"
        )

    return report


def training_summary(losses: dict[str, float]) -> str:
    """Each player's loss, summed over its terms."""
    players: dict[str, float] = {}
    for name, value in losses.items():
        player = name.partition("/")[0]
        players[player] = players.get(player, 0.0) + value
    return "  ".join(f"{player} {value:.3f}" for player, value in players.items())
