"""Whether a method keeps the contract of docs/design.md, checked at toy size in seconds.

`check_method(cls)` runs every check of `checks` on a method of one's own, as scikit-learn's
`check_estimator` does on an estimator. The tests of the package run the same checks on its own.
"""

from __future__ import annotations

from typing import Any

import torch

from ..core.data_spec import DataSpec
from ..core.errors import AmbiganError, ConfigError
from ..core.randomness import torch_seed
from ..core.settings import checked
from ..game import Method
from ..methods.registry import check_class
from .checks import CHECKS, ContractError
from .method_under_test import BATCH_SIZE, SPEC, MethodUnderTest, converge_spectral_norms

__all__ = ["CHECKS", "SPEC", "ContractError", "MethodUnderTest", "check_method"]


def check_method(
    cls: type[Method], settings: Any = None, *, spec: DataSpec = SPEC, rows: int = BATCH_SIZE
) -> None:
    """Checks that a method keeps the contract; the first fault is raised.

    That two processes equal one (invariant 3) is not checked, since it takes two processes.

    Args:
        cls: The method's class, decorated or not.
        settings: Its settings, best small ones; the defaults if None.
        spec: The form of the data; images of 8x8 by default.
        rows: Examples in a batch.

    Raises:
        ContractError: An invariant is broken.
    """
    try:
        check_class(cls)
        settings = cls.Settings() if settings is None else checked(settings, "settings.")
        with torch.device("meta"):  # as training does first, to count what memory it needs
            cls(settings, spec)
    except AmbiganError as error:
        raise ContractError(f"parts: {error}") from error
    except Exception as error:
        raise _failed("parts", cls.__name__, error) from error

    def make() -> Method:
        with torch_seed(0):
            method = cls(settings, spec)
        converge_spectral_norms(method)
        return method

    subject = MethodUnderTest(make, rows)
    for name, check in CHECKS.items():
        try:
            check(subject)
        except (ContractError, ConfigError) as error:
            raise ContractError(f"{name}: {error}") from error
        except Exception as error:  # the method's code may fail in any way
            raise _failed(name, cls.__name__, error) from error


def _failed(check: str, name: str, error: Exception) -> ContractError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ContractError(f"{check}: {name} fails with {reason}")
