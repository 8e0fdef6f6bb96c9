"""A gate keeps what threads hold together within its budget."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ambigan.data.images.memory_budget import MemoryBudget


def test_no_more_than_the_budget_is_held_and_all_come_through() -> None:
    gate, lock, held, most = MemoryBudget(10), threading.Lock(), 0, list[int]()

    def work(share: int) -> None:
        nonlocal held
        with gate.reserve(share):
            with lock:
                held += share
                most.append(held)
            time.sleep(0.001)
            with lock:
                held -= share

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [1, 7, 4, 10, 2, 3, 9, 5, 6, 8] * 4))
    assert len(most) == 40
    assert max(most) <= 10
    assert len({*most}) > 3  # some were in at once


def test_more_than_the_budget_goes_alone() -> None:
    gate = MemoryBudget(10)
    with gate.reserve(50):
        pass


def test_an_error_gives_back_what_was_held() -> None:
    gate = MemoryBudget(10)
    with pytest.raises(OSError), gate.reserve(10):
        raise OSError
    with gate.reserve(10):
        pass
