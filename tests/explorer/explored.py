"""What the tests of the explorer share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ambigan.run import Run

MakeCollection = Callable[[Run], Any]
"""Makes the collection of all of a run's own data."""
