"""A run against the protocols: its layers and samples beside what they are to be compared with."""

from .candidates import BASELINES, EACH, Baseline, Candidate, Tell
from .evaluating import evaluate, evaluate_baselines, evaluate_curve

__all__ = [
    "BASELINES",
    "EACH",
    "Baseline",
    "Candidate",
    "Tell",
    "evaluate",
    "evaluate_baselines",
    "evaluate_curve",
]
