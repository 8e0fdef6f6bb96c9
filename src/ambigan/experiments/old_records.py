"""Records of version 1, which are JSON of plain rows, as Results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.files import read_if_whole
from ..evaluation.protocols import PROTOCOLS
from ..evaluation.result import (
    DataRecord,
    Direction,
    Kind,
    Metric,
    ProtocolRecord,
    Provenance,
    Result,
    Subject,
)
from ..evaluation.results import is_whole

_METRICS: dict[str, tuple[str, str, Direction]] = {
    "accuracy": ("accuracy", "%", "higher"),
    "nmi": ("NMI", "%", "higher"),
    "frechet": ("Fréchet", "", "lower"),
    "kid": ("KID", "", "lower"),
    "precision": ("precision", "%", "higher"),
    "recall": ("recall", "%", "higher"),
    "ratio_real": ("reconstruction", "", "lower"),
}
_NEEDED = {
    "labels": ("accuracy", "dim"),
    "sample": ("frechet", "kid", "precision", "recall"),
    "reconstruct": ("ratio_real",),
}
"""Numbers without which a row of a protocol with that need is damaged."""


def read_record(path: Path, lines: str = "rows") -> tuple[Result, ...]:
    """The results in a file; none if it is missing or damaged, for them to be measured again.

    Args:
        path: The file.
        lines: The key of its rows: `rows`, or `points` of a curve.
    """
    return results_of(read_if_whole(path), lines)


def results_of(record: Mapping[str, Any], lines: str = "rows") -> tuple[Result, ...]:
    """The rows of a record; none if it is damaged."""
    protocol = PROTOCOLS.get(str(record.get("protocol")))
    needed = [name for need in protocol.needs for name in _NEEDED.get(need, ())] if protocol else []
    if not is_whole(record, needed, lines):
        return ()
    return tuple(result_of_row(record, row) for row in record[lines])


def read_baselines(out: Path) -> dict[str, dict[str, Any]]:
    """The records of `baselines.json` by protocol, which in version 1 of tables was one record."""
    found = read_if_whole(out / "baselines.json")
    return {str(found["protocol"]): found} if "rows" in found else found


def result_of_row(record: Mapping[str, Any], row: Mapping[str, Any]) -> Result:
    """One row of a record of version 1."""
    name, kind = str(row["features"]), row["kind"]
    if is_untrained := name.startswith("random ") and kind == "baseline":
        name = name.removeprefix("random ")
    kind_of: Kind = "untrained" if is_untrained else kind
    return Result(
        protocol=ProtocolRecord(
            record["protocol"],
            record.get("summary", ""),
            record["settings"],
            record.get("source") or "",
        ),
        subject=Subject(name, kind_of, row["weights"], row.get("dim"), row.get("space")),
        metrics=tuple(
            Metric(key, title, row[key], unit, direction)
            for key, (title, unit, direction) in _METRICS.items()
            if key in row
        ),
        provenance=Provenance(
            method=record["method"],
            preset=record["preset"],
            seed=None,
            images_seen=row.get("images_seen", record.get("images_seen")),
            data=(data := DataRecord(**record["data"])),
            trained_on=data,
            versions={"ambigan": record["version"], "torch": record["torch"]}
            | record.get("libraries", {}),
            hardware=record["hardware"],
        ),
        seconds=row["seconds"],
    )
