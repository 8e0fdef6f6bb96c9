"""Flags of the verbs that analyse a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


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


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `filters`."""
    parser.add_argument("--network", help="such as encoder; by default that of the feature layer")
    parser.add_argument("--out", help="a .png; the kernels go next to it as .npy")


def add_arithmetic(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `arithmetic`."""
    for sign in ("plus", "minus"):
        parser.add_argument(
            f"--{sign}", action=_Term, dest="terms", metavar="NUMBERS", help="such as 3,7,12"
        )
    parser.add_argument(
        "--of", choices=["samples", "data"], default="samples", help="what is numbered"
    )
    parser.add_argument("--num", type=int, default=64, help="how many are numbered, from 0")
    parser.add_argument("--seed", type=int, default=0, help="of samples and noise")
    parser.add_argument("--out", help="a .png to write; in the run's folder by default")
    parser.epilog = (
        "Without terms, a numbered sheet is written. Each term is the average of its examples;\n"
        "three a term are steadier than one: --plus 3,7,12 --minus 4,9,1 --plus 2,5,8"
    )


def add_forget(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `forget`."""
    parser.add_argument(
        "--box", action="append", help="SAMPLE:X,Y,WIDTH,HEIGHT in pixels; may be repeated"
    )
    parser.add_argument("--label", help="name or code of a class, which a probe sees in samples")
    parser.add_argument("--layer", help="of the generator; its second highest hidden convolution")
    parser.add_argument("--most", type=int, help="maps to drop; all with positive weights")
    parser.add_argument("--num", type=int, default=64, help="samples that boxes may be drawn on")
    parser.add_argument("--samples", type=int, default=2000, help="by which a label is found")
    parser.add_argument("--shown", type=int, default=16, help="pictures in a row")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--out", help="a .png to write; what was dropped goes next to it as .json")
    parser.epilog = (
        "Samples are numbered as in the sheet that `ambigan arithmetic RUN` writes. Labels are\n"
        "used for measuring, and with --label to choose what is dropped."
    )


def add_transfer(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `transfer`; the defaults are those of `TransferSettings`."""
    parser.add_argument("--data", metavar="SOURCE", help="labelled data to transfer to instead")
    parser.add_argument("--network", help="such as encoder; by default that of the feature layer")
    parser.add_argument("--labels", type=int, help="of so many training examples; all by default")
    parser.add_argument("--epochs", type=int, help="passes over the labelled examples; 5")
    parser.add_argument("--batch-size", type=int, help="examples a step; 64")
    parser.add_argument("--learning-rate", type=float, help="of Adam, falling to zero; 0.001")
    parser.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="mirror images at random",
    )
    parser.add_argument("--seed", type=int, help="of weights, order and flips; 0")
    parser.epilog = (
        "Written after each measurement; the same command goes on after an interruption."
    )
