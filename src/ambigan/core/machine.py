"""What this machine can hold."""

from __future__ import annotations

import math
import os

from .errors import ConfigError

_REMEDY = "start several processes with torchrun, or unset WORLD_SIZE and RANK to use one."


def num_launched_processes() -> int:
    """How many processes torchrun has started, this one among them; 1 without it.

    Raises:
        ConfigError: WORLD_SIZE is set, and what torchrun sets with it is not, or is no number.
    """
    size, rank = os.environ.get("WORLD_SIZE", "1"), os.environ.get("RANK", "0")
    if not (size.isdecimal() and rank.isdecimal() and int(rank) < int(size)):
        raise ConfigError(f"WORLD_SIZE is '{size}' and RANK is '{rank}'; {_REMEDY}")
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if int(size) > 1 and missing:
        raise ConfigError(f"WORLD_SIZE is {size} and {missing[0]} is not set; {_REMEDY}")
    return int(size)


def physical_memory() -> float:
    """Bytes of main memory; infinite where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf
