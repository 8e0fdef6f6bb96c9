"""Flags of the verbs that train and prepare, and those that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

Verb = Callable[[str, str], argparse.ArgumentParser]
"""Adds a verb: its name and what it does, in one sentence."""

DEVICE = "device to compute on: auto, cpu, cuda or cuda:N"
SETTINGS_EPILOG = (
    "Any other setting is changed by its dotted name, as config.json holds it:\n"
    "  --settings.latent-dim 20 --settings.network.hidden 512,512 --train.ema-decay 0.99\n"
    "`ambigan settings METHOD` lists all of them."
)


def add_arguments(
    parser: argparse._ActionsContainer,  # pyright: ignore[reportPrivateUsage]
    described: Mapping[str, str],
    **options: Any,
) -> None:
    """Adds flags or positional arguments that are read in the same way.

    Args:
        parser: Parser or group of a parser.
        described: Help texts by flag and, where it takes a value that is not called as the flag
            is, the name of the value: `--num N`.
        options: What else argparse is to know of each, such as `type=int`.
    """
    for typed, text in described.items():
        flag, *metavar = typed.split(" ")
        named = {"metavar": metavar[0]} if metavar else {}
        parser.add_argument(flag, help=text, **named, **options)


def add_general(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every verb has."""
    group = parser.add_argument_group("general")
    plugin = "a module or .py file that registers methods, data or protocols; may be repeated"
    add_arguments(group, {"--plugin MODULE": plugin}, action="append", default=[])
    switches = {
        "--quiet": "show no progress and no information, only warnings",
        "--debug": "show where an error arose, as a Python traceback",
    }
    add_arguments(group, switches, action="store_true")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    text = "print JSON on stdout, and nothing else"
    add_arguments(parser, {"--json": text}, action="store_true")


def add_training_verbs(verb: Verb) -> None:
    """Adds the verbs that make a model: demo, train, prepare."""
    demo = verb("demo", "Train on handwritten digits, measure, write a page: a minute")
    _add_new_run(demo)
    _add_train(verb("train", "Train a method on data, or continue a run"))
    _add_prepare(verb("prepare", "Decode images once, so that training reads them fast"))


def _add_new_run(parser: argparse.ArgumentParser) -> None:
    texts = {
        "--data SOURCE": "data to train on: a name such as mnist or cifar10, or KIND:PATH such as"
        " folder:photos, csv:table.csv, npy:array.npy, packed:FOLDER",
        "--preset": "published settings to start from; `ambigan presets` lists them",
    }
    add_arguments(parser, texts)
    _add_run_shortcuts(parser)
    texts = {
        "--seed N": "seed of everything that is drawn at random",
        "--out FOLDER": "folder of the run, new or empty",
    }
    add_arguments(parser, texts)
    dry_run = "print the whole configuration as JSON, and train and write nothing"
    add_arguments(parser, {"--dry-run": dry_run}, action="store_true")
    parser.epilog = SETTINGS_EPILOG


def _add_run_shortcuts(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that stand for settings of training."""
    texts = {
        "--epochs N": "number of passes over the training split",
        "--batch-size N": "number of examples in a step, over all processes",
        "--device": DEVICE,
        "--precision": "number format of matrix products: fp32, bf16 or auto",
    }
    add_arguments(parser, texts)


def _add_train(parser: argparse.ArgumentParser) -> None:
    method = {"name METHOD": "method to train, such as bigan, or MODULE:CLASS"}
    add_arguments(parser, method, nargs="?")
    add_arguments(parser, {"--method METHOD": "the same as a flag"})
    _add_new_run(parser)
    config = (
        "settings to start from: a JSON file such as config.json of a run, which may leave out"
        " any setting, or MODULE:FUNCTION that returns them; flags override them"
    )
    add_arguments(parser, {"--config FILE": config})
    start = {"--from RUN": "folder of a run whose settings to start from, with fresh weights"}
    add_arguments(parser, start, dest="from_run")
    add_arguments(parser, {"--resume RUN": "folder of a run to continue where it was"})
    go_on = "start the run, or continue it if it was started: for jobs that are restarted"
    add_arguments(parser, {"--continue": go_on}, action="store_true", dest="go_on")
    group = parser.add_argument_group("planning")
    plan = "estimate memory, speed and time from a few real steps, and train nothing"
    add_arguments(group, {"--plan": plan}, action="store_true")
    processes = {"--processes N": "number of processes to plan for, 1 by default"}
    add_arguments(group, processes, type=int)
    link = {"--link GB/S": "bandwidth between the processes to plan for, 50 by default"}
    add_arguments(group, link, type=float)
    parser.epilog = (
        f"{SETTINGS_EPILOG}\n\n"
        "Settings come from a preset or --from RUN, then --config FILE, then the flags:\n"
        "each overrides those before it. --dry-run shows the outcome, as --config reads it."
    )


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    places = {
        "source SOURCE": "images to decode, such as folder:PATH, imagenet or celeba",
        "out OUT": "folder to write, new or begun before",
    }
    add_arguments(parser, places, nargs="?")
    texts = {
        "--verify FOLDER": "packed folder to compare with its hash, and nothing else",
        "--size HxW": "height and width, such as 64x64: the short side is resized, then the centre"
        " cut out",
    }
    add_arguments(parser, texts)
    add_arguments(parser, {"--grayscale": "reduce images to one channel"}, action="store_true")
    drop = "leave out near copies of other images, which OUT/duplicates.csv lists"
    add_arguments(parser, {"--drop-duplicates": drop}, action="store_true")
    workers = {"--workers N": "number of threads, by default one a core up to 8"}
    add_arguments(parser, workers, type=int)
    texts = {
        "--max-corrupt SHARE": "largest share of images that may be unreadable, 0.01 by default",
        "--split-seed N": "seed of the order and of what is held out for testing",
        "--test-fraction SHARE": "share of the images to hold out where no test split is published",
        "--attribute NAME": "attribute of celeba that is the label",
        "--label-column NAME": "column of a table or hf: that is the label, `label` by default",
        "--pages first|all": "which pages or frames of a file are images, the first by default",
        "--group HOW": "what stays on one side of the split: folder, file, 1, or a pattern",
        "--root FOLDER": "folder of downloaded data sets, $AMBIGAN_DATA by default",
    }
    add_arguments(parser, texts)
    parser.epilog = (
        "OUT then holds images.npy (N x C x H x W, uint8, or scaled float32 of deeper images),\n"
        "index.parquet (file, label, split) and manifest.json (settings, counts, hash, files left\n"
        "out and why). After an interruption, repeat the command: it continues. Train on it with\n"
        "--data packed:OUT."
    )


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `reproduce`."""
    name = {"experiment NAME": "experiment to make, such as bigan-table1 or sao-main; see --list"}
    add_arguments(parser, name, nargs="?")
    listed = "list the experiments, and how long each takes"
    add_arguments(parser, {"--list": listed}, action="store_true")
    add_json(parser)
    presets = "presets to start from where the experiment leaves them open, such as paper,official"
    add_arguments(parser, {"--presets NAMES": presets})
    seeds = "number of seeds, counted from 0, or the seeds themselves with commas: 0,3 or 4,"
    add_arguments(parser, {"--seeds N": seeds}, default="1")
    add_arguments(parser, {"--data SOURCE": "data to train on in place of the experiment's"})
    parser.add_argument(
        "--runs",
        "--arms",
        metavar="NAMES",
        dest="runs",
        help="runs to make now, such as sao-flips,simclr-flips; all by default",
    )
    render = "write tables and page from the results that are there, without training"
    add_arguments(parser, {"--render": render}, action="store_true")
    _add_run_shortcuts(parser)
    out = {"--out FOLDER": "folder of the results, new, or the same to continue"}
    add_arguments(parser, out)
    parser.epilog = (
        "What is finished is not repeated: give the same command again after an interruption, or\n"
        "with more presets or seeds. Several processes may work in one folder; each takes what no\n"
        "other is working on. Any setting that all runs have is changed by its dotted name, and\n"
        "named in the caption: --settings.optimizer.learning-rate 1e-4 --train.ema-decay 0.99"
    )


def add_lists(verb: Verb) -> None:
    """Adds the verbs that list what there is, and the one that helps to type it."""
    presets = verb("presets", "List the published settings and what each has reached")
    names = {
        "method METHOD": "method whose presets to list",
        "preset PRESET": "preset to show in full",
    }
    add_arguments(presets, names, nargs="?")
    add_json(presets)
    settings = verb("settings", "List every setting of a method, with its default")
    names = {
        "method METHOD": "method, such as bigan, or MODULE:CLASS",
        "--preset": "preset whose values to show in place of the defaults",
    }
    add_arguments(settings, names)
    add_json(settings)
    completion = verb("completion", "Print a script that completes commands in your shell")
    shell = {"shell": "shell to complete in"}
    add_arguments(completion, shell, choices=["bash", "zsh", "fish"])
    completion.epilog = (
        "bash: echo 'eval \"$(ambigan completion bash)\"' >> ~/.bashrc\n"
        "zsh:  echo 'eval \"$(ambigan completion zsh)\"' >> ~/.zshrc, below compinit\n"
        "fish: ambigan completion fish > ~/.config/fish/completions/ambigan.fish"
    )
