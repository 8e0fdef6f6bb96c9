"""Representations of unlabelled data, learned with adversarial games.

`import ambigan` is light: torch is imported when a name that needs it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .core.errors import AmbiganError, CheckpointError, ConfigError, DataError, NonFiniteError
from .core.plugins import load_plugin
from .core.version import __version__

__all__ = [
    "GAN",
    "AmbiganError",
    "AnomalyDetector",
    "Autoencoder",
    "BiGAN",
    "BigBiGAN",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EvaluationConfig",
    "LatentRegressor",
    "NonFiniteError",
    "Run",
    "Structural",
    "__version__",
    "compare",
    "evaluate",
    "export",
    "fit",
    "load",
    "load_plugin",
    "make_config",
    "push",
    "register_method",
    "register_source",
    "resume",
    "train",
]


if TYPE_CHECKING:
    from .anomaly.detector import AnomalyDetector
    from .comparison import compare
    from .configuration import make_config
    from .data import register_source
    from .estimators import GAN, Autoencoder, BiGAN, BigBiGAN, LatentRegressor, Structural
    from .exporting import export
    from .fitting import fit
    from .hub import push
    from .methods import register_method
    from .model_files import load
    from .run import Run
    from .run_evaluation import EvaluationConfig, evaluate
    from .training import resume, train


# Imported when first used: they import torch, which takes a second.
_HOMES = {
    "AnomalyDetector": "anomaly.detector",
    "Autoencoder": "estimators",
    "BiGAN": "estimators",
    "BigBiGAN": "estimators",
    "EvaluationConfig": "run_evaluation",
    "GAN": "estimators",
    "LatentRegressor": "estimators",
    "Run": "run",
    "Structural": "estimators",
    "compare": "comparison",
    "evaluate": "run_evaluation",
    "export": "exporting",
    "fit": "fitting",
    "load": "model_files",
    "make_config": "configuration",
    "push": "hub",
    "register_method": "methods",
    "register_source": "data",
    "resume": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ambigan' has no attribute '{name}'")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
