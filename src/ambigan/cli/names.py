"""The names that may be typed, and what each stands for, known without importing torch.

`names.json` holds what `collect_names` found in the registries; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from ..core.errors import unknown_name
from ..core.settings import attribute_descriptions, docstring_in_package

FILE = Path(__file__).with_name("names.json")

Names = dict[str, Any]
"""Methods with their presets, classes of settings, sources, protocols, experiments, games."""


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
def known_names() -> Names:
    """All names of the package."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def names_for(method: str) -> Names:
    """The names by which a method is described: the package's own, unless it lies outside.

    Raises:
        ConfigError: There is no such method.
    """
    if method in known_names()["methods"]:
        return known_names()
    from .collect_names import (
        collect_names,
    )  # imports torch: it may be of a plugin, or module:Class

    return collect_names((method,))


def describe_preset(method: str, name: str) -> dict[str, Any]:
    """What is known of a preset.

    Raises:
        ConfigError: There is no such method or preset.
    """
    presets = names_for(method)["methods"][method]["presets"]
    if name not in presets:
        raise unknown_name(f"preset of {method}", name, presets)
    return presets[name]


def list_settings(method: str, preset: str | None = None) -> list[Setting]:
    """Every setting of a method, of training and of data.

    Args:
        method: Name of a method, or `module:Class`.
        preset: Name of the preset whose values take the place of the defaults.

    Raises:
        ConfigError: There is no such method or preset.
    """
    names = names_for(method)
    values = dict(names["methods"][method]["changed"])
    if preset is not None:
        values |= describe_preset(method, preset)["settings"]
    parts = {"settings.": names["methods"][method]["settings"]}
    parts |= {"data.": names["data"], "train.": names["train"]}
    return [row for prefix, name in parts.items() for row in _settings(names, prefix, name, values)]


def _settings(
    names: Names, prefix: str, class_name: str, values: Mapping[str, Any], condition: str = ""
) -> Iterator[Setting]:
    descriptions = _descriptions(names, class_name)
    for field, (allowed, default) in names["classes"][class_name].items():
        name = prefix + field
        if isinstance(allowed, dict):
            kinds = cast(dict[str, str], allowed)
            yield from _nested(names, name, kinds, values.get(f"{name}.kind", default), values)
        else:
            value = values.get(name, default)
            yield Setting(name, allowed, value, descriptions.get(field, ""), condition)


def _nested(
    names: Names, name: str, classes: Mapping[str, str], chosen: str, values: Mapping[str, Any]
) -> Iterator[Setting]:
    """Settings inside a setting; where it may be of several kinds, those of each, chosen first."""
    if len(classes) == 1:
        yield from _settings(names, f"{name}.", next(iter(classes.values())), values)
        return
    for kind in sorted(classes, key=lambda kind: kind != chosen):
        theirs: Mapping[str, Any] = values if kind == chosen else {}
        for row in _settings(names, f"{name}.", classes[kind], theirs, f"{name}.kind {kind}"):
            if row.name != f"{name}.kind":
                yield row
            elif kind == chosen:
                yield Setting(row.name, " | ".join(classes), chosen, row.description)


def _descriptions(names: Names, class_name: str) -> dict[str, str]:
    """What docstrings say of a class's fields, those of its bases included."""
    if class_name in names["descriptions"]:  # of a class outside the package
        return names["descriptions"][class_name]
    described: dict[str, str] = {}
    for base in names["bases"].get(class_name, [class_name]):
        described |= attribute_descriptions(docstring_in_package(*base.split(":")))
    return described


def names_of_settings(method: str | None) -> list[str]:
    """Dotted names of the settings of a method of the package, or of all if None."""
    names = known_names()
    of = names["methods"] if method is None else [method]
    return list(dict.fromkeys(row.name for name in of for row in list_settings(name)))
