"""The flags of each verb, with the texts of their help."""

from __future__ import annotations

import argparse
from typing import Any

Flags = dict[str, str | tuple[str, dict[str, Any]]]
"""Help texts by flag or positional argument, with the name of its value if that is another than
the flag's: `--num N`; in a pair with what else argparse is to know of it, such as `type=int`."""

FLOAT: dict[str, Any] = {"type": float}
OPTIONAL: dict[str, Any] = {"nargs": "?"}


def _switch(text: str, **options: Any) -> tuple[str, dict[str, Any]]:
    return text, {"action": "store_true", **options}


def _several(text: str, **options: Any) -> tuple[str, dict[str, Any]]:
    return text, {"action": "append", **options}


def _term(sign: str, text: str) -> tuple[str, dict[str, Any]]:
    """A term of a sum; all are kept in one list, in the order in which they are typed."""

    def read(typed: str) -> tuple[str, str]:
        return sign, typed

    return _several(f"{text}, such as 3,7,12; may be repeated", dest="terms", type=read)


def _integer(text: str, default: int | None = None) -> tuple[str, dict[str, Any]]:
    return text, {"type": int, "default": default}


GENERAL: Flags = {
    "--plugin MODULE": _several(
        "a module or .py file that registers methods, data or protocols; may be repeated",
        default=[],
    ),
    "--quiet": _switch("show no progress and no information, only warnings"),
    "--debug": _switch("show where an error arose, as a Python traceback"),
}
"""The flags that every verb has."""

JSON: Flags = {"--json": _switch("print JSON on stdout, and nothing else")}
DEVICE = "device to compute on: auto, cpu, cuda or cuda:N"
NETWORK = "network to use, such as encoder; that of the feature layer by default"

DATA_SHORTCUTS: Flags = {
    "--epochs N": "number of passes over the training split",
    "--batch-size N": "number of examples in a step, over all processes",
    "--device": DEVICE,
    "--precision": "number format of matrix products: fp32, bf16 or auto",
}

NEW_RUN: Flags = {
    "--data SOURCE": "data to train on: a name such as mnist or cifar10, or KIND:PATH such as"
    " folder:photos, csv:table.csv, npy:array.npy, packed:FOLDER",
    "--preset": "published settings to start from; `ambigan presets` lists them",
    **DATA_SHORTCUTS,
    "--seed N": "seed of everything that is drawn at random",
    "--out FOLDER": "folder of the run, new or empty",
    "--dry-run": _switch("print the whole configuration as JSON, and train and write nothing"),
}

TRAIN: Flags = {
    "name METHOD": ("method to train, such as bigan, or MODULE:CLASS", OPTIONAL),
    "--method METHOD": "the same as a flag",
    **NEW_RUN,
    "--config FILE": "settings to start from: a JSON file such as config.json of a run, which may"
    " leave out any setting, or MODULE:FUNCTION that returns them; flags override them",
    "--from RUN": (
        "folder of a run whose settings to start from, with fresh weights",
        {"dest": "from_run"},
    ),
    "--resume RUN": "folder of a run to continue where it was",
    "--continue": _switch(
        "start the run, or continue it if it was started: for jobs that are restarted",
        dest="go_on",
    ),
}

PLANNING: Flags = {
    "--plan": _switch("estimate memory, speed and time from a few real steps, and train nothing"),
    "--processes N": _integer("number of processes to plan for, 1 by default"),
    "--link GB/S": ("bandwidth between the processes to plan for, 50 by default", FLOAT),
}

PREPARE: Flags = {
    "source SOURCE": ("images to decode, such as folder:PATH, imagenet or celeba", OPTIONAL),
    "out OUT": (
        "folder to write, new or begun before; a URL such as s3://BUCKET/SET is written in shards",
        OPTIONAL,
    ),
    "--verify FOLDER": "packed folder or URL to compare with its hash, and nothing else",
    "--shard-megabytes N": _integer("size of a shard at a URL in MB, 1,000 by default"),
    "--size HxW": "height and width, such as 64x64: the short side is resized, then the centre cut"
    " out",
    "--keep-sides": _switch(
        "keep the longer side of images as well, up to twice the size, for random crops"
    ),
    "--grayscale": _switch("reduce images to one channel", default=None),
    "--workers N": _integer("number of threads, by default one a core up to 8"),
    "--max-corrupt SHARE": "largest share of images that may be unreadable, 0.01 by default",
    "--split-seed N": "seed of the order and of what is held out for testing",
    "--test-fraction SHARE": "share of the images to hold out where no test split is published",
    "--attribute NAME": "attribute of celeba that is the label",
    "--label-column NAME": "column of a table or hf: that is the label, `label` by default",
    "--pages first|all": "which pages or frames of a file are images, the first by default",
    "--group HOW": "what stays on one side of the split: folder, file, 1, or a pattern",
    "--drop-duplicates": _switch(
        "leave out near copies of other images, which OUT/duplicates.csv lists"
    ),
    "--duplicates-by": (
        "what tells near copies: a perceptual hash (hash, the default) or DCGAN's autoencoder"
        " (codes)",
        {"choices": ["hash", "codes"]},
    ),
    "--root FOLDER": "folder of downloaded data sets, $AMBIGAN_DATA by default",
}

RUN: Flags = {
    "run RUN": "folder of a run, as `ambigan train` wrote it, or hf:USER/NAME of a model on the"
    " Hugging Face hub",
    "--weights": (
        "networks to use: averaged over training (ema, the default) or of the last step (raw)",
        {"choices": ["ema", "raw"]},
    ),
    "--device": (DEVICE, {"default": "auto"}),
    "--method MODULE:CLASS": "method of the run, needed only where it lies outside the package",
}
"""The run that a verb uses, and how it is loaded."""

EVALUATE: Flags = {
    **RUN,
    "--protocol NAMES": _several(
        "protocols to measure, with commas or repeated; the quick ones by default, `all` for all"
        " that apply"
    ),
    "--layer NAMES": _several(
        "layers to measure, such as encoder.hidden2, `latents` for E(x), or `each` for all that are"
        " worth measuring; with commas or repeated"
    ),
    "--reference-features": _several(
        "features in which samples are compared with data: LAYER, RUN:LAYER of another run, or"
        " NAME=RUN:LAYER to give them a name; may be repeated"
    ),
    "--inception FILE": "weights of the Inception network, needed for FID",
    "--views N": "number of random crops of each training image that a linear probe is trained on",
    "--views-flip": _switch("mirror half of the crops"),
    "--views-short-side A,B": "least and greatest short side, in pixels, that images are scaled to"
    " before a crop",
    "--test-crops 1|5|10": "number of crops of a test image whose features are averaged",
    "--curve": _switch("measure every kept checkpoint in place of the final model"),
    "--data SOURCE": "data to measure in place of the run's own, read as --data.max-train and the"
    " like say",
    "--framing": (
        "form in which other images are given to the networks, the run's by default",
        {"choices": ["run", "data"]},
    ),
    **JSON,
}

OUT: Flags = {
    "--out FILE": "file to write, .npy or, for images, .png, for tables, .csv or .parquet; in the"
    " run's folder by default"
}


def _data(what: str, default: str = "the run's own data") -> Flags:
    """The flags of verbs that take the run's own data or, read as those are, others."""
    return {
        "--data SOURCE": f"{what}, read as --data.label-column and the like say; {default} by"
        " default",
        "--framing": (
            "take images that are far larger or smaller than the run's all the same",
            {"choices": ["run"]},
        ),
        "--split": ("split of the run's own data to use", {"choices": ["train", "test", "all"]}),
    }


SAMPLE: Flags = {
    **RUN,
    "--num N": _integer("number of examples", 64),
    "--seed N": _integer("seed of the latents, 0 by default", 0),
    **OUT,
}

RECONSTRUCT: Flags = {
    **RUN,
    **_data("data to reconstruct"),
    "--num N": _integer("number of examples", 32),
    **OUT,
}

INVERT: Flags = {
    **RUN,
    **_data("data to invert", default="the test split"),
    "--num N": _integer("number of examples", 32),
    "--steps N": _integer("number of steps of Adam", 200),
    "--mask FILE": "values that are known, 1 or True in a .npy file of shape (H, W) or (N, H, W),"
    " of vectors (D,) or (N, D)",
    "--mask-box X,Y,WIDTH,HEIGHT": "box of each image that is hidden, in pixels",
    "--feature-weight W": (
        "weight of the distance of features in the loss, 0 by default",
        {**FLOAT, "default": 0.0},
    ),
    "--layer": "layer of these features; that of `ambigan embed` by default",
    "--prior-weight W": (
        "weight of the mean squared latent in the loss, 0 by default",
        {**FLOAT, "default": 0.0},
    ),
    "--seed N": _integer("seed of the samples to start from, 0 by default", 0),
    "--out FOLDER": "folder to write, `inversion` in the run's folder by default",
    **JSON,
}

INTERPOLATE: Flags = {
    **RUN,
    "--pairs N": _integer("number of pairs", 8),
    "--steps N": _integer("number of examples along each walk", 10),
    "--seed N": _integer(
        "seed of the ends, where the method cannot encode examples, 0 by default", 0
    ),
    **OUT,
}

EMBED: Flags = {
    **RUN,
    **_data("data to describe"),
    "--layer": "layer whose output is written, such as encoder.hidden2, or `latents` for E(x); the"
    " run's feature layer by default",
    "--out FILE": "file to write, .npy, or .parquet or .csv with rows, ids and labels; in the run's"
    " folder by default",
}

SEARCH: Flags = {
    **RUN,
    "--query": _several(
        "examples to search for: an image file, a source such as folder:PATH, or rows of the run's"
        " data, as the source counts them from 0, such as 3,7,10-19; may be repeated for image"
        " files and rows",
        required=True,
    ),
    **_data("data to search", default="the training split"),
    "--layer": "layer that examples are compared by; the run's feature layer by default",
    "--num N": _integer("number of examples to find for each query", 10),
    "--index": (
        "search method: exact, or faiss, which keeps an index in the run's folder for many"
        " searches of a large set",
        {"choices": ["exact", "faiss"], "default": "exact"},
    ),
    "--metric": (
        "what is compared; euclidean for vectors and cosine for images by default",
        {"choices": ["cosine", "euclidean"]},
    ),
    "--out FILE": "file to write, .json, .parquet or, for images, .png; in the run's folder by"
    " default",
    **JSON,
}

ANOMALY: Flags = {
    **RUN,
    **_data("data to score", default="the test split"),
    "--normal LABELS": "labels of normal examples, with commas, those of data.train_on by default;"
    " scores are then compared with the labels",
    "--threshold Q": (
        "fraction of normal examples that are not flagged, 0.99 by default",
        {**FLOAT, "default": 0.99},
    ),
    "--neighbors N": _integer(
        "number of normal examples that each is compared with, 1 by default; 20 where the training"
        " data hold anomalies too",
        1,
    ),
    "--seed N": _integer("seed of what is drawn from large data, 0 by default", 0),
    "--out FOLDER": "folder to write, `anomaly` in the run's folder by default",
    **JSON,
}

EXPORT: Flags = {
    **RUN,
    "--to": (
        "format to write: onnx, torch (code that needs torch and safetensors alone) or safetensors",
        {"choices": ["onnx", "torch", "safetensors"], "required": True},
    ),
    "--part NAMES": _several(
        "parts to export: encoder, generator, discriminator (its features), features; with commas"
        " or repeated; all that the method has by default"
    ),
    "--layer": "layer of the part features; that of `ambigan embed` by default",
    "--out PATH": (
        "folder to write, new or empty; of one part in ONNX, also a file .onnx",
        {"required": True},
    ),
    **JSON,
}

PUSH: Flags = {
    "run RUN": "folder of a finished run",
    "repository USER/NAME": "repository on the Hugging Face hub, new or one of yours",
    "--private": _switch("make a new repository that its owner alone sees"),
}

FILTERS: Flags = {
    **RUN,
    "--network": NETWORK,
    "--out FILE": ".png file to write, and the kernels as .npy next to it",
}


ARITHMETIC: Flags = {
    **RUN,
    "--plus NUMBERS": _term("plus", "examples whose mean latent to add"),
    "--minus NUMBERS": _term("minus", "examples whose mean latent to subtract"),
    "--of": (
        "examples that are numbered: samples of the model (the default) or test data",
        {"choices": ["samples", "data"], "default": "samples"},
    ),
    "--num N": _integer("number of examples, counted from 0", 64),
    "--seed N": _integer("seed of samples and noise, 0 by default", 0),
    "--out FILE": ".png file to write; in the run's folder by default",
}

FORGET: Flags = {
    **RUN,
    "--box SAMPLE:X,Y,WIDTH,HEIGHT": _several(
        "box around what to forget, in pixels of a sample; may be repeated"
    ),
    "--label": "class to forget, by name or code, which a probe finds in samples",
    "--layer": "layer of the generator; its second highest hidden convolution by default",
    "--most N": _integer("largest number of maps to drop; all with positive weights by default"),
    "--num N": _integer("number of samples that boxes may lie in", 64),
    "--samples N": _integer(
        "number of samples in which --label is looked for, 2000 by default", 2000
    ),
    "--shown N": _integer("number of images in a row", 16),
    "--seed N": _integer("seed of the samples, 0 by default", 0),
    "--out FILE": ".png file to write, and the dropped maps as .json next to it",
}

TRANSFER: Flags = {  # what is left out is as `TransferSettings` has it
    **RUN,
    "--data SOURCE": "labelled data in place of the run's own",
    "--network": NETWORK,
    "--labels N": _integer("number of labelled training examples, all by default"),
    "--epochs N": _integer("number of passes over them, 5 by default"),
    "--batch-size N": _integer("number of examples in a step, 64 by default"),
    "--learning-rate RATE": (
        "learning rate of Adam at the start, falling to zero; 0.001 by default",
        FLOAT,
    ),
    "--flip": (
        "mirror images at random",
        {"action": argparse.BooleanOptionalAction, "default": None},
    ),
    "--seed N": _integer("seed of initial weights, order and flips, 0 by default"),
}

REPRODUCE: Flags = {
    "experiment NAME": (
        "experiment to make, such as bigan-table1 or sao-main; see --list",
        OPTIONAL,
    ),
    "--list": _switch("list the experiments, and how long each takes"),
    **JSON,
    "--presets NAMES": "presets to start from where the experiment leaves them open, such as"
    " paper,official",
    "--seeds N": (
        "number of seeds, counted from 0, or the seeds themselves with commas: 0,3 or 4,",
        {"default": "1"},
    ),
    "--data SOURCE": "data to train on in place of the experiment's",
    "--sets NAMES": "sets of data of an experiment on several, such as glass,wine; all by default",
    "--runs/--arms NAMES": "runs to make now, such as sao-flips,simclr-flips; all by default",
    "--render": _switch("write tables and page from the results that are there, without training"),
    **DATA_SHORTCUTS,
    "--out FOLDER": "folder of the results, new, or the same to continue",
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
