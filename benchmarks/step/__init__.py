"""A training step next to the textbook loop and the machine's own rates, timed in one process."""
