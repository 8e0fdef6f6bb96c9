"""Packages that are installed with an extra of this one, and imported where they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import ConfigError


def import_extra(module: str, extra: str, what: str, otherwise: str = "") -> Any:
    """Imports a module of a package that comes with an extra.

    Args:
        module: Name of the module.
        extra: Name of the extra.
        what: What needs it, as the message begins, such as `train.wandb`.
        otherwise: What else helps, as the message ends, such as `or leave out --index faiss`.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        ending = f", {otherwise}" if otherwise else ""
        raise ConfigError(
            f"{what} needs the extra: pip install 'ambigan[{extra}]'{ending}."
        ) from error
