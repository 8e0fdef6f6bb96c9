"""Suites: the same question asked of several sets of data, one experiment for each."""

from . import value
from .comparison import Comparison
from .runner import reproduce_suite
from .suite import SUITES, Suite, SuiteSet, SuiteTask, register_suite

OWN_SUITES = (value,)
"""The modules of the package's own suites."""

__all__ = [
    "SUITES",
    "Comparison",
    "Suite",
    "SuiteSet",
    "SuiteTask",
    "register_suite",
    "reproduce_suite",
]
