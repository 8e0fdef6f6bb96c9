"""Summaries that were written before, for pages of results whose runs' folders are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..core.errors import CheckpointError
from ..core.files import read_if_whole
from ..evaluation.legacy_results import LegacyRecord, results_of_legacy
from ..evaluation.result import SCHEMA, DataRecord, Result
from .experiment import Experiment
from .run_records import RECONSTRUCTION, Cost, RunResult

RUNS = TypeAdapter(tuple[RunResult, ...])
RESULTS = TypeAdapter(tuple[Result, ...])
_Kept = tuple[Sequence[RunResult], tuple[Result, ...], Sequence[str]]


def read_summary(experiment: Experiment, out: Path) -> _Kept:
    """What `NAME.json` of a folder holds, or `table.json` of version 1; nothing without them.

    Returns:
        Its finished runs, its baselines, and what was changed of the experiment's own settings.

    Raises:
        CheckpointError: The file is damaged.
    """
    path = out / f"{experiment.name}.json"
    kept, old = read_if_whole(path), read_if_whole(out / "table.json")
    costs = read_if_whole(out / f"{experiment.name}-cost.json").get("runs", [])
    try:
        if kept.get("schema") == SCHEMA:
            runs = RUNS.validate_python(kept["runs"])
            baselines = RESULTS.validate_python(kept["baselines"])
            return _with_costs(runs, costs), baselines, kept["changed"]
        if old.get("table") == experiment.name:
            path = out / "table.json"
            return _read_table(old, out)
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    return [], (), []


def _read_table(table: Mapping[str, Any], out: Path) -> _Kept:
    """A table of version 1 from `table.json`, `cost.json` and `plan.json`."""
    cells = read_if_whole(out / "cost.json").get("cells", [])
    costs = [{**cell, "name": cell["column"]} for cell in cells]
    changes: Mapping[str, Any] = read_if_whole(out / "plan.json").get("changes", {})
    runs = [_run_of_cell(table, cell) for cell in table["cells"]]
    rows = [_row(name, "baseline", accuracy=value) for name, value in table["baselines"].items()]
    baselines = _results(table, table["cells"][0], table["protocol"], rows)
    changed = [f"{name} {value}" for name, value in changes.items()]
    return _with_costs(runs, costs), baselines, changed


def _run_of_cell(table: Mapping[str, Any], cell: Mapping[str, Any]) -> RunResult:
    layer, accuracy = cell["features"], dict(cell["accuracy"])
    untrained = accuracy.pop("random")
    rows = [_row(layer, "model", weights, accuracy=value) for weights, value in accuracy.items()]
    rows.append(_row(f"random {layer}", "baseline", accuracy=untrained))
    ratios: dict[str, float] = cell["reconstruction_ratio"] or {}
    drawn = [_row("reconstruction", "model", kind, ratio_real=x) for kind, x in ratios.items()]
    return RunResult(
        name=cell["column"],
        preset=cell["preset"],
        seed=cell["seed"],
        epochs=cell["epochs"],
        images=cell["images_seen"],
        precision=cell["precision"],
        results=_results(table, cell, table["protocol"], rows)
        + _results(table, cell, RECONSTRUCTION, drawn),
    )


def _row(features: str, kind: str, weights: str | None = None, **scores: float) -> dict[str, Any]:
    return {"features": features, "kind": kind, "weights": weights, **scores}


def _results(
    table: Mapping[str, Any], cell: Mapping[str, Any], protocol: str, rows: list[dict[str, Any]]
) -> tuple[Result, ...]:
    """Rows as results, with what a cell tells of the machine and the data."""
    record = LegacyRecord(
        protocol,
        DataRecord(**cell["data"]),
        rows,
        preset=cell["preset"],
        images_seen=cell["images_seen"],
        version=table["ambigan"],
        torch=cell["torch"],
        hardware=cell["hardware"],
    )
    return tuple(results_of_legacy(record))


def _with_costs(runs: Sequence[RunResult], costs: Sequence[Mapping[str, Any]]) -> list[RunResult]:
    numbers = ("training_seconds", "images_per_second", "measuring_seconds")
    by_run = {
        (cost["name"], cost["preset"], cost["seed"]): Cost(*(cost[name] for name in numbers))
        for cost in costs
    }
    return [replace(run, cost=by_run.get(run.key, run.cost)) for run in runs]
