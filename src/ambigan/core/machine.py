"""Facts about this machine: its memory and the processes that were launched on it."""

from __future__ import annotations

import math
import os


def num_launched_processes() -> int:
    """Returns how many processes torchrun has started, including this one; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def physical_memory() -> float:
    """Returns the size of main memory in bytes, or infinity where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf
