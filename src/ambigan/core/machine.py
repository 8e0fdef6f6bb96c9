"""What this machine can hold."""

from __future__ import annotations

import math
import os


def num_launched_processes() -> int:
    """How many processes torchrun has started, this one among them; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def physical_memory() -> float:
    """Bytes of main memory; infinite where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf
