"""Flags of the verbs that measure, use and analyse a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .flags import DEVICE, Verb, add_arguments, add_json

NETWORK = "network to use, such as encoder; that of the feature layer by default"
ARRAY_OR_PICTURE = ".npy or, for images, .png, for tables, .csv or .parquet"


class _Term(argparse.Action):
    """Collects `--plus` and `--minus` in the order in which they were typed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Adds one term."""
        sign = (option_string or "--plus").lstrip("-")
        namespace.terms = [*(namespace.terms or ()), (sign, str(values))]


def add_run_verbs(verb: Verb) -> None:
    """Adds the verbs that take a run: those that measure it, use it and analyse it."""
    for name, text, add in (
        ("evaluate", "Measure a run's features, and baselines to compare with", _add_evaluate),
        ("report", "Write a run's page: curves, samples and tables in one HTML file", None),
        ("sample", "Generate examples", _add_sample),
        ("reconstruct", "Encode test examples and generate them again", _add_reconstruct),
        (
            "interpolate",
            "Walk between pairs of examples through the latent space",
            _add_interpolate,
        ),
        ("embed", "Write the features of examples to a file", _add_embed),
        ("search", "Find the examples that are most like others", _add_search),
        ("filters", "Draw the first filters of a network", _add_filters),
        ("arithmetic", "Add and subtract averaged latents, and draw the sum", _add_arithmetic),
        ("forget", "Drop the feature maps of a generator that draw something", _add_forget),
        ("transfer", "Freeze the first layers, train the rest with labels, measure", _add_transfer),
    ):
        parser = verb(name, text)
        _add_run(parser)
        if add is not None:
            add(parser)


def _add_run(parser: argparse.ArgumentParser) -> None:
    """Adds the run that a verb uses, and how it is loaded."""
    add_arguments(parser, {"run RUN": "folder of a run, as `ambigan train` wrote it"})
    weights = "networks to use: averaged over training (ema, the default) or of the last step (raw)"
    add_arguments(parser, {"--weights": weights}, choices=["ema", "raw"])
    add_arguments(parser, {"--device": DEVICE}, default="auto")
    method = "method of the run, needed only where it lies outside the package"
    add_arguments(parser, {"--method MODULE:CLASS": method})


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    lists = {
        "--protocol NAMES": "protocols to measure, with commas or repeated; the quick ones by"
        " default, `all` for all that apply",
        "--layer NAMES": "layers to measure, such as encoder.hidden2, `latents` for E(x), or `each`"
        " for all that are worth measuring; with commas or repeated",
        "--reference-features": "features in which samples are compared with data: LAYER, RUN:LAYER"
        " of another run, or NAME=RUN:LAYER to give them a name; may be repeated",
    }
    add_arguments(parser, lists, action="append")
    texts = {
        "--inception FILE": "weights of the Inception network, needed for FID",
        "--views N": "number of random crops of each training image that a linear probe is trained"
        " on",
    }
    add_arguments(parser, texts)
    add_arguments(parser, {"--views-flip": "mirror half of the crops"}, action="store_true")
    texts = {
        "--views-short-side A,B": "least and greatest short side, in pixels, that images are scaled"
        " to before a crop",
        "--test-crops 1|5|10": "number of crops of a test image whose features are averaged",
    }
    add_arguments(parser, texts)
    curve = "measure every kept checkpoint in place of the final model"
    add_arguments(parser, {"--curve": curve}, action="store_true")
    data = "data to measure in place of the run's own, read as --data.max-train and the like say"
    add_arguments(parser, {"--data SOURCE": data})
    framing = "form in which other images are given to the networks, the run's by default"
    add_arguments(parser, {"--framing": framing}, choices=["run", "data"])
    add_json(parser)


def _add_sample(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser, {"--num N": "number of examples"}, type=int, default=64)
    _add_seed(parser, "seed of the latents")
    _add_out(parser, ARRAY_OR_PICTURE)


def _add_reconstruct(parser: argparse.ArgumentParser) -> None:
    _add_data(parser, "data to reconstruct")
    add_arguments(parser, {"--num N": "number of examples"}, type=int, default=32)
    _add_out(parser, ARRAY_OR_PICTURE)


def _add_interpolate(parser: argparse.ArgumentParser) -> None:
    add_arguments(parser, {"--pairs N": "number of pairs"}, type=int, default=8)
    steps = {"--steps N": "number of examples along each walk"}
    add_arguments(parser, steps, type=int, default=10)
    _add_seed(parser, "seed of the ends, where the method cannot encode examples")
    _add_out(parser, ARRAY_OR_PICTURE)


def _add_embed(parser: argparse.ArgumentParser) -> None:
    _add_data(parser, "data to describe")
    layer = (
        "layer whose output is written, such as encoder.hidden2, or `latents` for E(x); the"
        " run's feature layer by default"
    )
    add_arguments(parser, {"--layer": layer})
    _add_out(parser, ".npy, or .parquet or .csv with rows, ids and labels")


def _add_search(parser: argparse.ArgumentParser) -> None:
    query = (
        "examples to search for: an image file, a source such as folder:PATH, or rows of the"
        " run's data, as the source counts them from 0, such as 3,7,10-19; may be repeated for"
        " image files and rows"
    )
    add_arguments(parser, {"--query": query}, action="append", required=True)
    _add_data(parser, "data to search", default="the training split")
    layer = "layer that examples are compared by; the run's feature layer by default"
    add_arguments(parser, {"--layer": layer})
    num = {"--num N": "number of examples to find for each query"}
    add_arguments(parser, num, type=int, default=10)
    index = (
        "search method: exact, or faiss, which keeps an index in the run's folder for many"
        " searches of a large set"
    )
    add_arguments(parser, {"--index": index}, choices=["exact", "faiss"], default="exact")
    metric = "what is compared; euclidean for vectors and cosine for images by default"
    add_arguments(parser, {"--metric": metric}, choices=["cosine", "euclidean"])
    _add_out(parser, ".json, .parquet or, for images, .png")
    add_json(parser)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    out = ".png file to write, and the kernels as .npy next to it"
    add_arguments(parser, {"--network": NETWORK, "--out FILE": out})


def _add_arithmetic(parser: argparse.ArgumentParser) -> None:
    text = "examples whose mean latent to {}, such as 3,7,12; may be repeated"
    terms = {"--plus NUMBERS": text.format("add"), "--minus NUMBERS": text.format("subtract")}
    add_arguments(parser, terms, action=_Term, dest="terms")
    of = "examples that are numbered: samples of the model (the default) or test data"
    add_arguments(parser, {"--of": of}, choices=["samples", "data"], default="samples")
    num = {"--num N": "number of examples, counted from 0"}
    add_arguments(parser, num, type=int, default=64)
    _add_seed(parser, "seed of samples and noise")
    add_arguments(parser, {"--out FILE": ".png file to write; in the run's folder by default"})
    parser.epilog = (
        "Without terms, a numbered sheet is written to choose from. Each term is the average of\n"
        "its examples; three a term are steadier than one:\n"
        "  --plus 3,7,12 --minus 4,9,1 --plus 2,5,8"
    )


def _add_forget(parser: argparse.ArgumentParser) -> None:
    box = "box around what to forget, in pixels of a sample; may be repeated"
    add_arguments(parser, {"--box SAMPLE:X,Y,WIDTH,HEIGHT": box}, action="append")
    texts = {
        "--label": "class to forget, by name or code, which a probe finds in samples",
        "--layer": "layer of the generator; its second highest hidden convolution by default",
    }
    add_arguments(parser, texts)
    most = {"--most N": "largest number of maps to drop; all with positive weights by default"}
    add_arguments(parser, most, type=int)
    num = {"--num N": "number of samples that boxes may lie in"}
    add_arguments(parser, num, type=int, default=64)
    samples = {"--samples N": "number of samples in which --label is looked for, 2000 by default"}
    add_arguments(parser, samples, type=int, default=2000)
    add_arguments(parser, {"--shown N": "number of images in a row"}, type=int, default=16)
    _add_seed(parser, "seed of the samples")
    out = ".png file to write, and the dropped maps as .json next to it"
    add_arguments(parser, {"--out FILE": out})
    parser.epilog = (
        "Samples are numbered as in the sheet that `ambigan arithmetic RUN` writes. Labels serve\n"
        "for measuring, and with --label to choose what is dropped."
    )


def _add_transfer(parser: argparse.ArgumentParser) -> None:
    """What is left out is as `TransferSettings` has it."""
    texts = {"--data SOURCE": "labelled data in place of the run's own", "--network": NETWORK}
    add_arguments(parser, texts)
    counts = {
        "--labels N": "number of labelled training examples, all by default",
        "--epochs N": "number of passes over them, 5 by default",
        "--batch-size N": "number of examples in a step, 64 by default",
    }
    add_arguments(parser, counts, type=int)
    rate = "learning rate of Adam at the start, falling to zero; 0.001 by default"
    add_arguments(parser, {"--learning-rate RATE": rate}, type=float)
    flip = {"--flip": "mirror images at random"}
    add_arguments(parser, flip, action=argparse.BooleanOptionalAction, default=None)
    _add_seed(parser, "seed of initial weights, order and flips", default=None)
    parser.epilog = (
        "Results are written after each measurement; after an interruption, the same command\n"
        "continues."
    )


def _add_data(
    parser: argparse.ArgumentParser, what: str, default: str = "the run's own data"
) -> None:
    add_arguments(parser, {"--data SOURCE": f"{what}; {default} by default"})
    framing = "take images that are far larger or smaller than the run's all the same"
    add_arguments(parser, {"--framing": framing}, choices=["run"])
    split = "split of the run's own data to use"
    add_arguments(parser, {"--split": split}, choices=["train", "test", "all"])
    corrupt = {
        "--data.max-corrupt SHARE": "largest share of the images of --data that may be unreadable",
        "--data.max_corrupt": argparse.SUPPRESS,
    }
    add_arguments(parser, corrupt, dest="max_corrupt", type=float)


def _add_seed(parser: argparse.ArgumentParser, what: str, default: int | None = 0) -> None:
    add_arguments(parser, {"--seed N": f"{what}, 0 by default"}, type=int, default=default)


def _add_out(parser: argparse.ArgumentParser, suffixes: str) -> None:
    add_arguments(
        parser, {"--out FILE": f"file to write, {suffixes}; in the run's folder by default"}
    )
