"""Layers of several networks: norms, initial weights, teachers, banks, checkpointing."""
