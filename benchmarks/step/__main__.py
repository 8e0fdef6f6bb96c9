"""The command line of the benchmark of a training step."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ambigan.core.errors import AmbiganError
from ambigan.core.files import write_json

from .configs import CONFIGS
from .suite import run_suite

COLUMNS = {
    "name": "a step",
    "milliseconds": "ms",
    "speedup": "times textbook",
    "product_fraction": "of product rate",
    "copy_fraction": "of copy rate",
    "images_per_second": "images/s",
    "working_mib": "MiB to work in",
}


def main(arguments: list[str] | None = None) -> int:
    """Times a step, prints a table and writes the record if asked; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/step.py",
        description="Time a training step next to the textbook loop and the machine's own rates.",
    )
    parser.add_argument("game", nargs="?", default="bigan", choices=CONFIGS, help="bigan if absent")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--repeats", type=int, default=9, help="rounds; medians are over these")
    parser.add_argument("--steps", type=int, default=10, help="steps in a round")
    parser.add_argument("--out", type=Path, help="a .json file to write")
    flags = parser.parse_args(arguments)
    if min(flags.repeats, flags.steps) < 1:
        parser.error("--repeats and --steps must be 1 or more.")
    if flags.out and flags.out.suffix != ".json":
        parser.error(f"cannot write '{flags.out}': --out must end in .json.")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        record = run_suite(flags.game, flags.device, repeats=flags.repeats, steps=flags.steps)
    except AmbiganError as error:
        parser.error(str(error))
    _print(record)
    if flags.out:
        write_json(flags.out, record)
        print(f"written: {flags.out}")
    return 0


def _print(record: dict[str, Any]) -> None:
    table = Table(box=SIMPLE, pad_edge=False)
    for name, title in COLUMNS.items():
        table.add_column(title, justify="left" if name == "name" else "right")
    for row in record["rows"]:
        name, *numbers = (row[column] for column in COLUMNS)
        table.add_row(name, *("" if number is None else f"{number:,}" for number in numbers))
    console = Console()
    if not console.is_terminal:  # a file has no width to keep to
        console = Console(width=120)
    console.print(table)
    print(f"{record['title']}: {record['step_gflop']:,} GFLOP a step.")
    print(_hardware(record))
    for precision, shares in record.get("profile", {}).items():
        listed = "; ".join(f"{group} {share:.0%}" for group, share in shares.items() if share)
        print(f"Time of a step with the average, {precision}: {listed}.")


def _hardware(record: dict[str, Any]) -> str:
    """One line on the machine and its rates."""
    hardware = record["hardware"]
    rates, layers, stacking = (
        " and ".join(f"{value:,}{unit} in {kind}" for kind, value in record[name].items())
        for name, unit in (
            ("product_gflops", " GFLOP/s"),
            ("layer_gflops", ""),
            ("stacking_speedup", " times as fast"),
        )
    )
    where = hardware["gpu"] or f"{hardware['processor']}, threads: {record['threads']}"
    return (
        f"{where}: products at {rates}, a layer of {layers}, "
        f"copies at {record['copy_gbytes_per_second']:,} GB/s. Three layers stacked into one "
        f"product: {stacking}."
    )


if __name__ == "__main__":
    sys.exit(main())
