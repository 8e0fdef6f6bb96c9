"""The verbs that list what there is: presets, settings, tables and studies."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from ..core.errors import ConfigError
from ..core.settings import typed_value
from .names import Setting, describe_preset, known_names, list_settings, names_for
from .output import print_columns, print_json, printable
from .parser import Request

WIDTH = 80


def presets(request: Request) -> int:
    """Lists presets, a line each, or shows one in full."""
    flags = request.flags
    if flags.preset is not None:
        preset = describe_preset(flags.method, flags.preset)
        record = {"method": flags.method, "preset": flags.preset, **_known(preset)}
        record["settings"] = preset["changed"]
        if flags.json:
            print_json(record)
        else:
            _print_preset(record)
        return 0
    methods = known_names()["methods"] if flags.method is None else [flags.method]
    records = [
        {"method": method, "preset": name, **_known(preset)}
        for method in methods
        for name, preset in names_for(method)["methods"][method]["presets"].items()
    ]
    if not records:
        raise ConfigError(f"{flags.method} has no presets; its defaults are used.")
    if flags.json:
        print_json(records)
        return 0
    rows = [[r["method"], r["preset"], r["reached"], r["time"]] for r in records]
    print_columns(("method", "preset", "reached", "time"), rows, free=("reached", "time"))
    return 0


def _known(preset: dict[str, Any]) -> dict[str, Any]:
    """What is known of a preset apart from its settings."""
    names = {"score": "reached", "time": "time", "hardware": "hardware", "source": "source"}
    return {title: preset[name] for name, title in names.items()}


def _print_preset(record: dict[str, Any]) -> None:
    for title in ("method", "preset", "reached", "time", "hardware", "source"):
        text = printable(record[title])
        print(textwrap.fill(f"{title:<10}{text}", WIDTH, subsequent_indent=" " * 10))
    print(f"\nsettings that differ from the defaults of {record['method']}:")
    for name, value in record["settings"].items():
        print(f"  {name} {typed_value(value)}")


def settings(request: Request) -> int:
    """Lists every setting of a method: its name, what it may be, its default, what it means."""
    flags = request.flags
    rows = list_settings(flags.method, flags.preset)
    if flags.json:
        print_json([asdict(row) for row in rows])
        return 0
    start = f"preset {flags.preset}" if flags.preset else "the defaults"
    print(f"{flags.method}: {len(rows)} settings, with the values of {start}\n")
    for row in rows:
        _print_setting(row)
    if not flags.preset:
        print(f"A preset changes some: ambigan settings {flags.method} --preset NAME")
    return 0


def _print_setting(row: Setting) -> None:
    print(f"{row.name} {typed_value(row.default)}  ({row.allowed})")
    needs = f" Needs {row.condition}." if row.condition else ""
    print(
        textwrap.indent(textwrap.fill(f"{row.description}{needs}", WIDTH - 4), "    "), end="\n\n"
    )


def list_experiments(request: Request) -> int:
    """Lists the experiments that `reproduce` makes, a line each."""
    experiments = known_names()["experiments"]
    if request.flags.json:
        print_json([{"name": name, **about} for name, about in experiments.items()])
        return 0
    rows = [[name, about["title"], about["time"]] for name, about in experiments.items()]
    print_columns(("name", "what", "time"), rows, free=("what", "time"))
    return 0
