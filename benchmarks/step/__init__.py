"""A training step next to the textbook loop and the machine's own rates, timed in one process."""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # torch's profiler is silent if set before its import
