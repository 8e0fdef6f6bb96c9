"""A run against the protocols: its layers and samples beside what they are to be compared with."""

from .feature_sets import BASELINES, EACH, Baseline, FeatureSet, Tell
from .runner import evaluate, evaluate_baselines, evaluate_curve

__all__ = [
    "BASELINES",
    "EACH",
    "Baseline",
    "FeatureSet",
    "Tell",
    "evaluate",
    "evaluate_baselines",
    "evaluate_curve",
]
