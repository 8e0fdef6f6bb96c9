"""Means over seeds, the machines they were measured on, and both as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from statistics import mean, stdev
from typing import Any


@dataclass(frozen=True)
class Value:
    """A mean over seeds.

    Attributes:
        mean: of them.
        deviation: of the sample; None for one seed.
        num: seeds.
    """

    mean: float
    deviation: float | None
    num: int

    def text(self, digits: int = 2) -> str:
        """Such as `97.39` or `97.39 ± 0.08`; small numbers of seconds keep a digit."""
        digits = max(digits, 1) if abs(self.mean) < 10 else digits
        spread = "" if self.deviation is None else f" ± {self.deviation:,.{digits}f}"
        return f"{self.mean:,.{digits}f}{spread}"


def value_of(values: Sequence[float]) -> Value:
    """Mean and deviation of one value or more; neither is a number if one of them is none."""
    if not all(map(isfinite, values)):
        return Value(nan, nan if len(values) > 1 else None, len(values))
    return Value(mean(values), stdev(values) if len(values) > 1 else None, len(values))


def markdown_grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def machines(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was measured on, each once; of records, or of results that hold their `hardware`."""
    return list(dict.fromkeys(_machine(record) for record in records))


def _machine(record: Mapping[str, Any]) -> str:
    hardware = record["hardware"]
    cores = "1 core" if hardware["cores"] == 1 else f"{hardware['cores']} cores"
    where = hardware["gpu"] or f"{cores} of {hardware['processor']}"
    return f"{where}, torch {record['torch']}"
