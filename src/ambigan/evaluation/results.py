"""Results as plain records, for `results/*.json`, and which of them may share a column."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import NoneType
from typing import Any

import torch

from ..core.errors import ConfigError
from ..core.version import __version__
from ..data.dataset import Dataset
from .features import FeatureFunction, Kind
from .protocols import Protocol

ResultRow = dict[str, Any]
Record = dict[str, Any]

MEASURING = ("numpy", "scikit-learn", "scipy", "torch-fidelity")
"""Libraries on which scores depend."""

HEADLINES = {
    "accuracy": "accuracy",
    "ratio_real": "ratio",
    "map": "map",
    "frechet": "frechet",
    "fid": "fid",
}
"""Which column of the first model row stands for the whole record, and under which name."""

_TEXT_OR_NONE = (str, NoneType)
_RECORD = dict.fromkeys(("protocol", "method", "version", "torch"), str) | {
    "preset": _TEXT_OR_NONE,
    **dict.fromkeys(("settings", "data", "hardware"), dict),
}
_DATA = {"name": str, "sha256": str, "num_train": int, "num_test": int}
_HARDWARE = {"processor": str, "cores": (int, NoneType), "gpu": _TEXT_OR_NONE}
_LINE = {"features": str, "kind": str, "weights": _TEXT_OR_NONE, "seconds": (int, float)}
"""Parts of a record, of what it was measured on, and of a line, with their types."""


def classification_row(
    function: FeatureFunction,
    scores: Mapping[str, Any],
    *,
    dim: int,
    seconds: float,
    weights: str | None = None,
) -> ResultRow:
    """One line of a table of accuracies.

    Args:
        function: what was measured.
        scores: as `run_classification` returns them.
        dim: of the features.
        seconds: for features and protocol together.
        weights: `ema` or `raw`; None for a baseline.
    """
    return {
        "features": function.name,
        "weights": weights,
        "kind": function.kind,
        "dim": dim,
        **scores,
        "seconds": round(seconds, 2),
    }


def generation_row(
    name: str,
    kind: Kind,
    scores: Mapping[str, Any],
    *,
    space: str,
    dim: int,
    num: int,
    seconds: float,
    weights: str | None = None,
) -> ResultRow:
    """One line of a table of distances between samples and data.

    Args:
        name: `samples` of a method, or what stands in for them.
        kind: of the line.
        scores: as `run_generation` returns them.
        space: the features in which they are compared.
        dim: of these.
        num: how many samples.
        seconds: taken.
        weights: `ema` or `raw`; None for a baseline.
    """
    head = {"features": name, "weights": weights, "kind": kind, "space": space, "dim": dim}
    return {**head, "num": num, **scores, "seconds": round(seconds, 2)}


def reconstruction_row(
    name: str,
    kind: Kind,
    errors: Mapping[str, Any],
    *,
    seconds: float,
    weights: str | None = None,
) -> ResultRow:
    """One line of a table of reconstructions.

    Args:
        name: `reconstruction` of a method; of a baseline `pixel mean`, `pca50` or the like.
        kind: of the line.
        errors: as `run_reconstruction` returns them.
        seconds: taken.
        weights: `ema` or `raw`; None for a baseline.
    """
    head = {"features": name, "weights": weights, "kind": kind}
    return {**head, **errors, "seconds": round(seconds, 2)}


def result_record(
    protocol: Protocol,
    rows: Sequence[ResultRow],
    *,
    method: str,
    preset: str | None,
    images_seen: int,
    dataset: Dataset,
    device: torch.device | str = "cpu",
) -> Record:
    """The record of one protocol on one run, ready for JSON.

    Args:
        protocol: that was followed.
        rows: of its table, in order; the first of kind `model` gives the headline.
        method: its name.
        preset: that the run began from.
        images_seen: in training.
        dataset: that was measured.
        device: on which.
    """
    return {
        "protocol": protocol.name,
        "summary": protocol.summary,
        "settings": dict(protocol.constants),
        "source": protocol.source,
        "method": method,
        "preset": preset,
        "images_seen": images_seen,
        "data": {
            "name": dataset.name,
            "sha256": dataset.sha256,
            "num_train": len(dataset.train),
            "num_test": len(dataset.test),
        },
        "version": __version__,
        "torch": str(torch.__version__),
        "libraries": libraries(),
        "hardware": hardware(device),
        **_headline(rows),
        "rows": list(rows),
    }


def without_scores(record: Record) -> Record:
    """What a record says but its rows, its headline and when it was measured."""
    left_out = {"rows", "images_seen", *HEADLINES.values()}
    return {name: value for name, value in record.items() if name not in left_out}


def views_of(record: Record) -> dict[str, Any]:
    """Of views, what a record says it was measured on; nothing for whole pictures."""
    settings: dict[str, Any] = record.get("settings") or {}
    return settings.get("views") or {}


def title_of(record: Record) -> str:
    """The protocol, and the views if there are any."""
    views = views_of(record)
    return f"{record['protocol']}, {views['name']}" if views else str(record["protocol"])


def is_whole(record: Any, columns: Sequence[str] = (), lines: str = "rows") -> bool:
    """Whether a record that was read from a file has what tables take from it.

    Args:
        record: whatever the file held.
        columns: that hold a number in every line.
        lines: the name of the lines: `rows`, or `points` of a curve.
    """
    if not (_holds(record, _RECORD) and isinstance(record.get(lines), list) and record[lines]):
        return False
    numbers = dict.fromkeys(columns, (int, float))
    return (
        _holds(record["data"], _DATA)
        and _holds(record["hardware"], _HARDWARE)
        and all(_holds(line, _LINE | numbers) for line in record[lines])
    )


def is_current(record: Any, protocol: Protocol, columns: Sequence[str] = ()) -> bool:
    """Whether a record is whole, and measured by a protocol as it is now."""
    return is_whole(record, columns) and record["settings"] == dict(protocol.constants)


def same_column(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    """Refuses to let two records stand in one table.

    Raises:
        ConfigError: their protocols, its constants or their data differ.
    """
    if a["protocol"] != b["protocol"]:
        raise _not_comparable(a, b, f"measured by {a['protocol']}", f"by {b['protocol']}")
    if a["settings"] != b["settings"]:
        raise _not_comparable(
            a, b, f"under {a['settings']} (ambigan {a['version']})",
            f"under {b['settings']} (ambigan {b['version']})",
        )  # fmt: skip
    if a["data"]["sha256"] != b["data"]["sha256"]:
        raise _not_comparable(
            a, b, f"of {_data(a)}", f"of {_data(b)}; take the same data with the same split"
        )  # fmt: skip


def libraries() -> dict[str, str]:
    """Versions of what measures beside torch."""
    return {name: version(name) for name in MEASURING}


def hardware(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Processor, the cores this process may use, and the GPU if it is measured on."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "processor": _processor(),
        "cores": _num_cores(),
        "gpu": torch.cuda.get_device_name(device) if on_gpu else None,
    }


def _holds(value: Any, parts: Mapping[str, Any]) -> bool:
    """Whether something is an object with these parts, each of its types."""
    return isinstance(value, dict) and all(
        name in value and isinstance(value[name], kinds)  # pyright: ignore[reportUnknownArgumentType]
        for name, kinds in parts.items()
    )


def _headline(rows: Sequence[ResultRow]) -> dict[str, float | None]:
    for row in rows:
        if row["kind"] == "model":
            return {name: row[column] for column, name in HEADLINES.items() if column in row}
    return {}


def _not_comparable(
    a: Mapping[str, Any], b: Mapping[str, Any], first: str, second: str
) -> ConfigError:
    return ConfigError(
        f"{_name(a)} and {_name(b)} cannot stand in one column: the one is {first}, the other"
        f" {second}."
    )


def _name(record: Mapping[str, Any]) -> str:
    return f"{record['method']} ({record['preset']})" if record["preset"] else record["method"]


def _data(record: Mapping[str, Any]) -> str:
    return f"{record['data']['name']} {record['data']['sha256'][:12]}"


def _num_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _processor() -> str:
    """The model's name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = list[str]()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
