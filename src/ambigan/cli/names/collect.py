"""The names that may be typed, and what each stands for, found in the registries; needs torch.

`tools/write_names.py` keeps them in `names.json`. A method from outside is described on demand.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, is_dataclass, replace
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter

from ...core.settings import attribute_descriptions, dotted, kinds_of, override
from ...data.opening.registry import SOURCES
from ...data.settings import DataSettings
from ...engine.config import RunConfig, TrainSettings
from ...evaluation.protocols import PROTOCOLS
from ...experiments import EXPERIMENTS, SUITES
from ...methods import METHODS, find_method, is_external
from ...presets import PRESETS
from ...presets.preset import Preset
from ...transfer.tasks.settings import TASK_SETTINGS
from . import Setting

BOUNDS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
TYPES = {"string": "text", "boolean": "true | false", "null": "none"}


def collect_names() -> dict[str, Any]:
    """Everything that can be typed, as `names.json` holds it."""
    shared = [*_settings(DataSettings(), "data."), *_settings(TrainSettings(), "train.")]
    return {
        "methods": {method: names_of_method(method) for method in METHODS},
        "shared": [astuple(row) for row in shared],
        "sources": [f"{name}:" if kind.argument else name for name, kind in SOURCES.items()],
        "protocols": list(PROTOCOLS),
        "tasks": {
            task: [astuple(row) for row in _settings(kind(), "task.")]
            for task, kind in TASK_SETTINGS.items()
        },
        "experiments": {
            experiment.name: {
                "title": experiment.title,
                "time": experiment.time,
                "runs": [run.name for run in experiment.runs],
                "source": experiment.source,
            }
            for experiment in EXPERIMENTS.values()
        }
        | {
            suite.name: {
                "title": suite.title,
                "time": suite.time,
                "runs": suite.runs,
                "source": suite.source,
                "sets": [each.name for each in suite.sets],
            }
            for suite in SUITES.values()
        },
    }


def names_of_method(name: str) -> dict[str, Any]:
    """A method's own settings, and its presets with what each changes."""
    default = RunConfig(name, "", find_method(name).Settings())
    presets: Mapping[str, Preset] = {} if is_external(name) else PRESETS[name]
    return {
        "settings": [astuple(row) for row in _settings(default.settings, "settings.")],
        "presets": {
            preset_name: {
                "reached": preset.score,
                "time": preset.time,
                "hardware": preset.hardware,
                "source": preset.source,
                "settings": _changed(preset.make(), default),
            }
            for preset_name, preset in presets.items()
        },
    }


def _settings(settings: Any, prefix: str, condition: str = "") -> Iterator[Setting]:
    """Every setting; where nested ones may be of several kinds, those of each, its own first."""
    hints = get_type_hints(cast(Any, type(settings)), include_extras=True)
    descriptions = attribute_descriptions(cast(Any, type(settings)))
    for field in (field.name for field in dataclasses.fields(settings)):
        name, value, kinds = f"{prefix}{field}", getattr(settings, field), kinds_of(hints[field])
        if not is_dataclass(value):
            allowed = allowed_values(TypeAdapter(hints[field]).json_schema())
            described = descriptions.get(field, "")
            yield Setting(name, allowed, _plain(value), described, condition)
        elif len(kinds) < 2:
            yield from _settings(value, f"{name}.", condition)
        else:
            own = next(kind for kind, member in kinds.items() if isinstance(value, member))
            for kind in sorted(kinds, key=lambda kind: kind != own):
                inner = value if kind == own else kinds[kind]()
                for row in _settings(inner, f"{name}.", f"{name}.kind {kind}"):
                    if row.name != f"{name}.kind":
                        yield row
                    elif kind == own:
                        yield replace(row, allowed=" | ".join(kinds), condition="")


def _changed(config: RunConfig, default: RunConfig) -> dict[str, Any]:
    """Values by dotted name that differ from the defaults; of another kind, from that kind's."""
    values, usual = dotted(config), dotted(default)
    kinds = {name: value for name, value in values.items() if name.endswith(".kind")}
    usual = dotted(override(default, kinds)) | {name: usual.get(name) for name in kinds}
    changed = {name: value for name, value in values.items() if value != usual[name]}
    return {name: _plain(value) for name, value in changed.items() if "." in name}


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def allowed_values(schema: Mapping[str, Any]) -> str:
    """What a JSON schema allows, in words: `integer >= 1`, `uniform | normal`, `text | none`."""
    if "anyOf" in schema:
        return " | ".join(map(allowed_values, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    kind: str = schema.get("type") or schema.get("$ref", "anything").rpartition("/")[2]
    if kind == "array":
        items: list[Any] = schema.get("prefixItems", [])
        word = allowed_values(items[0] if items else schema["items"])
        return f"{len(items) or 'list of'} " + re.sub(r"^(integer|number|text)", r"\1s", word)
    bounds = [f"{sign} {schema[name]:g}" for name, sign in BOUNDS.items() if name in schema]
    return f"{TYPES.get(kind, kind)} {', '.join(bounds)}".rstrip()
