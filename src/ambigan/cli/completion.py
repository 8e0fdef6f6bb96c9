"""Shell completion of verbs, flags and names, by argcomplete."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

import argcomplete
from argcomplete.shell_integration import shellcode

from .names import known_names, names_of_settings
from .parser import TRAINING, Request, make_parsers

Complete = Callable[..., Iterable[str]]


def completion(request: Request) -> int:
    """Prints the script for a shell, which asks this program what may follow."""
    print(shellcode(["ambigan"], shell=request.flags.shell))
    return 0


def complete() -> None:
    """Answers the shell, and ends the process."""
    parser, verbs = make_parsers()
    for name, verb in verbs.items():
        if name in TRAINING:
            _add_settings(verb)
        for action in verb._actions:
            if chosen := COMPLETERS.get(action.dest):
                action.completer = chosen  # pyright: ignore[reportAttributeAccessIssue]
    argcomplete.autocomplete(parser, always_complete_options="long")


def _add_settings(verb: argparse.ArgumentParser) -> None:
    """Adds settings by dotted name as flags, which the command line reads without argparse."""
    for name in names_of_settings(None):
        flag = f"--{name.replace('_', '-')}"
        if flag not in verb._option_string_actions:
            verb.add_argument(flag, metavar="VALUE", help="a setting")


def _methods(**_typed: Any) -> Iterable[str]:
    return known_names()["methods"]


def _presets(parsed_args: argparse.Namespace, **_typed: Any) -> Iterable[str]:
    """Presets of the method typed before, or of all."""
    methods = known_names()["methods"]
    named = getattr(parsed_args, "name", None) or getattr(parsed_args, "method", None)
    chosen = [methods[named]] if named in methods else methods.values()
    return [preset for method in chosen for preset in method["presets"]]


def _sources(**_typed: Any) -> Iterable[str]:
    sources = known_names()["sources"]
    return [f"{name}:" if sources[name]["argument"] else name for name in sources]


def _protocols(**_typed: Any) -> Iterable[str]:
    return ["all", *known_names()["protocols"]]


def _experiments(**_typed: Any) -> Iterable[str]:
    return known_names()["experiments"]


COMPLETERS: dict[str, Complete] = {
    "name": _methods,
    "method": _methods,
    "preset": _presets,
    "data": _sources,
    "source": _sources,
    "protocol": _protocols,
    "experiment": _experiments,
}
"""What may be typed for a flag or argument, by its name."""
