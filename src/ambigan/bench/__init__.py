"""Steps against the textbook loop and the machine's own rates, side by side in one run."""

from .suite import run_suite

__all__ = ["run_suite"]
