"""Flags of the verbs that analyse a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .flags import Verb, add_run


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


def add_analysis_verbs(verb: Verb) -> None:
    """Adds the verbs that analyse a run: filters, arithmetic, forget, transfer."""
    for name, text, add in (
        ("filters", "Draw the first filters of a network", _add_filters),
        ("arithmetic", "Add and subtract averaged latents, and draw the sum", _add_arithmetic),
        ("forget", "Drop the feature maps of a generator that draw something", _add_forget),
        ("transfer", "Freeze the first layers, train the rest with labels, measure", _add_transfer),
    ):
        parser = verb(name, text)
        add_run(parser)
        add(parser)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    _add_network(parser)
    parser.add_argument(
        "--out", metavar="FILE", help=".png file to write, and the kernels as .npy next to it"
    )


def _add_arithmetic(parser: argparse.ArgumentParser) -> None:
    for sign, what in (("plus", "add"), ("minus", "subtract")):
        parser.add_argument(
            f"--{sign}",
            action=_Term,
            dest="terms",
            metavar="NUMBERS",
            help=f"examples whose mean latent to {what}, such as 3,7,12; may be repeated",
        )
    parser.add_argument(
        "--of",
        choices=["samples", "data"],
        default="samples",
        help="examples that are numbered: samples of the model (the default) or test data",
    )
    parser.add_argument(
        "--num", type=int, default=64, metavar="N", help="number of examples, counted from 0"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of samples and noise, 0 by default"
    )
    parser.add_argument(
        "--out", metavar="FILE", help=".png file to write; in the run's folder by default"
    )
    parser.epilog = (
        "Without terms, a numbered sheet is written to choose from. Each term is the average of\n"
        "its examples; three a term are steadier than one:\n"
        "  --plus 3,7,12 --minus 4,9,1 --plus 2,5,8"
    )


def _add_forget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--box",
        action="append",
        metavar="SAMPLE:X,Y,WIDTH,HEIGHT",
        help="box around what to forget, in pixels of a sample; may be repeated",
    )
    parser.add_argument(
        "--label", help="class to forget, by name or code, which a probe finds in samples"
    )
    parser.add_argument(
        "--layer", help="layer of the generator; its second highest hidden convolution by default"
    )
    parser.add_argument(
        "--most",
        type=int,
        metavar="N",
        help="largest number of maps to drop; all with positive weights by default",
    )
    parser.add_argument(
        "--num", type=int, default=64, metavar="N", help="number of samples that boxes may lie in"
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=2000,
        metavar="N",
        help="number of samples in which --label is looked for, 2000 by default",
    )
    parser.add_argument(
        "--shown", type=int, default=16, metavar="N", help="number of images in a row"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the samples, 0 by default"
    )
    parser.add_argument(
        "--out", metavar="FILE", help=".png file to write, and the dropped maps as .json next to it"
    )
    parser.epilog = (
        "Samples are numbered as in the sheet that `ambigan arithmetic RUN` writes. Labels serve\n"
        "for measuring, and with --label to choose what is dropped."
    )


def _add_transfer(parser: argparse.ArgumentParser) -> None:
    """What is left out is as `TransferSettings` has it."""
    parser.add_argument("--data", metavar="SOURCE", help="labelled data in place of the run's own")
    _add_network(parser)
    parser.add_argument(
        "--labels",
        type=int,
        metavar="N",
        help="number of labelled training examples, all by default",
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="number of passes over them, 5 by default"
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="number of examples in a step, 64 by default"
    )
    parser.add_argument(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="learning rate of Adam at the start, falling to zero; 0.001 by default",
    )
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="mirror images at random",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="seed of initial weights, order and flips, 0 by default",
    )
    parser.epilog = (
        "Results are written after each measurement; after an interruption, the same command\n"
        "continues."
    )


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--network",
        help="network to use, such as encoder; that of the feature layer by default",
    )
