"""Flags of the verbs that train, prepare and use runs, with the flags that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Verb = Callable[[str, str], argparse.ArgumentParser]
"""Adds a verb: its name and what it does, in one sentence."""

DEVICE = "device to compute on: auto, cpu, cuda or cuda:N"
RUN = "folder of a run, as `ambigan train` wrote it"
SETTINGS_EPILOG = (
    "Any other setting is changed by its dotted name, as config.json holds it:\n"
    "  --settings.latent-dim 20 --settings.network.hidden 512,512 --train.ema-decay 0.99\n"
    "`ambigan settings METHOD` lists all of them."
)


def add_general(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that every verb has."""
    group = parser.add_argument_group("general")
    group.add_argument(
        "--quiet", action="store_true", help="show no progress and no information, only warnings"
    )
    group.add_argument(
        "--debug", action="store_true", help="show where an error arose, as a Python traceback"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print JSON on stdout, and nothing else"
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Adds the run that a verb uses, and how it is loaded."""
    parser.add_argument("run", metavar="RUN", help=RUN)
    parser.add_argument(
        "--weights",
        choices=["ema", "raw"],
        help="networks to use: averaged over training (ema, the default) or of the last step (raw)",
    )
    parser.add_argument("--device", default="auto", help=DEVICE)
    parser.add_argument(
        "--method",
        metavar="MODULE:CLASS",
        help="method of the run, needed only where it lies outside the package",
    )


def add_run_shortcuts(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that stand for settings of training."""
    parser.add_argument("--epochs", metavar="N", help="number of passes over the training split")
    parser.add_argument(
        "--batch-size",
        metavar="N",
        help="number of examples in a step, over all processes",
    )
    parser.add_argument("--device", help=DEVICE)
    parser.add_argument("--precision", help="number format of matrix products: fp32, bf16 or auto")


def add_training_verbs(verb: Verb) -> None:
    """Adds the verbs that make a model: demo, train, prepare."""
    demo = verb("demo", "Train on handwritten digits, measure, write a page: a minute")
    _add_new_run(demo)
    _add_train(verb("train", "Train a method on data, or continue a run"))
    _add_prepare(verb("prepare", "Decode images once, so that training reads them fast"))


def _add_new_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help="data to train on: a name such as mnist or cifar10, or KIND:PATH such as"
        " folder:photos, csv:table.csv, npy:array.npy, packed:FOLDER",
    )
    parser.add_argument(
        "--preset", help="published settings to start from; `ambigan presets` lists them"
    )
    add_run_shortcuts(parser)
    parser.add_argument("--seed", metavar="N", help="seed of everything that is drawn at random")
    parser.add_argument("--out", metavar="FOLDER", help="folder of the run, new or empty")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the whole configuration as JSON, and train and write nothing",
    )
    parser.epilog = SETTINGS_EPILOG


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="METHOD", help="method to train, such as bigan, or MODULE:CLASS"
    )
    parser.add_argument("--method", metavar="METHOD", help="the same as a flag")
    _add_new_run(parser)
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings to start from: a JSON file such as config.json of a run, which may leave out"
        " any setting, or MODULE:FUNCTION that returns them; flags override them",
    )
    parser.add_argument(
        "--from",
        dest="from_run",
        metavar="RUN",
        help="folder of a run whose settings to start from, with fresh weights",
    )
    parser.add_argument("--resume", metavar="RUN", help="folder of a run to continue where it was")
    parser.add_argument(
        "--continue",
        action="store_true",
        dest="go_on",
        help="start the run, or continue it if it was started: for jobs that are restarted",
    )
    plan = parser.add_argument_group("planning")
    plan.add_argument(
        "--plan",
        action="store_true",
        help="estimate memory, speed and time from a few real steps, and train nothing",
    )
    plan.add_argument(
        "--processes", type=int, metavar="N", help="number of processes to plan for, 1 by default"
    )
    plan.add_argument(
        "--link",
        type=float,
        metavar="GB/S",
        help="bandwidth between the processes to plan for, 50 by default",
    )
    parser.epilog = (
        f"{SETTINGS_EPILOG}\n\n"
        "Settings come from a preset or --from RUN, then --config FILE, then the flags:\n"
        "each overrides those before it. --dry-run shows the outcome, as --config reads it."
    )


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="images to decode, such as folder:PATH, imagenet or celeba",
    )
    parser.add_argument(
        "out", nargs="?", metavar="OUT", help="folder to write, new or begun before"
    )
    parser.add_argument(
        "--verify",
        metavar="FOLDER",
        help="packed folder to compare with its hash, and nothing else",
    )
    parser.add_argument(
        "--size",
        metavar="HxW",
        help="height and width, such as 64x64: the short side is resized, then the centre cut out",
    )
    parser.add_argument("--grayscale", action="store_true", help="reduce images to one channel")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of threads, by default one a core up to 8"
    )
    parser.add_argument(
        "--max-corrupt",
        metavar="SHARE",
        help="largest share of images that may be unreadable, 0.01 by default",
    )
    parser.add_argument(
        "--split-seed", metavar="N", help="seed of the order and of what is held out for testing"
    )
    parser.add_argument(
        "--test-fraction",
        metavar="SHARE",
        help="share of the images to hold out where no test split is published",
    )
    parser.add_argument("--attribute", metavar="NAME", help="attribute of celeba that is the label")
    parser.add_argument(
        "--label-column", metavar="NAME", help="column of hf: that is the label, `label` by default"
    )
    parser.add_argument(
        "--root", metavar="FOLDER", help="folder of downloaded data sets, $AMBIGAN_DATA by default"
    )
    parser.epilog = (
        "OUT then holds images.npy (uint8, N x C x H x W), index.parquet (file, label, split) and\n"
        "manifest.json (settings, counts, hash, files left out and why). After an interruption,\n"
        "repeat the command: it continues. Train on it with --data packed:OUT."
    )


def add_using_verbs(verb: Verb) -> None:
    """Adds the verbs that use a run."""
    sample = verb("sample", "Generate examples")
    add_run(sample)
    sample.add_argument("--num", type=int, default=64, metavar="N", help="number of examples")
    _add_seed(sample, "seed of the latents")
    _add_out(sample, ".npy or, for images, .png")
    reconstruct = verb("reconstruct", "Encode test examples and generate them again")
    add_run(reconstruct)
    _add_data(reconstruct, "data to reconstruct")
    reconstruct.add_argument("--num", type=int, default=32, metavar="N", help="number of examples")
    _add_out(reconstruct, ".npy or, for images, .png")
    interpolate = verb("interpolate", "Walk between pairs of examples through the latent space")
    add_run(interpolate)
    interpolate.add_argument("--pairs", type=int, default=8, metavar="N", help="number of pairs")
    interpolate.add_argument(
        "--steps", type=int, default=10, metavar="N", help="number of examples along each walk"
    )
    _add_seed(interpolate, "seed of the ends, where the method cannot encode examples")
    _add_out(interpolate, ".npy or, for images, .png")
    _add_embed(verb("embed", "Write the features of examples to a file"))
    _add_search(verb("search", "Find the examples that are most like others"))


def _add_embed(parser: argparse.ArgumentParser) -> None:
    add_run(parser)
    _add_data(parser, "data to describe")
    parser.add_argument(
        "--layer",
        help="layer whose output is written, such as encoder.hidden2, or `latents` for E(x); the"
        " run's feature layer by default",
    )
    _add_out(parser, ".npy, or .parquet with names and labels")


def _add_search(parser: argparse.ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument(
        "--query",
        action="append",
        required=True,
        help="examples to search for: an image file, a source such as folder:PATH, or rows of the"
        " test split such as 3,7,10-19; may be repeated for image files and rows",
    )
    _add_data(parser, "data to search", default="the training split")
    parser.add_argument(
        "--layer", help="layer that examples are compared by; the run's feature layer by default"
    )
    parser.add_argument(
        "--num", type=int, default=10, metavar="N", help="number of examples to find for each query"
    )
    parser.add_argument(
        "--index",
        choices=["exact", "faiss"],
        default="exact",
        help="search method: exact, or faiss, which keeps an index in the run's folder for many"
        " searches of a large set",
    )
    _add_out(parser, ".json, .parquet or, for images, .png")
    add_json(parser)


def add_lists(verb: Verb) -> None:
    """Adds the verbs that list what there is, and the one that helps to type it."""
    presets = verb("presets", "List the published settings and what each has reached")
    presets.add_argument("method", nargs="?", metavar="METHOD", help="method whose presets to list")
    presets.add_argument("preset", nargs="?", metavar="PRESET", help="preset to show in full")
    add_json(presets)
    settings = verb("settings", "List every setting of a method, with its default")
    settings.add_argument("method", metavar="METHOD", help="method, such as bigan, or MODULE:CLASS")
    settings.add_argument("--preset", help="preset whose values to show in place of the defaults")
    add_json(settings)
    completion = verb("completion", "Print a script that completes commands in your shell")
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="shell to complete in")
    completion.epilog = (
        "bash: echo 'eval \"$(ambigan completion bash)\"' >> ~/.bashrc\n"
        "zsh:  echo 'eval \"$(ambigan completion zsh)\"' >> ~/.zshrc, below compinit\n"
        "fish: ambigan completion fish > ~/.config/fish/completions/ambigan.fish"
    )


def _add_data(
    parser: argparse.ArgumentParser, what: str, default: str = "the run's own data"
) -> None:
    parser.add_argument("--data", metavar="SOURCE", help=f"{what}; {default} by default")
    parser.add_argument(
        "--framing",
        choices=["run"],
        help="take images that are far larger or smaller than the run's all the same",
    )
    parser.add_argument(
        "--split", choices=["train", "test", "all"], help="split of the run's own data to use"
    )
    parser.add_argument(
        "--data.max-corrupt",
        dest="max_corrupt",
        type=float,
        metavar="SHARE",
        help="largest share of the images of --data that may be unreadable",
    )
    parser.add_argument(
        "--data.max_corrupt", dest="max_corrupt", type=float, help=argparse.SUPPRESS
    )


def _add_seed(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=f"{what}, 0 by default")


def _add_out(parser: argparse.ArgumentParser, suffixes: str) -> None:
    parser.add_argument(
        "--out", metavar="FILE", help=f"file to write, {suffixes}; in the run's folder by default"
    )
