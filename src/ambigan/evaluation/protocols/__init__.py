"""Protocols by name. A name pins every constant; a changed constant is a new name."""

# Importing a module registers its protocols, in the order in which they are measured and shown.
from . import neighbors, classifiers, reconstruction, clustering, samples  # isort: skip
from .registry import (
    ACCURACY,
    PROTOCOLS,
    Measurement,
    Protocol,
    Scores,
    Task,
    accuracy_of,
    classify,
    find_protocol,
    register_protocol,
)

MODULES = (neighbors, classifiers, reconstruction, clustering, samples)
"""The modules of the package's own protocols."""

__all__ = [
    "ACCURACY",
    "PROTOCOLS",
    "Measurement",
    "Protocol",
    "Scores",
    "Task",
    "accuracy_of",
    "classify",
    "find_protocol",
    "register_protocol",
]
