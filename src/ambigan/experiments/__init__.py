"""Experiments: grids of runs and seeds that are trained, measured and shown in one table.

The catalogue's modules hold data alone; importing one registers its experiments.
"""

from . import bigan_table1, bigbigan, sao
from .experiment import EXPERIMENTS, Experiment, RunSpec, register_experiment
from .planning import default_folder
from .runner import reproduce
from .suites import SUITES, Suite, register_suite, reproduce_suite

CATALOGUE = (bigan_table1, bigbigan, sao)
"""The modules of the package's own experiments; they are listed as they are imported: bigbigan
imports sao, whose experiments come before its own."""

__all__ = [
    "EXPERIMENTS",
    "SUITES",
    "Experiment",
    "RunSpec",
    "Suite",
    "default_folder",
    "register_experiment",
    "register_suite",
    "reproduce",
    "reproduce_suite",
]
