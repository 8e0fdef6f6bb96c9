"""What the tests of experiments share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def pages(quick_pages: None) -> None:
    """A page is written after each run; those of a module's fixtures are drawn."""
