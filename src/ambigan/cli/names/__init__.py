"""The names that may be typed, and what each stands for, known without importing torch.

`names.json` holds what `collect_names` found in the registries; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from ...core.errors import unknown_name

FILE = Path(__file__).with_name("names.json")


@dataclass(frozen=True)
class Setting:
    """One setting, as a list shows it.

    Attributes:
        name: Dotted name.
        allowed: What it may be.
        default: Its value in JSON, by default or in a preset.
        description: What it means, in one line.
        condition: The setting and value that it needs, such as `settings.network.kind conv`.
    """

    name: str
    allowed: str
    default: Any
    description: str
    condition: str = ""


@cache
def known_names() -> dict[str, Any]:
    """All names of the package: methods with settings and presets, sources, protocols and so on."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def names_for(method: str) -> dict[str, Any]:
    """The settings and presets of a method; those of one outside the package need torch."""
    if method in known_names()["methods"]:
        return known_names()["methods"][method]
    from .collect import names_of_method

    return names_of_method(method)


def describe_preset(method: str, name: str) -> dict[str, Any]:
    """What is known of a preset; a ConfigError if there is no such method or preset."""
    presets = names_for(method)["presets"]
    if name not in presets:
        raise unknown_name(f"preset of {method}", name, presets)
    return presets[name]


def list_settings(method: str, preset: str | None = None) -> list[Setting]:
    """Every setting of a method, of data and of training.

    The values of a preset, if one is named, take the place of the defaults. Where nested settings
    may be of several kinds, those of the chosen kind come first.
    """
    own, shared = names_for(method)["settings"], known_names()["shared"]
    rows = [Setting(*row) for row in (*own, *shared)]
    values = {row.name: row.default for row in rows if row.name.endswith(".kind")}
    changed: dict[str, Any] = {}
    if preset is not None:
        changed = describe_preset(method, preset)["settings"]
    values |= changed

    def nested_in(row: Setting) -> str:
        """The settings that the row is of; all of one kind, further nested ones too, together."""
        return (row.condition.partition(" ")[0] or row.name).rpartition(".")[0]

    def needs_other_kind(row: Setting) -> bool:
        kind, _, needed = row.condition.partition(" ")
        return bool(kind) and values[kind] != needed

    return [
        row if needs_other_kind(row) else replace(row, default=changed.get(row.name, row.default))
        for _, group in groupby(rows, key=nested_in)
        for row in sorted(group, key=needs_other_kind)
    ]


def names_of_settings(method: str | None) -> list[str]:
    """Dotted names of the settings of a method of the package, or of all if None."""
    methods: Iterable[str] = known_names()["methods"] if method is None else [method]
    return list(dict.fromkeys(row.name for each in methods for row in list_settings(each)))
