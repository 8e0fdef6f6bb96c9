"""Methods, one paper a file; every module of this folder registers its own by a decorator."""

from importlib import import_module
from pkgutil import iter_modules

from .registry import (
    METHODS,
    check_game,
    check_losses,
    find_method,
    is_external,
    origin_of_method,
    register_method,
    registered_name,
)

__all__ = [
    "METHODS",
    "check_game",
    "check_losses",
    "find_method",
    "is_external",
    "origin_of_method",
    "register_method",
    "registered_name",
]

for _module in iter_modules(__path__):
    import_module(f".{_module.name}", __name__)
