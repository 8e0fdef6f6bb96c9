"""The one training loop with its step, state, schedule, log, diagnostics and checkpoints."""
