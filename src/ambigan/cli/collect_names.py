"""The names that may be typed, and what each stands for, found in the registries; needs torch.

`tools/write_names.py` keeps them in `names.json`. A method from outside is described on demand.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..core.settings import attribute_descriptions, kinds_of
from ..data.settings import DataSettings
from ..data.sources import SOURCES
from ..engine.config import RunConfig, TrainSettings
from ..evaluation.protocols import PROTOCOLS
from ..experiments import EXPERIMENTS
from ..methods import find_method, is_external
from ..presets import PRESETS
from ..presets.preset import Preset

ROOT = "ambigan."
BOUNDS = {"gt": "> ", "ge": ">= ", "lt": "< ", "le": "<= "}
TYPES = {"int": "integer", "float": "number", "str": "text", "bool": "true | false"}


def collect_names(methods: Iterable[str]) -> dict[str, Any]:
    """What can be typed, with what is known of these methods.

    Raises:
        ConfigError: There is no such method.
    """
    names: dict[str, Any] = {"methods": {}, "classes": {}, "bases": {}, "descriptions": {}}
    for method in methods:
        names["methods"][method] = _method(method, names)
    names["train"] = _add_class(TrainSettings, names)
    names["data"] = _add_class(DataSettings, names)
    names["sources"] = [f"{name}:" if kind.argument else name for name, kind in SOURCES.items()]
    names["protocols"] = list(PROTOCOLS)
    names["experiments"] = {
        experiment.name: {
            "title": experiment.title,
            "time": experiment.time,
            "runs": [run.name for run in experiment.runs],
            "source": experiment.source,
        }
        for experiment in EXPERIMENTS.values()
    }
    return names


def _method(name: str, names: dict[str, Any]) -> dict[str, Any]:
    settings_class = find_method(name).Settings
    default = RunConfig(name, "", settings_class())
    presets: Mapping[str, Preset] = {} if is_external(name) else PRESETS[name]
    return {
        "settings": _add_class(settings_class, names),
        "changed": dict(_unlike_their_class(default.settings, "settings.")),
        "presets": {
            preset_name: {
                "reached": preset.score,
                "time": preset.time,
                "hardware": preset.hardware,
                "source": preset.source,
                "settings": dict(_changed(preset.make(), default)),
            }
            for preset_name, preset in presets.items()
        },
    }


def _unlike_their_class(settings: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Values by dotted name that a method gives nested settings in place of their own defaults."""
    usual = type(settings)()
    for name, value in _fields(settings):
        if dataclasses.is_dataclass(value):
            yield from _unlike_their_class(value, f"{prefix}{name}.")
        elif value != getattr(usual, name):
            yield prefix + name, _plain(value)


def _changed(settings: Any, default: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted name that differ from the defaults; of another kind, from that kind's."""
    if type(settings) is not type(default):
        default = type(settings)()
        yield f"{prefix}kind", settings.kind
    for name, value in _fields(settings):
        usual = getattr(default, name)
        if dataclasses.is_dataclass(value):
            yield from _changed(value, usual, f"{prefix}{name}.")
        elif value != usual and prefix:  # without one, they are the names of method and preset
            yield prefix + name, _plain(value)


def _fields(settings: Any) -> Iterator[tuple[str, Any]]:
    return ((field.name, getattr(settings, field.name)) for field in dataclasses.fields(settings))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _add_class(settings_class: type[Any], names: dict[str, Any]) -> str:
    """Adds the fields of a class of settings, and of those inside it; returns the class's name."""
    name = _name_of(settings_class)
    if name not in names["classes"]:
        hints = get_type_hints(settings_class, include_extras=True)
        fields = _fields(settings_class())
        names["classes"][name] = {
            field: _field(hints[field], value, names) for field, value in fields
        }
        bases = [base for base in settings_class.__mro__[::-1] if dataclasses.is_dataclass(base)]
        if not all(base.__module__.startswith(ROOT) for base in bases):
            described = names["descriptions"].setdefault(name, {})
            for base in bases:
                described |= attribute_descriptions(base.__doc__)
        elif len(bases) > 1:
            names["bases"][name] = [_name_of(base) for base in bases]
    return name


def _field(hint: Any, value: Any, names: dict[str, Any]) -> list[Any]:
    """What a field may be, and its default: of nested settings, the classes and the kind."""
    if not dataclasses.is_dataclass(value):
        return [allowed_values(hint), _plain(value)]
    kinds = kinds_of(hint) or {"": type(value)}
    default = getattr(value, "kind", "") if len(kinds) > 1 else ""
    return [{kind: _add_class(member, names) for kind, member in kinds.items()}, default]


def _name_of(kind: type[Any]) -> str:
    return f"{kind.__module__.removeprefix(ROOT)}:{kind.__name__}"


def allowed_values(hint: Any) -> str:
    """What a setting may be, in words: `integer >= 1`, `uniform | normal`, `text | none`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " ".join([allowed_values(arguments[0]), ", ".join(_bounds(hint))]).rstrip()
    if origin in (Union, UnionType):
        return " | ".join(allowed_values(argument) for argument in arguments)
    if origin is Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin is tuple and arguments[1:] == (...,):
        return f"list of {_plural(arguments[0])}"
    if origin is tuple:
        return f"{len(arguments)} {_plural(arguments[0])}"
    if hint is NoneType:
        return "none"
    return TYPES.get(getattr(hint, "__name__", ""), getattr(hint, "__name__", str(hint)))


def _plural(hint: Any) -> str:
    return re.sub(r"^(integer|number|text)", r"\1s", allowed_values(hint))


def _bounds(hint: Any) -> list[str]:
    """The bounds of an annotated number, such as `>= 0` and `< 1`."""
    constraints = [
        constraint
        for annotation in hint.__metadata__
        for constraint in getattr(annotation, "metadata", [annotation])
    ]
    return [
        f"{sign}{getattr(constraint, name):g}"
        for constraint in constraints
        for name, sign in BOUNDS.items()
        if hasattr(constraint, name)
    ]
