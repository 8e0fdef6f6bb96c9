"""Results kept as they are measured, until their file is written: a kill costs one at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from ..core.distributed import by_main, workers
from ..core.files import append_json, write_text
from .protocols import Protocol
from .result import Provenance, Result
from .result_file import from_entry, to_entry

FILE_NAME = "unfinished.jsonl"


class ResultCache:
    """The results of an evaluation under way, by all that they depend on.

    A result is taken from the file only if it was made by this version, by the same protocol with
    the same constants, of the same data, settings and weights; otherwise it is measured.

    Args:
        path: The file, which need not exist; None to keep nothing.
        shared: A file for results that depend on the data alone, for other runs to take; `path` if
            None.
    """

    def __init__(self, path: Path | None = None, shared: Path | None = None) -> None:
        self.path, self.shared = path, shared or path
        self._used: set[str] = set()
        self._known = by_main(
            lambda: {key: entry for file in (path, shared) if file for key, entry in _read(file)}
        )
        self._settings: Mapping[str, Any] = {}
        self._networks: dict[str, str] = {}
        self._device = "cpu"

    def turn_to(
        self, settings: Mapping[str, Any], networks: Mapping[str, nn.Module], device: str
    ) -> None:
        """Sets what results depend on: a run's settings and framing, its networks, the device."""
        self._settings, self._device = settings, device
        self._networks = {kind: _fingerprint(module) for kind, module in networks.items()}

    def result(
        self,
        protocol: Protocol,
        name: str,
        weights: str | None,
        provenance: Provenance,
        measure: Callable[[], Result],
        *,
        of_data: bool = False,
        **also: str,
    ) -> Result:
        """The result of a subject, which is known, or is measured now and kept.

        Baselines have no kind of weights, because the settings determine them; with `of_data` they
        depend on the data alone. `also` is what else a result depends on.
        """
        if self.path is None or self.shared is None:
            return measure()
        depends_on = {
            "versions": dict(provenance.versions),
            "device": self._device,
            "data": provenance.data.sha256,
            "config": None if of_data else self._settings,
            "protocol": protocol.name,
            "constants": dict(protocol.constants),
            "subject": name,
            "networks": weights and [weights, self._networks[weights]],
            **also,
        }
        key = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
        self._used.add(key)
        if key in self._known:
            try:
                return from_entry(self._known[key], protocol.record, provenance)
            except (KeyError, TypeError, ValidationError):
                pass  # measured again
        found = measure()
        self._known[key] = to_entry(found)
        if workers().is_main:
            line = {"key": key, "entry": self._known[key]}
            append_json(self.shared if of_data else self.path, line)
        return found

    def forget(self) -> None:
        """Drops what was asked for, since it is written; other results stay."""
        if self.path is None or not workers().is_main:
            return
        left = [line for line in _read(self.path) if line[0] not in self._used]
        if left:
            lines = [json.dumps({"key": key, "entry": entry}) + "\n" for key, entry in left]
            write_text(self.path, "".join(lines))
        else:
            self.path.unlink(missing_ok=True)


def _fingerprint(module: nn.Module) -> str:
    """The SHA-256 of all that a module would save."""
    total = hashlib.sha256()
    for name, value in module.state_dict().items():
        total.update(name.encode())
        total.update(value.detach().cpu().numpy().tobytes())
    return total.hexdigest()


def _read(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The keys and entries of a file; what a kill has torn is left out."""
    found: list[tuple[str, dict[str, Any]]] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            found.append((line["key"], dict(line["entry"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
