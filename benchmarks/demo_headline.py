"""Whether the first number of `ambigan demo` holds on other splits and seeds.

    python benchmarks/demo_headline.py --out results/demo-headline.json

For each split of scikit-learn's digits and each seed of training, the demo's model and an
autoencoder of the same networks, latents, optimiser and steps are trained without labels. Each
test example then ranks the training split by the cosine (`retrieval_cosine`), by the demo's
features and by every baseline: pixels, PCA of several widths, the same layer untrained, and two
layers of the autoencoder. Pairs of split and seed that the file has are not made again.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from pathlib import Path
from statistics import mean
from typing import Any

import ambigan
from ambigan import __version__
from ambigan.cli.parser import DEMO_METHOD
from ambigan.configuration import make_config
from ambigan.core.files import read_json, write_json
from ambigan.evaluation.result import Result
from ambigan.run_evaluation import evaluate_baselines

PROTOCOL = "retrieval_cosine"
PCA_WIDTHS = (5, 10, 20, 40)
AUTOENCODER_LAYERS = ("encoder.hidden2", "encoder.hidden2.norm")


def measure(split: int, seed: int) -> dict[str, Any]:
    """The headline metric of the demo's features and of each baseline, in percent."""
    settings: dict[str, Any] = {"preset": "small", "seed": seed, "split_seed": split}
    begun = time.process_time()
    run = ambigan.fit(DEMO_METHOD, "digits", **settings)
    seconds = time.process_time() - begun
    ours = ambigan.evaluate(run, protocols=[PROTOCOL], baselines=["random"])
    settings |= {"epochs": run.config.train.epochs, "batch_size": run.config.train.batch_size}
    optimizer: Any = run.config.settings.optimizer
    settings |= {"optimizer__learning_rate": optimizer.learning_rate}
    autoencoder = ambigan.fit("autoencoder", "digits", **settings)
    theirs = ambigan.evaluate(
        autoencoder, protocols=[PROTOCOL], layers=AUTOENCODER_LAYERS, baselines=()
    )
    data = make_config(DEMO_METHOD, preset="small", changes={"data.split_seed": split}).data
    simple = evaluate_baselines(data, PROTOCOL, PCA_WIDTHS)
    baselines = {r.subject.name: value_of(r) for r in (*simple, *ours[1:])}
    baselines |= {f"autoencoder {r.subject.name}": value_of(r) for r in theirs}
    best = max(baselines.values())
    return {
        "split": split,
        "seed": seed,
        "layer": ours[0].subject.name,
        "map": value_of(ours[0]),
        "ahead": value_of(ours[0]) - best,
        "baselines": baselines,
        "training_cpu_seconds": round(seconds, 1),
    }


def value_of(result: Result) -> float:
    """The value of a result's headline metric."""
    value = result.headline.value
    assert value is not None, "every split has every class"
    return value


def summarise(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """How often the demo is ahead of every baseline, by how much, and the means."""
    return {
        "won": sum(cell["ahead"] > 0 for cell in cells),
        "of": len(cells),
        "least_ahead": min(cell["ahead"] for cell in cells),
        "mean": mean(cell["map"] for cell in cells),
        "mean_of_baselines": {
            name: mean(cell["baselines"][name] for cell in cells) for name in cells[0]["baselines"]
        },
    }


def main() -> None:
    """Measures what the file lacks, and writes it after every pair of split and seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--splits", default="10,11,12,13,14")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="hardware and commit")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    cells: list[dict[str, Any]] = read_json(given.out)["cells"] if given.out.exists() else []
    for seed in map(int, given.seeds.split(",")):
        for split in map(int, given.splits.split(",")):
            if any((cell["split"], cell["seed"]) == (split, seed) for cell in cells):
                continue
            cells.append(measure(split, seed))
            about = {"version": __version__, "note": given.note, "protocol": PROTOCOL}
            write_json(given.out, {**about, **summarise(cells), "cells": cells})
            found = cells[-1]
            print(split, seed, round(found["map"], 2), f"{found['ahead']:+.2f}", flush=True)


if __name__ == "__main__":
    main()
