"""What flags are made of, those that many verbs have, and those of the lists."""

from __future__ import annotations

import argparse
from typing import Any

Flags = dict[str, str | tuple[str, dict[str, Any]]]
"""Help texts by flag or positional argument, with the name of its value if that is another than
the flag's: `--num N`; in a pair with what else argparse is to know of it, such as `type=int`."""

FLOAT: dict[str, Any] = {"type": float}
OPTIONAL: dict[str, Any] = {"nargs": "?"}


def switch(text: str, **options: Any) -> tuple[str, dict[str, Any]]:
    """A flag without a value."""
    return text, {"action": "store_true", **options}


def several(text: str, **options: Any) -> tuple[str, dict[str, Any]]:
    """A flag that may be repeated."""
    return text, {"action": "append", **options}


def integer(text: str, default: int | None = None) -> tuple[str, dict[str, Any]]:
    """A flag with a whole number."""
    return text, {"type": int, "default": default}


def seed(text: str, default: int | None = 0) -> tuple[str, dict[str, Any]]:
    """A flag with a seed, of as many bits as every library takes."""
    return text, {"type": _seed, "default": default}


def _seed(typed: str) -> int:
    if not typed.strip().isdecimal() or int(typed) >= 2**32:
        raise argparse.ArgumentTypeError(f"{typed} is no seed; a seed is from 0 to {2**32 - 1}")
    return int(typed)


GENERAL: Flags = {
    "--plugin MODULE": several(
        "a module or .py file that registers methods, data or protocols; may be repeated",
        default=[],
    ),
    "--quiet": switch("show no progress and no information, only warnings"),
    "--debug": switch("show where an error arose, as a Python traceback"),
}
"""The flags that every verb has."""

JSON: Flags = {"--json": switch("print JSON on stdout, and nothing else")}
DEVICE = "device to compute on: auto, cpu, cuda or cuda:N"
NETWORK = "network to use, such as encoder; that of the feature layer by default"

DATA_SHORTCUTS: Flags = {
    "--epochs N": "number of passes over the training split",
    "--batch-size N": "number of examples in a step, over all processes",
    "--device": DEVICE,
    "--precision": "number format of matrix products: fp32, bf16 or auto",
}

PRESETS_FLAGS: Flags = {
    "method METHOD": ("method whose presets to list", OPTIONAL),
    "preset PRESET": ("preset to show in full", OPTIONAL),
    **JSON,
}

SETTINGS: Flags = {
    "method METHOD": "method, such as bigan, or MODULE:CLASS",
    "--preset": "preset whose values to show in place of the defaults",
    **JSON,
}

COMPLETION: Flags = {"shell": ("shell to complete in", {"choices": ["bash", "zsh", "fish"]})}


def add_flags(
    parser: argparse._ActionsContainer,  # pyright: ignore[reportPrivateUsage]
    flags: Flags,
) -> None:
    """Adds flags to a parser or to a group of it."""
    for typed, described in flags.items():
        text, options = (described, {}) if isinstance(described, str) else described
        names, *metavar = typed.split(" ")
        named: dict[str, Any] = {"metavar": metavar[0]} if metavar else {}
        parser.add_argument(*names.split("/"), help=text, **options, **named)
