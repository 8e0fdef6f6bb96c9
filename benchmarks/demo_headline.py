"""Whether the first number of `ambigan demo` holds on other splits and seeds.

    python benchmarks/demo_headline.py --out results/demo-headline.json

For each split of scikit-learn's digits and each seed of training, the demo's model is trained
without labels. Each test example then ranks the training split by the cosine
(`retrieval_cosine`), by the demo's features and by every baseline: pixels, PCA of several widths,
the same layer untrained, and two layers of an autoencoder of the same networks, latents and
optimiser, trained for as many steps (one seed a split) and untrained. What the file has is not
made again.
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
from ambigan.cli.parser import DEMO_METHOD, DEMO_PRESET
from ambigan.configuration import make_config
from ambigan.core.files import read_json, write_json
from ambigan.evaluation.result import Result
from ambigan.run_evaluation import evaluate_baselines

PROTOCOL = "retrieval_cosine"
PCA_WIDTHS = (5, 10, 20, 40)
AUTOENCODER_LAYERS = ("encoder.hidden2", "encoder.hidden2.norm")


def measure(split: int, seed: int) -> dict[str, Any]:
    """The headline metric of the demo's features and of the baselines without training."""
    settings: dict[str, Any] = {"preset": DEMO_PRESET, "seed": seed, "split_seed": split}
    begun = time.process_time()
    run = ambigan.fit(DEMO_METHOD, "digits", **settings)
    seconds = time.process_time() - begun
    ours, untrained = ambigan.evaluate(run, protocols=[PROTOCOL], baselines=["random"])
    data = make_config(DEMO_METHOD, preset=DEMO_PRESET, changes={"data.split_seed": split}).data
    simple = evaluate_baselines(data, PROTOCOL, PCA_WIDTHS)
    return {
        "split": split,
        "seed": seed,
        "layer": ours.subject.name,
        "map": value_of(ours),
        "baselines": {r.subject.name: value_of(r) for r in (*simple, untrained)},
        "training_cpu_seconds": round(seconds, 1),
    }


def measure_autoencoder(split: int) -> dict[str, float]:
    """The headline metric of two layers of an autoencoder, of one seed."""
    like: Any = make_config(DEMO_METHOD, preset=DEMO_PRESET)
    run = ambigan.fit(
        "autoencoder",
        "digits",
        preset="small",
        split_seed=split,
        epochs=like.train.epochs,
        batch_size=like.train.batch_size,
        optimizer__learning_rate=like.settings.optimizer.learning_rate,
    )
    found = ambigan.evaluate(
        run, protocols=[PROTOCOL], layers=AUTOENCODER_LAYERS, baselines=["random"]
    )
    return {f"autoencoder {r.subject.name}": value_of(r) for r in found}


def value_of(result: Result) -> float:
    """The value of a result's headline metric."""
    value = result.headline.value
    assert value is not None, "every split has every class"
    return value


def summarise(cells: list[dict[str, Any]], autoencoders: dict[str, Any]) -> dict[str, Any]:
    """How often the demo is ahead of every baseline, by how much, and the means."""
    baselines = [cell["baselines"] | autoencoders.get(str(cell["split"]), {}) for cell in cells]
    ahead = [cell["map"] - max(b.values()) for cell, b in zip(cells, baselines, strict=True)]
    return {
        "won": sum(difference > 0 for difference in ahead),
        "of": len(cells),
        "least_ahead": min(ahead),
        "mean_ahead": mean(ahead),
        "mean": mean(cell["map"] for cell in cells),
        "mean_of_baselines": {
            name: mean(b[name] for b in baselines if name in b)
            for name in dict.fromkeys(name for b in baselines for name in b)
        },
    }


def main() -> None:
    """Measures what the file lacks, and writes it after every pair of split and seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--splits", default="20,21,22,23,24")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="hardware and commit")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    kept = read_json(given.out) if given.out.exists() else {}
    cells: list[dict[str, Any]] = kept.get("cells", [])
    autoencoders: dict[str, Any] = kept.get("autoencoders", {})

    def write() -> None:
        about = {"version": __version__, "note": given.note, "protocol": PROTOCOL}
        summary = summarise(cells, autoencoders)
        parts = {"autoencoders": autoencoders, "cells": cells}
        write_json(given.out, {**about, **summary, **parts})
        print(summary, flush=True)

    splits = [int(split) for split in given.splits.split(",")]
    for seed in map(int, given.seeds.split(",")):
        for split in splits:
            if any((cell["split"], cell["seed"]) == (split, seed) for cell in cells):
                continue
            cells.append(measure(split, seed))
            write()
    for split in splits:
        if str(split) not in autoencoders:
            autoencoders[str(split)] = measure_autoencoder(split)
            write()


if __name__ == "__main__":
    main()
