"""Has the shapes of tensors checked wherever a function of these modules says what they are.

Imported before anything of the package, since it changes how its modules are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

CHECKED_MODULES = (
    "ambigan.evaluation.classifiers.label_subsets",
    "ambigan.evaluation.metrics",
    "ambigan.networks.heads",
    "ambigan.objectives",
    "ambigan.priors",
)

_check: Callable[..., Any] = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check_types(function: Callable[..., Any]) -> Callable[..., Any]:
    """Checks arguments and results by beartype; an int may stand for a float."""
    return _check(function)


install_import_hook(CHECKED_MODULES, "shape_checks.check_types")
