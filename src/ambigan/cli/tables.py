"""Results as tables on the terminal."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Drawn

from ..evaluation.result import Result
from ..report.result_tables import Table, table_of, title_of
from .output import cell

logger = logging.getLogger(__name__)

_WIDEST = 1000


def print_results(results: Sequence[Result]) -> None:
    """A table for each protocol, in the order in which they were measured."""
    titles = dict.fromkeys(title_of([result]) for result in results)
    for title in titles:
        mine = [result for result in results if title_of([result]) == title]
        print_table(table_of(mine), title)
        for sign in dict.fromkeys(w for r in mine for w in r.details.get("warnings", ())):
            where = [r.subject.name for r in mine if sign in r.details.get("warnings", ())]
            logger.warning("%s on %s: %s", title, ", ".join(dict.fromkeys(where)), sign)


def print_table(table: Table, title: str) -> None:
    """A table as wide as the terminal, or where there is none as wide as its cells."""
    print(title)
    drawn = Drawn(box=SIMPLE, pad_edge=False)
    for number, name in enumerate(table.columns):
        is_text = number < table.num_texts
        drawn.add_column(cell(name), justify="left" if is_text else "right", no_wrap=is_text)
    for row in table.rows:
        drawn.add_row(*[cell(one.text) for one in row.cells])
    console = Console()
    if not console.is_terminal:  # a file has no width to keep to
        options = console.options.update(width=_WIDEST)
        console = Console(width=max(80, Measurement.get(console, options, drawn).maximum))
    console.print(drawn)
