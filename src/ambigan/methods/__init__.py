"""Methods by name: those of the package, and any class outside it as `module:Class`."""

from __future__ import annotations

import importlib
import sys

from ..core.errors import ConfigError, unknown_name
from ..game import Method
from .autoencoder import Autoencoder
from .bigan import BiGAN
from .bigbigan import BigBiGAN
from .gan import GAN
from .latent_regressor import LatentRegressor
from .simclr import SimCLR
from .structural import Structural

METHODS: dict[str, type[Method]] = {
    "gan": GAN,
    "bigan": BiGAN,
    "latent_regressor": LatentRegressor,
    "autoencoder": Autoencoder,
    "bigbigan": BigBiGAN,
    "structural": Structural,
    "simclr": SimCLR,
}


def is_external(name: str) -> bool:
    """Whether a method's name points outside the package."""
    return ":" in name


def find_method(name: str) -> type[Method]:
    """The class of a method.

    Args:
        name: one of `METHODS`, or `module:Class`, imported from the current folder or the path.

    Raises:
        ConfigError: there is no such method, module or class, or the class is no `Method`.
    """
    if not is_external(name):
        if name not in METHODS:
            raise unknown_name("method", name, METHODS)
        return METHODS[name]
    module_name, _, class_name = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise ConfigError(f"method '{name}' is not of the form module:Class, such as mine:MyGAN.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"method '{name}': no module '{error.name}' in the current folder or on the path."
        ) from error
    except Exception as error:  # the module is the user's; it may fail in any way
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(f"method '{name}': importing {module_name} failed: {reason}") from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise ConfigError(f"method '{name}': {module_name} has no Method class '{class_name}'.")
    return found
