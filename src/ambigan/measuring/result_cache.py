"""Rows as they are measured, kept until their records are written: a kill costs one row at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.files import append_json, write_text
from ..core.version import __version__
from ..data import Dataset
from ..evaluation.protocols import Protocol
from ..evaluation.results import ResultRow, libraries
from ..run import Run, Weights

FILE_NAME = "unfinished.jsonl"


class ResultCache:
    """The rows that an evaluation has come to, by all that they depend on.

    A row is taken from the file only if it was made by this version, by the same protocol with the
    same constants, of the same data, settings and weights; else it is measured.

    Args:
        path: of the file; it need not be there. None keeps nothing.
        shared: a file that rows of data alone go to, for other runs to take; `path` if None.
    """

    def __init__(self, path: Path | None = None, shared: Path | None = None) -> None:
        self.path, self.shared = path, shared or path
        self._used: set[str] = set()
        self._known = {key: row for file in (path, shared) if file for key, row in _read(file)}
        self._about: dict[str, Any] = {}
        self._config: dict[str, Any] = {}
        self._networks: dict[Weights, str] = {}

    def turn_to(self, runs: Sequence[Run], dataset: Dataset) -> None:
        """Says whose networks are measured next, and on what."""
        self._about = _about(runs[0], dataset)
        self._config = runs[0].config.to_json()
        self._networks = {run.weights: weights_fingerprint(run.method) for run in runs}

    def row(
        self,
        protocol: Protocol,
        name: str,
        weights: Weights | None,
        measure: Callable[[], ResultRow],
        *,
        of_data: bool = False,
        **also: str,
    ) -> ResultRow:
        """A row that is known, or is measured now and kept.

        Args:
            protocol: that is followed.
            name: of the row in its table.
            weights: of which networks; None for a baseline, which the settings determine.
            measure: makes the row.
            of_data: the row is of the data alone, whatever the run's settings.
            also: whatever else it depends on.
        """
        if self.path is None or self.shared is None:
            return measure()
        about = {
            **self._about,
            "config": None if of_data else self._config,
            "protocol": protocol.name,
            "constants": dict(protocol.constants),
            "row": name,
            "networks": weights and [weights, self._networks[weights]],
            **also,
        }
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self._used.add(key)
        if key not in self._known:
            self._known[key] = measure()
            append_json(
                self.shared if of_data else self.path, {"key": key, "row": self._known[key]}
            )
        return self._known[key]

    def forget(self) -> None:
        """Drops the rows that were asked for, since they stand in their records; others stay."""
        if self.path is None:
            return
        left = [line for line in _read(self.path) if line[0] not in self._used]
        if left:
            lines = [json.dumps({"key": key, "row": row}) + "\n" for key, row in left]
            write_text(self.path, "".join(lines))
        else:
            self.path.unlink(missing_ok=True)


def weights_fingerprint(module: nn.Module) -> str:
    """The SHA-256 of all that a module would save."""
    total = hashlib.sha256()
    for name, value in module.state_dict().items():
        total.update(name.encode())
        total.update(value.detach().cpu().numpy().tobytes())
    return total.hexdigest()


def _about(run: Run, dataset: Dataset) -> dict[str, Any]:
    """What all rows depend on, beside a run's settings."""
    return {
        "version": __version__,
        "torch": str(torch.__version__),
        "libraries": libraries(),
        "device": run.device.type,
        "data": dataset.sha256,
    }


def _read(path: Path) -> list[tuple[str, ResultRow]]:
    """The keys and rows of a file; what a kill has torn is left out."""
    found: list[tuple[str, ResultRow]] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            if "kind" in line["row"]:
                found.append((line["key"], dict(line["row"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
