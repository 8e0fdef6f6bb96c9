"""Protocols by name. A name pins every constant; a changed constant is a new name."""

from importlib import import_module

from .registry import (
    ACCURACY,
    OF_FEATURES,
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

__all__ = [
    "ACCURACY",
    "OF_FEATURES",
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

# Importing a module registers its protocols, in the order in which they are measured and shown.
for _module in (
    "neighbors",
    "classifiers",
    "few_labels",
    "regression",
    "reconstruction",
    "clustering",
    "samples",
):
    import_module(f".{_module}", __name__)
