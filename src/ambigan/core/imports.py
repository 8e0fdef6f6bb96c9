"""Imports of packages that may be missing, and of torchvision where it does not fit torch."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, cast

import torch

from .errors import ConfigError

# Operators live as long as the Library that declared them: dropped, they would vanish again.
_declared: list[torch.library.Library] = []

_MISSING = "operator torchvision::nms does not exist"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


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
        return importlib.import_module(module)
    except ImportError as error:
        ending = f", {otherwise}" if otherwise else ""
        raise ConfigError(
            f"{what} needs the extra: pip install 'ambigan[{extra}]'{ending}."
        ) from error


def import_torchvision(submodule: str = "") -> ModuleType:
    """Imports torchvision, or one of its submodules such as `datasets`.

    The wheels of torchvision on the package index are built for CUDA. With a CPU build of torch
    their compiled extension does not load, and the whole package fails to import, because two of
    its files describe the operators `nms` and `qnms` to torch, which only that extension would have
    declared. Data sets and transforms are pure Python and need none of it. So on exactly this
    failure the two schemas are declared here, without an implementation, and the import is
    repeated. A call to a compiled operator (box suppression, ROI pooling) still fails, as it
    should.
    """
    name = f"torchvision.{submodule}" if submodule else "torchvision"
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if _MISSING not in str(error) or _declared:
            raise
    _declare_operators()
    # After a failed import Python keeps the submodules that did load, which refer to the broken
    # package.
    for loaded in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
        del sys.modules[loaded]
    return importlib.import_module(name)


def _declare_operators() -> None:
    """Declares the schemas that the compiled extension would have declared."""
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        cast(Any, library).define(schema)  # torch leaves its argument without a type
    _declared.append(library)
