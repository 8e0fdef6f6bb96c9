"""The verbs, and what was typed turned into a request by argparse; nothing heavy is imported."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from ..core.errors import ConfigError, suggestion, unknown_name
from ..core.version import __version__
from .flags import common, runs, training
from .flags.common import Flags, add_flags
from .names import known_names, names_of_settings


class Verb(NamedTuple):
    """What a verb does, its own flags, and the module of `cli` with the function of its name."""

    text: str
    flags: Flags
    module: str = "verbs"


VERBS = {
    "demo": Verb(
        "Train on handwritten digits, measure, write a page: a minute", training.NEW_RUN, "training"
    ),
    "train": Verb("Train a method on data, or continue a run", training.TRAIN, "training"),
    "prepare": Verb(
        "Decode images once, so that training reads them fast", training.PREPARE, "training"
    ),
    "evaluate": Verb(
        "Measure a run's features, and baselines to compare with", runs.EVALUATE, "evaluation"
    ),
    "report": Verb("Write a run's page: curves, samples and tables in one HTML file", runs.RUN),
    "sample": Verb("Generate examples", runs.SAMPLE),
    "reconstruct": Verb("Encode test examples and generate them again", runs.RECONSTRUCT),
    "invert": Verb(
        "Find the latents that generate examples, whole or partly hidden", runs.INVERT, "analysis"
    ),
    "interpolate": Verb(
        "Walk between pairs of examples through the latent space", runs.INTERPOLATE
    ),
    "embed": Verb("Write the features of examples to a file", runs.EMBED),
    "search": Verb("Find the examples that are most like others", runs.SEARCH, "search"),
    "anomaly": Verb("Rank examples by how unlike the run's data they are", runs.ANOMALY, "anomaly"),
    "explore": Verb(
        "Open a local page: a map of examples, neighbours, and sliders for latents",
        runs.EXPLORE,
        "explore",
    ),
    "filters": Verb("Draw the first filters of a network", runs.FILTERS, "analysis"),
    "arithmetic": Verb(
        "Add and subtract averaged latents, and draw the sum", runs.ARITHMETIC, "analysis"
    ),
    "forget": Verb(
        "Drop the feature maps of a generator that draw something", runs.FORGET, "analysis"
    ),
    "transfer": Verb(
        "Freeze layers, train the rest on labels, boxes or masks, measure",
        runs.TRANSFER,
        "transfer",
    ),
    "export": Verb("Write a run's networks for other programs: ONNX or plain PyTorch", runs.EXPORT),
    "push": Verb("Put a run's model on the Hugging Face hub, with a card", runs.PUSH),
    "reproduce": Verb(
        "Make a paper's table again, or compare methods", training.REPRODUCE, "evaluation"
    ),
    "compare": Verb(
        "Compare runs or experiments on one page, or train methods and compare them",
        training.COMPARE,
        "comparison",
    ),
    "presets": Verb(
        "List the published settings and what each has reached", common.PRESETS_FLAGS, "listings"
    ),
    "settings": Verb(
        "List every setting of a method, with its default", common.SETTINGS, "listings"
    ),
    "completion": Verb(
        "Print a script that completes commands in your shell", common.COMPLETION, "listings"
    ),
}
"""Every verb, in the order in which help lists them."""

_SETTINGS = """\
Any other setting is changed by its dotted name, as config.json holds it:
  --settings.latent-dim 20 --settings.network.hidden 512,512 --train.ema-decay 0.99
`ambigan settings METHOD` lists all of them."""
EPILOGS = {
    "demo": _SETTINGS,
    "train": f"""{_SETTINGS}

Settings come from a preset or --from RUN, then --config FILE, then the flags:
each overrides those before it. --dry-run shows the outcome, as --config reads it.""",
    "prepare": """\
OUT then holds images.npy (N x C x H x W, uint8 or scaled float32), index.parquet (file,
label, split) and manifest.json (settings, counts, hash, files left out and why); at a
URL such as s3://BUCKET/SET, the images lie in shards. After an interruption, repeat the
command: it continues. Train on it with --data packed:OUT.""",
    "invert": """\
Hidden values do not count, and are completed: --mask-box 0,14,28,14 hides the lower half
of images of 28 x 28, --mask FILE.npy what is 0 or False in it. For data with noise, try
--prior-weight 0.01.""",
    "arithmetic": """\
Without terms, a numbered sheet is written to choose from. Each term is the average of
its examples; three a term are steadier than one:
  --plus 3,7,12 --minus 4,9,1 --plus 2,5,8""",
    "forget": """\
Samples are numbered as in the sheet that `ambigan arithmetic RUN` writes. Labels serve
for measuring, and with --label to choose what is dropped.""",
    "transfer": """\
Results are written after each measurement; after an interruption, the same command
continues. Constants of a task are changed by dotted name, such as
--task.width 512 --task.short-side 240; see the manual's page on transfer for all.""",
    "export": """\
Data go in and come out in the units of their source, and the outcome is checked against
the run. With --to torch, OUT holds model.py, model.safetensors and model.json.""",
    "push": """\
Then ambigan.load("hf:USER/NAME") loads it, and every verb takes hf:USER/NAME as its RUN.
Log in first with `hf auth login`, or set HF_TOKEN.""",
    "reproduce": """\
What is finished is not repeated: give the same command again after an interruption, or
with more presets or seeds. Several processes may work in one folder; each takes what no
other is working on. Any setting that all runs have is changed by its dotted name, and
named in the caption: --settings.optimizer.learning-rate 1e-4 --train.ema-decay 0.99""",
    "compare": """\
Runs that differ in their seed alone stand under one name, with means and intervals. What
has no folder and names a method is trained first, once for each seed, in the folder --out;
the same command continues after an interruption:
  ambigan compare bigan:small gan:small --data digits --seeds 3 --epochs 20 --out runs/two
Any setting that all runs have is changed by its dotted name.""",
    "completion": """\
bash: echo 'eval "$(ambigan completion bash)"' >> ~/.bashrc
zsh:  echo 'eval "$(ambigan completion zsh)"' >> ~/.zshrc, below compinit
fish: ambigan completion fish > ~/.config/fish/completions/ambigan.fish""",
}
"""What a verb's help ends with."""

_RESUME = "a run that was begun goes on with: ambigan train --resume RUN"
_MEASURED = "what was measured is kept; repeat the command to go on"
KEPT = {
    "train": _RESUME,
    "demo": _RESUME,
    "prepare": "what was decoded is kept; repeat the command to go on",
    "reproduce": "what was trained and measured is kept; repeat the command to go on",
    "compare": "what was trained and measured is kept; repeat the command to go on",
    "evaluate": _MEASURED,
    "transfer": _MEASURED,
}
"""What is said of a verb that is stopped by SIGINT, where it does not say more itself."""

PACKED = (
    *("size", "grayscale", "max_corrupt", "split_seed", "test_fraction", "root"),
    *("attribute", "label_column", "image_column", "pages", "folders", "group", "max_pixels"),
    *("window", "layout", "range", "range_percentiles"),
)
"""Settings of data that decide what `prepare` writes; the others are given to `train`."""

SHORTCUTS = {
    "data": "data.source",
    "epochs": "train.epochs",
    "batch_size": "train.batch_size",
    "seed": "train.seed",
    "device": "train.device",
    "precision": "train.precision",
    **{name: f"data.{name}" for name in PACKED},
}
"""Flags of the verbs of `TRAINING` that stand for a setting."""

DEMO_METHOD, DEMO_PRESET = "latent_regressor", "features"
"""What `ambigan demo` trains."""

TRAINING = ("train", "demo", "reproduce", "compare", "prepare")
"""Verbs that take settings by dotted name."""

MEASURING = ("evaluate", "transfer")
"""Verbs that take all settings of other data by dotted name, since they split them."""

READING = ("reconstruct", "invert", "embed", "search", "anomaly", "explore")
"""Verbs that take those by which other data are read."""

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
    """Reads a command line; an unknown verb or flag, or a missing value, is a ConfigError."""
    parser, verbs = make_parsers()
    if not arguments:
        parser.print_help()
        raise SystemExit(0)
    if not arguments[0].startswith("-") and arguments[0] not in verbs:
        raise unknown_name("verb", arguments[0], verbs)
    settings: dict[str, str] = {}
    if arguments[0] in (*TRAINING, *MEASURING, *READING):
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
            if name in settings:
                raise ConfigError(f"--{flag} and --{name} are one; give one.".replace("_", "-"))
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
                form = _form_of(name[2:].replace("-", "_"))
                raise ConfigError(f"{name} needs a value{form}.")
        name = name[2:].replace("-", "_")
        if name in settings:
            raise ConfigError(f"--{name} is given twice; give it once.")
        settings[name] = value
    return others, settings


def _form_of(setting: str) -> str:
    """What values a setting of data or training takes, after a colon; empty if not known."""
    return next((f": {kind}" for name, kind, *_ in known_names()["shared"] if name == setting), "")


def between_commas(typed: str | Sequence[str] | None) -> list[str]:
    """Names between commas, in one word or several; none if the flag was left out."""
    words = [typed] if isinstance(typed, str) else typed or []
    return [name for word in words for name in word.split(",")]


def _unknown_flag(name: str, verb: _Parser) -> ConfigError:
    if not name.startswith("-"):
        return ConfigError(f"unexpected '{name}'. See `{verb.prog} --help`.")
    known = [flag for action in verb._actions for flag in action.option_strings]
    dotted = [f"--{each.replace('_', '-')}" for each in _settings_of(verb.prog.split()[-1])]
    full = [each for each in dotted if each.endswith(f".{name.lstrip('-').replace('_', '-')}")]
    meant = f" Did you mean '{full[0]}'?" if full else suggestion(name, known)
    return ConfigError(f"unknown flag '{name}'.{meant} See `{verb.prog} --help`.")


def _settings_of(verb: str) -> list[str]:
    """Dotted names of the settings that a verb takes."""
    if verb in TRAINING:
        return names_of_settings(None)
    is_reading = verb in (*MEASURING, *READING)
    return [name for name in names_of_settings(None) if is_reading and name.startswith("data.")]


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
    for name, verb in VERBS.items():
        verbs[name] = group.add_parser(
            name,
            help=verb.text,
            description=f"{verb.text}.",
            epilog=EPILOGS.get(name),
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_flags(verbs[name], verb.flags)
        if name == "train":
            add_flags(verbs[name].add_argument_group("planning"), training.PLANNING)
        add_flags(verbs[name].add_argument_group("general"), common.GENERAL)
    return parser, verbs
