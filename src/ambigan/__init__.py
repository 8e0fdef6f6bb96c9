"""Representations of unlabelled data, learned with adversarial games.

`import ambigan` is light: torch is imported when a name that needs it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.errors import AmbiganError, CheckpointError, ConfigError, DataError, NonFiniteError
from .core.version import __version__

__all__ = [
    "AmbiganError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EvaluationConfig",
    "NonFiniteError",
    "Run",
    "__version__",
    "evaluate",
    "load",
    "make_config",
    "train",
]


if TYPE_CHECKING:
    from .configuration import make_config
    from .run import Run, load
    from .run_evaluation import EvaluationConfig, evaluate
    from .training import train


def __getattr__(name: str) -> Any:
    if name in ("Run", "load"):
        from . import run as artifacts

        return getattr(artifacts, name)
    if name in ("EvaluationConfig", "evaluate"):
        from . import run_evaluation

        return getattr(run_evaluation, name)
    if name == "make_config":
        from .configuration import make_config

        return make_config
    if name == "train":
        from .training import train

        return train
    raise AttributeError(f"module 'ambigan' has no attribute '{name}'")
