"""A budget of memory that threads share; a thread waits until its share fits."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Limits how much memory several threads hold at once.

    Args:
        budget: Largest total of the shares in bytes. A larger share is admitted when nothing else
            is held.
    """

    def __init__(self, budget: int) -> None:
        self._budget = self._left = budget
        self._changed = Condition()

    @contextmanager
    def reserve(self, share: int) -> Generator[None]:
        """Reserves a share while the block runs, after waiting until it fits.

        Args:
            share: Size of the share in bytes.
        """
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
