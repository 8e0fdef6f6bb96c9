"""What was typed, turned into a request; argparse reads it, and one line says what it cannot."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from ..core.errors import ConfigError, suggestion, unknown_name
from ..core.version import __version__
from .flags import add_general, add_lists, add_reproduce, add_training_verbs
from .run_flags import add_run_verbs

SHORTCUTS = {
    "data": "data.source",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "seed": "train.seed",
    "device": "train.device",
    "precision": "train.precision",
}
"""Flags of `train` that stand for a setting."""

TRAINING = ("train", "demo", "reproduce", "prepare")
"""Verbs that take settings by dotted name."""

MEASURING = ("evaluate", "transfer")
"""Verbs that take the settings of other data by dotted name."""

EXAMPLES = """\
examples:
  ambigan demo                               a first model and its page
  ambigan train bigan --data folder:photos   learn from the images in a folder
  ambigan evaluate runs/bigan-folder         measure what was learned
  ambigan embed runs/bigan-folder --out features.parquet

`ambigan VERB --help` explains a verb; --quiet and --debug may follow any."""


@dataclass(frozen=True)
class Request:
    """A verb with its flags, and settings by dotted name as they were typed."""

    verb: str
    flags: argparse.Namespace
    settings: dict[str, str] = field(default_factory=dict[str, str])


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of printing its usage, and knows the nearest flag."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.rstrip('.')}. See `{self.prog} --help`.")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Lists each verb on a line of its own, without a heading for them all."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=18)

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        is_list = isinstance(action, argparse._SubParsersAction)  # pyright: ignore[reportPrivateUsage]
        return text.partition("\n")[2] if is_list else text


def parse_arguments(arguments: Sequence[str]) -> Request:
    """Reads a command line.

    Raises:
        ConfigError: an unknown verb or flag, or a flag without its value.
    """
    parser, verbs = make_parsers()
    if not arguments:
        parser.print_help()
        raise SystemExit(0)
    if not arguments[0].startswith("-") and arguments[0] not in verbs:
        raise unknown_name("verb", arguments[0], verbs)
    settings: dict[str, str] = {}
    if arguments[0] in (*TRAINING, *MEASURING):
        # First, or argparse would take their values for a METHOD.
        arguments, settings = _take_settings(arguments)
    flags, rest = parser.parse_known_args(arguments)
    if rest:
        raise _unknown_flag(rest[0].partition("=")[0], verbs.get(flags.verb, parser))
    if flags.verb is None:
        raise ConfigError(f"name a verb: {', '.join(verbs)}.")
    for flag, name in SHORTCUTS.items():
        value = getattr(flags, flag, None)
        if flags.verb in TRAINING and value is not None:
            if name in (typed.replace("-", "_") for typed in settings):
                raise ConfigError(f"--{flag.replace('_', '-')} and --{name} are one; give one.")
            settings[name] = str(value)
    return Request(flags.verb, flags, settings)


def _take_settings(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Takes out `--train.seed 3` and `--train.seed=3`: the other words, and the settings."""
    others: list[str] = []
    settings: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        name, has_value, value = word.partition("=")
        if not (name.startswith("--") and "." in name):
            others.append(word)
            continue
        if not has_value:
            value = next(words, "")
            if not value or value.startswith("--"):
                raise ConfigError(f"{name} needs a value.")
        name = name[2:].replace("-", "_")
        if name in settings:
            raise ConfigError(f"--{name} is given twice; give it once.")
        settings[name] = value
    return others, settings


def between_commas(typed: str | Sequence[str] | None) -> list[str]:
    """Names between commas, in one word or several; none if the flag was left out."""
    words = [typed] if isinstance(typed, str) else typed or []
    return [name for word in words for name in word.split(",")]


def _unknown_flag(name: str, verb: _Parser) -> ConfigError:
    if not name.startswith("-"):
        return ConfigError(f"unexpected '{name}'. See `{verb.prog} --help`.")
    known = [flag for action in verb._actions for flag in action.option_strings]
    return ConfigError(f"unknown flag '{name}'.{suggestion(name, known)} See `{verb.prog} --help`.")


def make_parsers() -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the command line, and that of each verb."""
    parser = _Parser(
        prog="ambigan",
        description="Learn representations of unlabelled data with adversarial games.",
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"ambigan {__version__}")
    group = parser.add_subparsers(dest="verb", title="verbs", metavar="VERB", parser_class=_Parser)
    verbs: dict[str, _Parser] = {}

    def verb(name: str, text: str) -> _Parser:
        verbs[name] = group.add_parser(
            name,
            help=text,
            description=f"{text}.",
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        return verbs[name]

    add_training_verbs(verb)
    add_run_verbs(verb)
    add_reproduce(verb("reproduce", "Make a paper's table again, or compare methods"))
    add_lists(verb)
    for each in verbs.values():
        add_general(each)
    return parser, verbs
