"""Summaries that were written before, for pages of results whose runs' folders are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..core.errors import CheckpointError
from ..core.files import read_if_whole
from ..evaluation.result import SCHEMA, Result
from .experiment import Experiment
from .old_records import result_of_row
from .run_records import RECONSTRUCTION, Cost, RunResult

_RUNS = TypeAdapter(tuple[RunResult, ...])


@dataclass(frozen=True)
class KeptSummary:
    """What a file holds of an experiment.

    Attributes:
        runs: The runs that were done.
        baselines: What needs no training, where the file has it.
        changed: What was changed of the experiment's own settings.
    """

    runs: Sequence[RunResult] = ()
    baselines: tuple[Result, ...] = ()
    changed: Sequence[str] = ()


def read_summary(experiment: Experiment, out: Path) -> KeptSummary:
    """What `NAME.json` of a folder holds, or `table.json` of version 1; nothing without them.

    Raises:
        CheckpointError: The file is damaged.
    """
    path = out / f"{experiment.name}.json"
    kept, old = read_if_whole(path), read_if_whole(out / "table.json")
    costs = read_if_whole(out / f"{experiment.name}-cost.json").get("runs", [])
    try:
        if kept.get("schema") == SCHEMA:
            runs = _RUNS.validate_python(kept["runs"])
            return KeptSummary(_with_costs(runs, costs), changed=kept["changed"])
        if old.get("table") == experiment.name:
            path = out / "table.json"
            return _read_table(old, out)
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    return KeptSummary()


def _read_table(table: Mapping[str, Any], out: Path) -> KeptSummary:
    """A table of version 1 from `table.json`, `cost.json` and `plan.json`."""
    costs = [
        {"name": cost.pop("column"), **cost}
        for cost in read_if_whole(out / "cost.json").get("cells", [])
    ]
    changes: Mapping[str, Any] = read_if_whole(out / "plan.json").get("changes", {})
    runs = [_run_of_cell(table, cell) for cell in table["cells"]]
    about = _about(table, table["cells"][0], "baselines")
    baselines = tuple(
        result_of_row(about, _row(name, "baseline", None, accuracy=value))
        for name, value in table["baselines"].items()
    )
    changed = [f"{name} {value}" for name, value in changes.items()]
    return KeptSummary(_with_costs(runs, costs), baselines, changed)


def _run_of_cell(table: Mapping[str, Any], cell: Mapping[str, Any]) -> RunResult:
    about = _about(table, cell, cell["column"])
    rows = {
        weights: _row(cell["features"], "model", weights, accuracy=value)
        if weights != "random"
        else _row(f"random {cell['features']}", "baseline", None, accuracy=value)
        for weights, value in cell["accuracy"].items()
    }
    results = [result_of_row(about, row) for row in rows.values()]
    for weights, ratio in (cell["reconstruction_ratio"] or {}).items():
        row = _row("reconstruction", "model", weights, ratio_real=ratio)
        results.append(result_of_row(about | {"protocol": RECONSTRUCTION}, row))
    return RunResult(
        name=cell["column"],
        preset=cell["preset"],
        seed=cell["seed"],
        epochs=cell["epochs"],
        images=cell["images_seen"],
        precision=cell["precision"],
        results=tuple(results),
    )


def _about(table: Mapping[str, Any], cell: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The head of a record of version 1, which the cells of a table share."""
    return {
        "protocol": table["protocol"],
        "settings": {},
        "method": method,
        "preset": cell["preset"],
        "version": table["ambigan"],
        **{name: cell[name] for name in ("images_seen", "data", "torch", "hardware")},
    }


def _row(features: str, kind: str, weights: str | None, **scores: float) -> dict[str, Any]:
    return {"features": features, "kind": kind, "weights": weights, "seconds": 0.0, **scores}


def _with_costs(runs: Sequence[RunResult], costs: Sequence[Mapping[str, Any]]) -> list[RunResult]:
    by_run = {
        (cost["name"], cost["preset"], cost["seed"]): Cost(
            cost["training_seconds"], cost["images_per_second"], cost["measuring_seconds"]
        )
        for cost in costs
    }
    keys = [(run.name, run.preset, run.seed) for run in runs]
    return [
        replace(run, cost=by_run.get(key, run.cost)) for key, run in zip(keys, runs, strict=True)
    ]
