"""What was typed, turned into a request; argparse reads it, and one line says what it cannot."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from ..core.errors import ConfigError, suggestion, unknown_name
from ..core.version import __version__
from .analysis_flags import add_arithmetic, add_filters, add_forget, add_transfer

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

_OTHER_DATA = "Other data are split and read as --data.holdout, --data.max-train and the like say."


@dataclass(frozen=True)
class Request:
    """A verb with its flags, and settings by dotted name as they were typed."""

    verb: str
    flags: argparse.Namespace
    settings: dict[str, str] = field(default_factory=dict)


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of printing its usage, and knows the nearest flag."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.rstrip('.')}. See `{self.prog} --help`.")


def parse_arguments(arguments: Sequence[str]) -> Request:
    """Reads a command line.

    Raises:
        ConfigError: an unknown verb or flag, or a flag without its value.
    """
    parser, verbs = _make_parsers()
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


def _unknown_flag(name: str, verb: _Parser) -> ConfigError:
    if not name.startswith("-"):
        return ConfigError(f"unexpected '{name}'. See `{verb.prog} --help`.")
    known = [flag for action in verb._actions for flag in action.option_strings]
    return ConfigError(f"unknown flag '{name}'.{suggestion(name, known)} See `{verb.prog} --help`.")


def _make_parsers() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="ambigan",
        description="Representations of unlabelled data, learned with adversarial games.",
        epilog="`ambigan VERB --help` tells of one verb. --debug shows the trace of an error.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ambigan {__version__}")
    group = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    verbs: dict[str, _Parser] = {}

    def verb(name: str, text: str) -> _Parser:
        verbs[name] = group.add_parser(
            name,
            help=text,
            description=text,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        return verbs[name]

    _add_training(verb("demo", "Train on scikit-learn's digits, measure, report: about a minute."))
    _add_training(verb("train", "Train a method, or continue a run, and save its model."))
    _add_train_only(verbs["train"])
    _add_prepare(verb("prepare", "Decode pictures once, into a folder that `packed:` reads."))
    _add_reproduce(verb("reproduce", "Make a paper's table again, or compare methods."))
    _add_evaluate(verb("evaluate", "Measure a run's features beside their baselines."))
    _add_sample(verb("sample", "Generate examples."))
    _add_reconstruct(verb("reconstruct", "Encode data and generate them again."))
    _add_interpolate(verb("interpolate", "Walk between examples through the latent space."))
    _add_embed(verb("embed", "Write the features of data to .npy or .parquet."))
    _add_search(verb("search", "Find what is most like a picture or a vector."))
    _add_looking(verb)
    _add_run(verb("report", "Write a run's page: curves, samples, tables. One HTML file."))
    verb("presets", "List published settings: score, time, hardware, source.")
    return parser, verbs


def _add_training(parser: _Parser) -> None:
    parser.add_argument(
        "--data",
        help="a name such as mnist or cifar10, or folder:, packed:, npy:, csv: ... and a PATH",
    )
    parser.add_argument("--preset", help="published settings to start from; see `ambigan presets`")
    _add_shortcuts(parser)
    parser.add_argument("--seed", help="of weights, order, latents and noise")
    parser.add_argument("--out", help="the run's folder, new or empty")
    parser.epilog = (
        "Any other setting goes by its dotted name, as config.json of a run holds it:\n"
        "--settings.latent-dim 20 --train.ema-decay 0.99 --settings.optimizer.learning-rate 1e-4"
    )


def _add_shortcuts(parser: _Parser) -> None:
    parser.add_argument("--epochs", help="passes over the training split")
    parser.add_argument("--batch-size", help="examples a step, over all processes together")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--precision", help="fp32, bf16, or auto")


def _add_prepare(parser: _Parser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="such as folder:PATH, imagenet or celeba")
    parser.add_argument("out", metavar="OUT", help="a new folder, or one that was begun")
    parser.add_argument("--size", help="height and width, 64x64: the short side, then the centre")
    parser.add_argument("--grayscale", action="store_true", help="one channel")
    parser.add_argument("--workers", type=int, help="threads; one a core, eight at most")
    parser.add_argument("--max-corrupt", help="the share that may be unreadable; 0.01")
    parser.add_argument("--split-seed", help="of the order, and of what is held out")
    parser.add_argument("--test-fraction", help="what is held out where no test split is published")
    parser.add_argument("--attribute", help="of celeba: which of its forty is the label")
    parser.add_argument("--label-column", help="of hf: what holds the labels; `label` by default")
    parser.add_argument("--root", help="where published sets lie; $AMBIGAN_DATA by default")
    parser.epilog = (
        "OUT then holds images.npy (uint8, N x C x H x W), index.parquet (file, label, split) and\n"
        "manifest.json (what was asked for, counts, hash, what was left out and why). After an\n"
        "interruption, repeat the command: it goes on."
    )


def _add_reproduce(parser: _Parser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="EXPERIMENT", help="such as bigan-table1, sao-main"
    )
    parser.add_argument(
        "--list", action="store_true", help="the experiments, and how long each takes"
    )
    parser.add_argument(
        "--presets",
        help="presets to start from where an experiment leaves them open: paper,official",
    )
    parser.add_argument(
        "--seeds", default="1", help="how many, counted from 0; or which, with a comma: 0,3 or 4,"
    )
    parser.add_argument("--data", help="a source instead of the experiment's own")
    parser.add_argument(
        "--runs", "--arms", dest="runs", help="make these alone for now: sao-flips,simclr-flips"
    )
    parser.add_argument(
        "--render", action="store_true", help="write table and page of what is there; no training"
    )
    _add_shortcuts(parser)
    parser.add_argument("--out", help="the experiment's folder: new, or its own to go on")
    parser.epilog = (
        "What is finished is not done again: repeat the command after an interruption, or with\n"
        "more presets or seeds. Several processes may work in one folder: each takes the runs\n"
        "that no other is at. Any setting that all runs have may be changed by its dotted name,\n"
        "and stands in the caption then: --settings.optimizer.learning-rate 1e-4"
    )


def _add_train_only(parser: _Parser) -> None:
    parser.add_argument("name", nargs="?", metavar="METHOD", help="such as bigan, or module:Class")
    parser.add_argument("--method", help="the same, as a flag")
    parser.add_argument("--resume", metavar="RUN", help="continue a run exactly where it was")
    parser.add_argument(
        "--continue",
        action="store_true",
        dest="go_on",
        help="start, or go on where this run was: for jobs that are started again",
    )
    parser.add_argument(
        "--plan", action="store_true", help="memory, rate and time by a few real steps; no training"
    )
    parser.add_argument(
        "--processes", type=int, metavar="N", help="with --plan: how many share each batch"
    )
    parser.add_argument(
        "--link", type=float, metavar="GB/S", help="with --plan: bytes between them, 50 if left out"
    )


def _add_run(parser: _Parser) -> None:
    parser.add_argument("run", metavar="RUN", help="a folder that `train` wrote")
    parser.add_argument("--weights", choices=["ema", "raw"], help="averaged or last networks")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--method", help="module:Class of a run trained outside the package")


def _add_evaluate(parser: _Parser) -> None:
    _add_run(parser)
    parser.add_argument(
        "--protocol",
        action="append",
        help="may be repeated; the quick ones if left out, `all` for all that apply",
    )
    parser.add_argument(
        "--layer",
        action="append",
        help="such as encoder.hidden2, `latents` for E(x), or `each` for all worth measuring; may"
        " be repeated",
    )
    parser.add_argument(
        "--reference-features",
        action="append",
        help="features in which samples are compared with data: a LAYER, RUN:LAYER of another run,"
        " or NAME=RUN:LAYER to call it by a name",
    )
    parser.add_argument("--data", metavar="SOURCE", help="measure the run on these data instead")
    parser.add_argument(
        "--framing",
        choices=["run", "data"],
        help="give other images in the form of the run's (the default) or in their own",
    )
    parser.add_argument("--inception", metavar="PATH", help="a file of Inception weights, for FID")
    parser.add_argument(
        "--views", metavar="N", help="random crops of each training picture for a linear probe"
    )
    parser.add_argument("--views-flip", action="store_true", help="half of them are mirrored")
    parser.add_argument(
        "--views-short-side", metavar="A,B", help="pixels they are scaled to before they are cut"
    )
    parser.add_argument(
        "--test-crops", metavar="1|5|10", help="of a test picture; features are their mean"
    )
    parser.add_argument(
        "--curve", action="store_true", help="every kept checkpoint instead of the final model"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.epilog = _OTHER_DATA


def _add_looking(verb: Callable[[str, str], _Parser]) -> None:
    """The verbs that look into a run."""
    for name, text, add in (
        ("filters", "Show the first filters of a network, as learned and as drawn.", add_filters),
        ("arithmetic", "Add up averaged latents, and look at the sum.", add_arithmetic),
        ("forget", "Leave out the maps of a generator that paint a feature.", add_forget),
        ("transfer", "Freeze first layers, train the rest with labels: accuracies.", add_transfer),
    ):
        parser = verb(name, text)
        _add_run(parser)
        add(parser)


def _add_data(parser: _Parser) -> None:
    parser.add_argument("--data", help="a source instead of the run's own")
    _add_framing(parser)
    parser.add_argument("--split", choices=["train", "test", "all"], help="of the run's data")
    _add_max_corrupt(parser)


def _add_framing(parser: _Parser) -> None:
    parser.add_argument(
        "--framing", choices=["run"], help="take images that are far larger or smaller all the same"
    )


def _add_max_corrupt(parser: _Parser) -> None:
    parser.add_argument(
        "--data.max-corrupt",
        "--data.max_corrupt",
        dest="max_corrupt",
        type=float,
        metavar="SHARE",
        help="of pictures that may be unreadable",
    )


def _add_seed(parser: _Parser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    _add_out(parser)


def _add_out(parser: _Parser) -> None:
    parser.add_argument("--out", help="file to write; in the run's folder by default")


def _add_sample(parser: _Parser) -> None:
    _add_run(parser)
    parser.add_argument("--num", type=int, default=64, help="how many")
    _add_seed(parser)


def _add_reconstruct(parser: _Parser) -> None:
    _add_run(parser)
    _add_data(parser)
    parser.add_argument("--num", type=int, default=32, help="how many")
    _add_out(parser)


def _add_interpolate(parser: _Parser) -> None:
    _add_run(parser)
    parser.add_argument("--pairs", type=int, default=8, help="how many pairs")
    parser.add_argument("--steps", type=int, default=10, help="examples from one end to the other")
    _add_seed(parser)


def _add_embed(parser: _Parser) -> None:
    _add_run(parser)
    _add_data(parser)
    parser.add_argument("--layer", help="such as encoder.hidden2, or `latents` for E(x)")
    parser.add_argument("--out", help="features.npy or features.parquet")


def _add_search(parser: _Parser) -> None:
    _add_run(parser)
    parser.add_argument(
        "--query",
        action="append",
        required=True,
        help="a picture file, a source such as folder:PATH, or rows of the test split: 3,7,10-19",
    )
    parser.add_argument("--data", help="a source to look in, instead of the run's own data")
    _add_framing(parser)
    parser.add_argument("--split", choices=["train", "test", "all"], help="of the run's data")
    _add_max_corrupt(parser)
    parser.add_argument("--layer", help="as for embed; the run's feature layer if left out")
    parser.add_argument("--num", type=int, default=10, help="how many for each query")
    parser.add_argument(
        "--index",
        choices=["exact", "faiss"],
        default="exact",
        help="faiss keeps an index in the run's folder, for many searches of a large set",
    )
    parser.add_argument("--out", help="a .json, .parquet or .png file; all in the run's folder")
