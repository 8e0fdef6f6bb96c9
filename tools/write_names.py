"""Writes `names.json`, by which the command line knows all names: `python tools/write_names.py`."""

from __future__ import annotations

import json
from typing import Any

from ambigan.cli.collect_names import collect_names
from ambigan.cli.names import FILE
from ambigan.methods import METHODS

LEVELS = {"methods": 3, "classes": 2, "bases": 1, "experiments": 1}
"""Levels of each part that are written an entry a line, so that changes are seen: down to a preset
or a field."""


def as_text(names: dict[str, Any]) -> str:
    """The file's text."""
    parts = [
        f" {json.dumps(name)}: {_dumped(part, LEVELS.get(name, 0), ' ')}"
        for name, part in names.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _dumped(value: Any, levels: int, indent: str) -> str:
    if not levels or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + " "
    lines = [f"{inner}{json.dumps(k)}: {_dumped(v, levels - 1, inner)}" for k, v in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + indent + "}"


if __name__ == "__main__":
    FILE.write_text(as_text(collect_names(METHODS)), encoding="utf-8")
