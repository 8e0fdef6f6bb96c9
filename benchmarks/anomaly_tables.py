"""Anomaly detection on the tables of ADBench: AUROC of `AnomalyDetector` and of its parts.

    python benchmarks/anomaly_tables.py FOLDER --seeds 0,1,2 --out results/anomaly-tables.json

FOLDER holds `.npz` files with `X` `(N, D)` and `y`, 1 for anomalies. For each seed, the normal rows
are shuffled; 70 % of them, at most 5,000, are fitted, and the others are scored with all anomalies,
at most 10,000 rows. Labels are used to measure alone. Sets that the file has are not fitted again.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from ambigan import AnomalyDetector, __version__
from ambigan.core.files import read_json, write_json

KNN = "kNN (k = 5)"


def divide(path: Path, seed: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows to fit, rows to score, and which of these are anomalies."""
    with np.load(path) as file:
        rows, labels = file["X"], file["y"]
    rng = np.random.default_rng(seed)
    normal = np.flatnonzero(labels == 0)
    rng.shuffle(normal)
    num = min(5_000, int(len(normal) * 0.7))
    scored = np.concatenate([normal[num:], np.flatnonzero(labels == 1)])
    if len(scored) > 10_000:
        scored = rng.choice(scored, 10_000, replace=False)
    return rows[normal[:num]], rows[scored], labels[scored] == 1


def measure(path: Path, seed: int) -> dict[str, Any]:
    fitted, scored, truth = divide(path, seed)
    begun = time.perf_counter()
    detector = AnomalyDetector(random_state=seed).fit(fitted)
    seconds = time.perf_counter() - begun
    found = detector.explain(scored)
    scaler = StandardScaler().fit(fitted)
    index = NearestNeighbors(n_neighbors=5).fit(scaler.transform(fitted))
    distances = index.kneighbors(scaler.transform(scored))[0].mean(1)
    values = {"score": found.scores, **found.parts, KNN: distances}
    return {
        "set": path.stem,
        "seed": seed,
        "fit_seconds": round(seconds, 1),
        "flagged_of_normal": float((detector.predict(scored)[~truth] == -1).mean()),
        "auroc": {name: float(roc_auc_score(truth, each)) for name, each in values.items()},
    }


def summarise(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over seeds of each set, and over sets."""
    by_set: dict[str, dict[str, float]] = {}
    for name in sorted({cell["set"] for cell in cells}):
        own = [cell["auroc"] for cell in cells if cell["set"] == name]
        by_set[name] = {key: mean(each[key] for each in own) for key in own[0]}
    names = next(iter(by_set.values()))
    return {
        "mean": {key: mean(each[key] for each in by_set.values()) for key in names},
        "least_above_knn": min(each["score"] - each[KNN] for each in by_set.values()),
        "median_fit_seconds": median(cell["fit_seconds"] for cell in cells),
        "by_set": by_set,
    }


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that the benchmarks of anomalies share."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=raw)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="hardware and commit")
    return parser


def begin(out: Path) -> list[dict[str, Any]]:
    """Silences warnings; what was measured before and is in the file."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    return read_json(out)["cells"] if out.exists() else []


def main() -> None:
    given = make_parser(__doc__).parse_args()
    cells = begin(given.out)
    for path in sorted(given.folder.glob("*.npz")):
        for seed in map(int, given.seeds.split(",")):
            if any((cell["set"], cell["seed"]) == (path.stem, seed) for cell in cells):
                continue
            cells.append(measure(path, seed))
            about = {"version": __version__, "torch": torch.__version__, "note": given.note}
            write_json(given.out, {**about, **summarise(cells), "cells": cells})
            print(path.stem, seed, round(cells[-1]["auroc"]["score"], 3), flush=True)


if __name__ == "__main__":
    main()
