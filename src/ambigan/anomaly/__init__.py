"""Anomaly scores: what is unlike the data that a model was trained on, and where."""
