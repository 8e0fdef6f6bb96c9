"""A gate that lets threads in while what they hold together stays within a budget."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Holds back a thread whose share would exceed what is left of the budget.

    Args:
        budget: what may be held at once; a share beyond it is let in alone.
    """

    def __init__(self, budget: int) -> None:
        self._budget = self._left = budget
        self._changed = Condition()

    @contextmanager
    def reserve(self, share: int) -> Generator[None]:
        """Holds a share of the budget while the block runs; waits first until there is enough."""
        share = min(share, self._budget)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= share)
            self._left -= share
        try:
            yield
        finally:
            with self._changed:
                self._left += share
                self._changed.notify_all()
