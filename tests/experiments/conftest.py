"""What the tests of experiments share."""

from __future__ import annotations

from typing import Any, BinaryIO

import pytest
from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def empty_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn for the fixtures of a module, and left empty when a test makes a page again.

    A page is written after each run, and most of a toy experiment's time went into drawing.
    """
    draw = Figure.savefig

    def leave_empty(figure: Figure, file: BinaryIO, **options: Any) -> None:
        if options.get("format") == "svg":
            file.write(b'<svg viewBox="0 0 1 1"></svg>')
        else:
            draw(figure, file, **options)

    monkeypatch.setattr(Figure, "savefig", leave_empty)
