"""What several invariants are checked with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from two_ranks import Pair


@pytest.fixture(scope="session")
def pair() -> Iterator[Pair]:
    """Two processes that train as one."""
    two = Pair()
    yield two
    two.close()
