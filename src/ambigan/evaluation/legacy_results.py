"""Results of files without a schema: dictionaries of rows, as ambigan wrote them at first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .protocols import PROTOCOLS
from .protocols.registry import warnings_of
from .result import DataRecord, Metric, ProtocolRecord, Provenance, Result, Subject, wilson_interval

_CHOSEN = {"k": "k", "metric": "metric", "c": "C", "l2": "L2", "num_labels": "labels"}
"""Columns that held a constant chosen on held-out examples, and what it is called now."""

_SUBJECT = ("features", "kind", "weights", "dim", "space", "num")
_NOTES = ("converged", "at_grid_end", "images_seen", "seconds")
_TRANSFER = ("frozen", "layers", "start", "iterations")


@dataclass(frozen=True)
class LegacyRecord:
    """A record as the file holds it; a curve has `points` where others have `rows`."""

    protocol: str
    data: DataRecord
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    points: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    summary: str = ""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    source: str | None = None
    method: str | None = None
    preset: str | None = None
    images_seen: int | None = None
    version: str = "before 0.1"
    torch: str = ""
    libraries: dict[str, str] = field(default_factory=dict[str, str])
    hardware: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: dict[str, Any] = field(default_factory=dict[str, Any])


def results_of_legacy(record: LegacyRecord) -> list[Result]:
    """The results of a record, one for each row or point.

    Numbers become metrics, by the table of declared ones where it knows the column, and anything
    else details. Accuracies get the interval that the number of test examples gives them.

    Raises:
        KeyError: A row does not say what was measured.
    """
    known = {metric.name: metric for each in PROTOCOLS.values() for metric in each.metrics}
    known["train_accuracy"] = Metric("train_accuracy", "training accuracy", unit="%")
    constants = {name: value for name, value in record.settings.items() if name != "views"}
    protocol = ProtocolRecord(
        record.protocol,
        record.summary,
        constants,
        record.source or "",
        record.settings.get("views") or {},
    )
    asked = {("reference_features" if k == "space" else k): v for k, v in record.asked.items()}
    provenance = Provenance(
        record.method,
        record.preset,
        None,
        record.images_seen,
        record.data,
        record.data,
        {"ambigan": record.version, "torch": record.torch, **record.libraries},
        record.hardware,
        asked,
    )
    results: list[Result] = []
    for row in (*record.rows, *record.points):
        name, kind = str(row["features"]), row.get("kind", "baseline")
        if kind == "baseline" and name.startswith("random "):
            kind = "untrained"
        metrics: list[Metric] = []
        details: dict[str, Any] = {"chosen": {}, "warnings": []}
        for column, value in row.items():
            if column in _CHOSEN:
                details["chosen"][_CHOSEN[column]] = value
            elif column in (*_SUBJECT, *_NOTES) or (value is None and column in known):
                continue
            elif isinstance(value, (int, float)) and column not in _TRANSFER:
                metric = known.get(column, Metric(column, column.replace("_", " ")))
                interval = None
                if column == "accuracy":
                    interval = wilson_interval(value, record.data.num_test)
                metrics.append(replace(metric, value=value, interval=interval))
            else:
                details[column] = value
        details["warnings"] = warnings_of(
            converged=row.get("converged", True), at_grid_end=row.get("at_grid_end", False)
        )
        order = {metric: place for place, metric in enumerate(known)}  # headlines first
        metrics.sort(key=lambda metric: order.get(metric.name, len(order)))
        dim, num, weights = row.get("dim"), row.get("num"), row.get("weights")
        subject = Subject(name, kind, weights, dim, row.get("space"), num)
        seen = replace(provenance, images_seen=row.get("images_seen", record.images_seen))
        seconds = float(row.get("seconds", 0.0))
        results.append(Result(protocol, subject, tuple(metrics), seen, seconds, details))
    return results
