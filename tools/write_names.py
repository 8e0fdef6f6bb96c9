"""Writes `names.json`, by which the command line knows all names: `python tools/write_names.py`."""

from __future__ import annotations

import json
from typing import Any

from ambigan.cli.names import FILE
from ambigan.cli.names.collect import collect_names

LEVELS = {"methods": 3, "shared": 1, "tasks": 2, "experiments": 1}
"""Levels of each part that are written an entry a line, so that changes are seen: down to a preset
or a setting."""


def as_text(names: dict[str, Any]) -> str:
    """The file's text."""
    parts = [
        f" {json.dumps(name)}: {_dumped(part, LEVELS.get(name, 0), ' ')}"
        for name, part in names.items()
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _dumped(value: Any, levels: int, indent: str) -> str:
    if not levels or not value:
        return json.dumps(value, ensure_ascii=False)
    inner, opening, closing = indent + " ", *("{}" if isinstance(value, dict) else "[]")
    if isinstance(value, dict):
        lines = [f"{json.dumps(k)}: {_dumped(v, levels - 1, inner)}" for k, v in value.items()]
    else:
        lines = [_dumped(each, levels - 1, inner) for each in value]
    return f"{opening}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{closing}"


if __name__ == "__main__":
    FILE.write_text(as_text(collect_names()), encoding="utf-8")
