"""Facts about this machine: its memory and the processes that were launched on it."""

from __future__ import annotations

import math
import os

from .errors import ConfigError

_REMEDY = "start several processes with torchrun, or unset WORLD_SIZE and RANK to use one."


def num_launched_processes() -> int:
    """Returns how many processes torchrun has started, including this one; 1 without torchrun.

    It is an error if what torchrun sets is there in part, or is no number.
    """
    defaults = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "MASTER_PORT": "0"}
    values = {name: os.environ.get(name, default) for name, default in defaults.items()}
    for name, value in values.items():
        if not (value.isascii() and value.isdecimal()):
            raise ConfigError(f"{name} is '{value}', which is no number; {_REMEDY}")
    size, rank = int(values["WORLD_SIZE"]), int(values["RANK"])
    if rank >= size:
        raise ConfigError(f"RANK is {rank} and WORLD_SIZE is {size}; {_REMEDY}")
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if size > 1 and missing:
        raise ConfigError(f"WORLD_SIZE is {size} and {missing[0]} is not set; {_REMEDY}")
    return size


def physical_memory() -> float:
    """Returns the size of main memory in bytes, or infinity where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return math.inf
