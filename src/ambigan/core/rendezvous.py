"""A private key space in torchrun's store for each start of the processes.

torchrun keeps one store over all restarts of its workers and does not separate them: processes that
were restarted find the addresses of processes that have died. Seen with torch 2.13.
"""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

from torch.distributed import PrefixStore, Store  # pyright: ignore[reportPrivateImportUsage]

LONGEST = timedelta(minutes=30)  # torch's own timeout for a process group
_PAUSE = 0.05  # seconds


def join_rendezvous(store: Store, rank: int, size: int, longest: timedelta = LONGEST) -> Store:
    """Waits for all processes of this start and returns a store that they alone use.

    Rank 0 chooses the key prefix. Every other rank announces a name that was never used before and
    receives the prefix under that name. A message of a dead process is answered under a name that
    nobody reads any more, so it does no harm.

    Args:
        store: Store that all processes share.
        rank: Number of this process.
        size: Number of processes.
        longest: Longest time to wait for the others.

    Raises:
        RuntimeError: One of the processes, or rank 0, did not arrive in time.
    """
    # A random prefix keeps the keys of this start apart from those of all earlier ones.
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
    """Sends the prefix to every announced name until all ranks have confirmed it."""
    while missing:
        if time.monotonic() > until:
            raise RuntimeError(f"timeout: no word from ranks {sorted(missing)}.")
        # A rank's key may still hold the name of its dead predecessor. It is answered, and again
        # when the living one overwrites it; only a confirmation under this start's prefix counts.
        for rank in sorted(missing):
            if store.check([f"name/{rank}"]):
                store.set(f"place/{store.get(f'name/{rank}').decode()}", place)
            if store.check([f"here/{place}/{rank}"]):
                missing.remove(rank)
        time.sleep(_PAUSE)
