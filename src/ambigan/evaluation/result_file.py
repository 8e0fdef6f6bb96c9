"""The one writer and the one reader of results, and results as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..core.errors import CheckpointError
from ..core.files import read_json, write_json
from .legacy_results import LegacyRecord, results_of_legacy
from .result import SCHEMA, Metric, ProtocolRecord, Provenance, Result, Subject

CURVE = "curve-"
"""The beginning of the names of files that hold a run's checkpoints, point by point."""

_PARTS = {
    "subject": TypeAdapter(Subject),
    "metrics": TypeAdapter(tuple[Metric, ...]),
    "images_seen": TypeAdapter(int | None),
    "seconds": TypeAdapter(float),
    "details": TypeAdapter(dict[str, Any]),
}
_PROTOCOL, _PROVENANCE = TypeAdapter(ProtocolRecord), TypeAdapter(Provenance)
_LEGACY = TypeAdapter(LegacyRecord)


def write_results(path: Path, results: Sequence[Result]) -> None:
    """Writes the results of one protocol atomically; its record and provenance stand once.

    Raises:
        StorageError: The file cannot be written.
    """
    first = results[0]
    seen = first.provenance.images_seen
    alike = {(r.protocol.title, str(replace(r.provenance, images_seen=seen))) for r in results}
    assert len(alike) == 1, "a file holds one protocol on one run"
    provenance = {k: v for k, v in asdict(first.provenance).items() if k != "images_seen"}
    write_json(
        path,
        {
            "schema": SCHEMA,
            "protocol": asdict(first.protocol),
            "provenance": provenance,
            "results": [to_entry(result) for result in results],
        },
    )


def read_results(path: Path) -> list[Result]:
    """The results of a file, of this or an older schema.

    Raises:
        CheckpointError: The file is missing or damaged, holds something else, or was written by a
            later version.
    """
    content = read_json(path)
    schema = content.get("schema", 1)
    try:
        if schema == 1:
            records = [content] if "protocol" in content else list(content.values())
            results = [r for x in records for r in results_of_legacy(_LEGACY.validate_python(x))]
        elif not isinstance(schema, int) or schema > SCHEMA:
            raise CheckpointError(
                f"{path} holds results of schema {schema!r}, and this version reads up to {SCHEMA};"
                " read it with a later version of ambigan."
            )
        else:
            protocol = _PROTOCOL.validate_python(content["protocol"])
            provenance = _PROVENANCE.validate_python({**content["provenance"], "images_seen": None})
            results = [from_entry(entry, protocol, provenance) for entry in content["results"]]
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckpointError(
            f"{path} is damaged or holds no results: {_reason(error)}; delete it and measure again."
        ) from error
    if not results:
        raise CheckpointError(f"{path} holds no results; delete it and measure again.")
    return results


def read_folder(folder: Path, *, curves: bool = False) -> list[list[Result]]:
    """The results of each file of a folder, by name.

    Args:
        folder: A run's `results/`; it need not exist.
        curves: Whether the files of curves over checkpoints are read, or all others.

    Raises:
        CheckpointError: As `read_results`.
    """
    paths = (path for path in sorted(folder.glob("*.json")) if path.is_file())
    return [read_results(path) for path in paths if path.name.startswith(CURVE) == curves]


def read_results_if_whole(path: Path) -> list[Result]:
    """The results of a file; none if it is missing or damaged, so that they are measured again."""
    try:
        return read_results(path)
    except CheckpointError:
        return []


def results_as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Whole results as JSON holds them, each with its protocol and provenance."""
    return [asdict(result) for result in results]


def to_entry(result: Result) -> dict[str, Any]:
    """A result without its protocol and provenance, as JSON holds it."""
    return {
        "subject": asdict(result.subject),
        "images_seen": result.provenance.images_seen,
        "metrics": [asdict(metric) for metric in result.metrics],
        "seconds": result.seconds,
        "details": dict(result.details),
    }


def from_entry(
    entry: Mapping[str, Any], protocol: ProtocolRecord, provenance: Provenance
) -> Result:
    """The result of an entry that `to_entry` made.

    Raises:
        KeyError: A part is missing.
        ValidationError: A part is not of its type.
    """
    parts: dict[str, Any] = {
        name: adapter.validate_python(entry[name]) for name, adapter in _PARTS.items()
    }
    provenance = replace(provenance, images_seen=parts.pop("images_seen"))
    return Result(protocol=protocol, provenance=provenance, **parts)


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__} {error}"
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}" if where else first["msg"]
