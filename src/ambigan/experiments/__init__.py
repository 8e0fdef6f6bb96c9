"""Experiments: grids of runs and seeds that are trained, measured and shown in one table.

The catalogue's modules hold data alone; importing one registers its experiments.
"""

from . import bigan_table1, bigbigan, sao  # noqa: F401  # bigbigan imports sao, so sao is listed first
from .experiment import EXPERIMENTS, Experiment, RunSpec, register_experiment
from .planning import default_folder
from .runner import reproduce

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "RunSpec",
    "default_folder",
    "register_experiment",
    "reproduce",
]
