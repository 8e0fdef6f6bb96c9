"""Where results come from: the data, the versions of libraries and the hardware."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ConfigError
from ..core.version import __version__
from ..data.dataset import Dataset
from .result import DataRecord, Result

SCORING_LIBRARIES = ("numpy", "scikit-learn", "scipy", "torch-fidelity")
"""Libraries on which scores depend, besides torch."""


def data_record(dataset: Dataset) -> DataRecord:
    """A data set as results name it."""
    return DataRecord(dataset.name, dataset.sha256, len(dataset.train), len(dataset.test))


def versions() -> dict[str, str]:
    """Versions of ambigan, torch and the libraries on which scores depend."""
    libraries = {name: version(name) for name in SCORING_LIBRARIES}
    return {"ambigan": __version__, "torch": str(torch.__version__), **libraries}


def hardware(device: torch.device | str = "cpu") -> dict[str, Any]:
    """The processor, the cores this process may use, and the GPU if it is measured on."""
    on_gpu = torch.device(device).type == "cuda"
    can_ask = hasattr(os, "sched_getaffinity")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if can_ask else os.cpu_count(),
        "gpu": torch.cuda.get_device_name(device) if on_gpu else None,
    }


def check_comparable(a: Result, b: Result) -> None:
    """Refuses to let two results stand in one column.

    Raises:
        ConfigError: Their protocols, its constants or their data differ.
    """
    remedy = ""
    if a.protocol.name != b.protocol.name:
        first, second = f"measured by {a.protocol.name}", f"by {b.protocol.name}"
    elif a.protocol.constants != b.protocol.constants:
        first, second = _constants(a), _constants(b)
    elif (ours := a.provenance.data).sha256 != (theirs := b.provenance.data).sha256:
        first, second = (f"of {data.name} {data.sha256[:12]}" for data in (ours, theirs))
        remedy = "; take the same data with the same split"
    else:
        return
    raise ConfigError(
        f"{_name(a)} and {_name(b)} cannot stand in one column: the one is {first}, the other"
        f" {second}{remedy}."
    )


def _constants(result: Result) -> str:
    used = result.provenance.versions.get("ambigan", "of an unknown version")
    return f"under {dict(result.protocol.constants)} (ambigan {used})"


def _name(result: Result) -> str:
    method, preset = result.provenance.method or "a baseline", result.provenance.preset
    return f"{method} ({preset})" if preset else method


def _processor() -> str:
    """The model's name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = list[str]()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
