"""The verbs that list what may be typed, and the answers to a shell that completes it."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import argcomplete
from argcomplete.completers import ChoicesCompleter
from argcomplete.shell_integration import shellcode

from ..core.errors import ConfigError
from ..core.settings import typed_value
from .names import (
    Setting,
    describe_preset,
    known_names,
    list_settings,
    names_for,
    names_of_settings,
)
from .names.check import ALL
from .output import print_columns, print_json, printable
from .parser import MEASURING, READING, TRAINING, Request, make_parsers

WIDTH = 80


def presets(request: Request) -> int:
    """Lists presets, a line each, or shows one in full."""
    flags = request.flags
    if flags.preset is not None:
        preset = describe_preset(flags.method, flags.preset)
        record = {"method": flags.method, "preset": flags.preset, **preset}
        if flags.json:
            print_json(record)
        else:
            _print_preset(record)
        return 0
    methods = known_names()["methods"] if flags.method is None else [flags.method]
    records = [
        {"method": method, "preset": name, **preset}
        for method in methods
        for name, preset in names_for(method)["presets"].items()
    ]
    if not records:
        raise ConfigError(f"{flags.method} has no presets; its defaults are used.")
    if flags.json:
        print_json([{k: v for k, v in record.items() if k != "settings"} for record in records])
        return 0
    rows = [[r["method"], r["preset"], r["reached"], r["time"]] for r in records]
    print_columns(("method", "preset", "reached", "time"), rows, free=("reached", "time"))
    return 0


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


def completion(request: Request) -> int:
    """Prints the script for a shell, which asks this program what may follow."""
    print(shellcode(["ambigan"], shell=request.flags.shell))
    return 0


def complete() -> None:
    """Answers the shell, and ends the process."""
    names = known_names()
    methods, sources = ChoicesCompleter(names["methods"]), ChoicesCompleter(names["sources"])
    completers = {
        "name": methods,
        "method": methods,
        "preset": _presets,
        "data": sources,
        "source": sources,
        "protocol": ChoicesCompleter(dict.fromkeys((ALL, *names["protocols"]), "")),
        "experiment": ChoicesCompleter(names["experiments"]),
    }
    parser, verbs = make_parsers()
    for name, verb in verbs.items():
        if name in (*TRAINING, *MEASURING, *READING):
            _add_settings(verb, "" if name in TRAINING else "data.")
        for action in verb._actions:
            if chosen := completers.get(action.dest):
                action.completer = chosen  # pyright: ignore[reportAttributeAccessIssue]
    argcomplete.autocomplete(parser, always_complete_options="long")


def _add_settings(verb: argparse.ArgumentParser, start: str) -> None:
    """Adds settings by dotted name as flags, which the command line reads without argparse."""
    for name in names_of_settings(None):
        if not name.startswith(start):
            continue
        flag = f"--{name.replace('_', '-')}"
        if flag not in verb._option_string_actions:
            verb.add_argument(flag, metavar="VALUE", help="a setting")


def _presets(parsed_args: argparse.Namespace, **_typed: Any) -> Iterable[str]:
    """Presets of the method typed before, or of all."""
    methods = known_names()["methods"]
    named = getattr(parsed_args, "name", None) or getattr(parsed_args, "method", None)
    chosen = [methods[named]] if named in methods else methods.values()
    return [preset for method in chosen for preset in method["presets"]]
