"""Memory, rate and time of a training, estimated by a few real steps."""
