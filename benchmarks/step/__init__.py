"""A training step next to the textbook loop and the machine's own rates, timed in one process."""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # before torch is imported: its profiler is silent
