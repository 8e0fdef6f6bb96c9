"""Images that were decoded once: one memory-mapped file with an index and a manifest."""
