"""Refuses a mistyped name within a moment, before torch is imported.

A name that is not known here may still exist: a plugin's, or one newer than `names.json`. So what
might exist is left to the registries, which say the same of what does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from ...core.errors import CheckpointError, ConfigError, suggestion, unknown_name, unknown_source
from ...core.plugins import GROUP
from ..parser import DEMO_METHOD, Request, between_commas
from . import known_names, names_of_settings

PACKAGE = Path(__file__).parents[2]

ALL = "all"
"""What may be typed for every protocol that applies."""


def check_names(request: Request) -> None:
    """Refuses methods, presets, settings, data sets, protocols and others that cannot exist."""
    typed, settings = vars(request.flags), list(request.settings)
    if typed["plugin"]:
        return
    for flag in ("run", "resume", "from_run"):
        named: Any = typed.get(flag) or []
        folders: list[Any] = [named] if isinstance(named, str) else named
        for folder in folders:
            if not _exists(folder):
                raise CheckpointError(f"no run at {folder}: there is no such folder.")
    method = DEMO_METHOD if request.verb == "demo" else typed.get("method")
    if request.verb == "train":
        method, settings = _read_training(request)
    method = _check_method(method)
    if method is None and request.verb == "train":  # only the method itself knows its own
        settings = [name for name in settings if not name.startswith("settings.")]
    if method is not None and typed.get("preset") is not None:
        presets = known_names()["methods"][method]["presets"]
        _check(f"preset of {method}", typed["preset"], presets)
    if typed.get("experiment") is not None:
        _check("experiment", typed["experiment"], known_names()["experiments"])
    task = typed.get("task")
    reads_voc = task not in (None, "frozen")
    if task is not None:
        known = [row[0] for row in known_names()["tasks"][task]]
        known += [n for n in names_of_settings(None) if n.startswith("data.") and not reads_voc]
        for name in settings:
            if (name := name.replace("-", "_")) not in known:  # no plugin adds any
                raise unknown_name(f"constant of --task {task}", name, known)
    elif request.verb != "prepare":  # which says itself what it takes
        _check_settings(method, settings)
    for name in between_commas(typed.get("protocol")):
        if name != ALL:
            _check("protocol", name, known_names()["protocols"])
    for name in between_commas(typed.get("layer")):
        _check_layer(name)
    for source in (typed.get("source"), typed.get("data"), request.settings.get("data.source")):
        if not reads_voc:  # other tasks read folders in VOC's layout alone
            _check_source(source)


def _read_training(request: Request) -> tuple[str | None, list[str]]:
    """The method of a training and its settings by dotted name, as typed and as its files say."""
    flags = request.flags
    if flags.name and flags.method and flags.name != flags.method:
        raise ConfigError(f"two methods, '{flags.name}' and '{flags.method}'; name one.")
    runs = [run for run in (flags.resume, flags.from_run) if run is not None]
    values = _values_in(flags.config)
    files = [values, *(_values_in(Path(run) / "config.json") for run in runs)]
    if any(file.get("plugins") for file in files):
        return None, []  # their names are known once the plugins are loaded
    named = [flags.name, flags.method, *(file.get("method") for file in files)]
    name = next((str(name) for name in named if name is not None), None)
    if name is None and not runs and ":" not in (flags.config or ""):
        known = ", ".join(sorted(known_names()["methods"]))
        raise ConfigError(f"name a method: {known} or module:Class.")
    nested: dict[str, Any] = {k: v for k, v in values.items() if isinstance(v, dict)}
    return name, [*_dotted(nested), *request.settings]


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names and not _may_exist(name):
        raise unknown_name(kind, name, names)


def _check_method(name: str | None) -> str | None:
    """The method, if it is one of the package; None if it lies outside."""
    known = known_names()["methods"]
    if name is not None and ":" not in name:
        _check("method", name, known)
    return name if name in known else None


def _check_settings(method: str | None, typed: Iterable[str]) -> None:
    """Settings by dotted name, of a method or, if None, of any."""
    known = names_of_settings(method)
    for name in typed:
        name = name.replace("-", "_")
        if name not in known and not _may_exist(name.rpartition(".")[2]):
            raise ConfigError(f"unknown setting '{name}'.{suggestion(name, known)}")


def _check_source(typed: str | None) -> None:
    """A name, or the kind before a colon; of a bare path, the registry of sources says the kind."""
    name = (typed or "").partition(":")[0]
    if name and not Path(str(typed)).suffix and not _exists(str(typed)):
        known = [source.rstrip(":") for source in known_names()["sources"]]
        if name not in known and not _may_exist(name):
            raise unknown_source(str(typed), known)


def _check_layer(name: str) -> None:
    """The form of a layer's name: which layers there are, only the networks know."""
    layer, has_side, side = name.partition("@")
    if has_side and not (side.isdecimal() and int(side) > 0):
        raise ConfigError(f"layer '{name}': after @ stands the side to pool to, such as @4.")
    if not re.fullmatch(r"\w+(\.\w+)*", layer):
        raise ConfigError(
            f"layer '{name}' is no layer; write NETWORK.LAYER, such as encoder.hidden2, or"
            " NETWORK.LAYER@4 for its maps pooled to 4x4."
        )


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError):  # a name that no file can have: what opens it says so
        return True


def _values_in(config: str | Path | None) -> dict[str, Any]:
    """What a JSON file holds; nothing where it cannot be read, which is said when it is used."""
    if isinstance(config, str) and ":" not in config and not _exists(config):
        raise ConfigError(f"there is no file {config}; give a JSON file or module:function.")
    try:
        values = json.loads(Path(config or "").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast(dict[str, Any], values) if isinstance(values, dict) else {}


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted names of nested values."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _dotted(cast(dict[str, Any], value), f"{prefix}{name}.")
        else:
            yield prefix + str(name)


def _may_exist(name: str) -> bool:
    """Whether a name that is not in the file may be known to the registries all the same."""
    if entry_points(group=GROUP):
        return True
    pattern = re.compile(rf'"{re.escape(name)}"|^ +{re.escape(name)}: ', re.MULTILINE)
    return any(pattern.search(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py"))
