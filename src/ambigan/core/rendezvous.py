"""A place of their own in the store where processes meet, however often they are started again.

torchrun keeps one store over all starts of its workers and does not tell them apart: one that was
started again finds the addresses of processes that have died. Seen with torch 2.13.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from torch.distributed import PrefixStore, Store  # pyright: ignore[reportPrivateImportUsage]

LONGEST = timedelta(minutes=30)  # as torch waits for a process group
_PAUSE = 0.05  # seconds


def join_rendezvous(store: Store, rank: int, size: int, longest: timedelta = LONGEST) -> Store:
    """Waits for all processes of this start, and returns a store that is theirs alone.

    Rank 0 chooses the place. Every other tells it a name that was never used before, and is told
    the place under that name, so that what the dead have written is answered and does no harm.

    Args:
        store: that they share.
        rank: of this process.
        size: how many they are.
        longest: to wait.

    Raises:
        RuntimeError: one of them did not come, or rank 0 did not.
    """
    if rank == 0:
        place = uuid.uuid4().hex
        _welcome(store, place, set(range(1, size)), time.monotonic() + longest.total_seconds())
    else:
        name = uuid.uuid4().hex
        store.set(f"name/{rank}", name)
        store.wait([f"place/{name}"], longest)
        place = store.get(f"place/{name}").decode()
        store.set(f"here/{place}/{rank}", "")
    return PrefixStore(place, store)


def _welcome(store: Store, place: str, missing: set[int], until: float) -> None:
    """Tells the place to every name, until all have said under it that they are here."""
    while missing:
        if time.monotonic() > until:
            raise RuntimeError(f"timeout: no word from ranks {sorted(missing)}.")
        for rank in sorted(missing):
            if store.check([f"name/{rank}"]):
                store.set(f"place/{store.get(f'name/{rank}').decode()}", place)
            if store.check([f"here/{place}/{rank}"]):
                missing.remove(rank)
        time.sleep(_PAUSE)
