"""Processes of one start meet, whatever those of earlier starts have left in the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import Store, TCPStore

from ambigan.core.distributed import join_rendezvous

SHORT = timedelta(seconds=0.3)
LONG = timedelta(seconds=20)


@pytest.fixture
def server() -> TCPStore:
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def client(server: TCPStore) -> TCPStore:
    return TCPStore("127.0.0.1", server.port, is_master=False, wait_for_workers=False)


def start(server: TCPStore, ranks: list[int], size: int) -> list[Store]:
    """All meet at once, in the order given."""
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: join_rendezvous(client(server), rank, size, LONG), ranks))


@pytest.mark.parametrize("ranks", [[0, 1, 2], [2, 1, 0]])
def test_what_an_earlier_start_has_left_is_not_read(server: TCPStore, ranks: list[int]) -> None:
    for attempt in range(3):
        stores = start(server, ranks, 3)
        assert not stores[0].check(["address"]), "of an earlier start"
        stores[0].set("address", f"of start {attempt}")
        assert {store.get("address").decode() for store in stores} == {f"of start {attempt}"}


def test_one_that_died_before_it_was_answered_is_not_waited_for(server: TCPStore) -> None:
    with pytest.raises(RuntimeError):
        join_rendezvous(client(server), 1, 2, SHORT)
    assert len(start(server, [0, 1], 2)) == 2


def test_a_rank_that_never_comes_is_named(server: TCPStore) -> None:
    start(server, [0, 1, 2], 3)
    with pytest.raises(RuntimeError, match=r"no word from ranks \[1, 2\]"):
        join_rendezvous(client(server), 0, 3, SHORT)
    with pytest.raises(RuntimeError, match="timeout"):
        join_rendezvous(client(server), 2, 3, SHORT)
