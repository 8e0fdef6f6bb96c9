"""The curve of a run over its checkpoints, beside the log of the BiGAN authors.

    ambigan train bigan --data mnist --preset official --epochs 25 --train.schedule-epochs 400 \
        --precision bf16 --train.keep-checkpoints 25 --out RUN
    ambigan evaluate RUN --curve --protocol knn1_euclidean,reconstruction_l2
    python examples/mnist_curve.py RUN results/mnist-official/curve.png

Their points are of a validation split, see docs/results/mnist.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

AUTHORS = {"knn1_euclidean": {1: 92.56, 25: 96.28}, "reconstruction_l2": {1: 0.91, 25: 0.77}}
SHOWN = {
    "knn1_euclidean": ("accuracy", "1-NN on the layer before E's output, %"),
    "reconstruction_l2": ("ratio_real", "reconstruction error over shuffled pairs"),
}
NAMES = {"raw": "last weights", "ema": "average (EMA)"}


def points(curve: dict[str, Any], weights: str, value: str) -> tuple[list[float], list[float]]:
    """Epochs and values of one kind of weights."""
    chosen = [point for point in curve["points"] if point["weights"] == weights]
    size = curve["data"]["num_train"]
    return [point["images_seen"] / size for point in chosen], [point[value] for point in chosen]


def main(run: str, out: str) -> None:
    """Draws both protocols side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), dpi=120)
    for axis, (protocol, (value, title)) in zip(axes, SHOWN.items(), strict=True):
        curve = json.loads(Path(run, "results", f"curve-{protocol}.json").read_text())
        for weights, name in NAMES.items():
            axis.plot(*points(curve, weights, value), marker="o", markersize=4, label=name)
        axis.plot(
            list(AUTHORS[protocol]),
            list(AUTHORS[protocol].values()),
            "k^",
            label="authors' log, validation split",
        )
        for row in curve["points"]:
            if row["features"] in ("pixels", "random encoder.hidden2"):
                axis.axhline(row[value], linewidth=0.8, linestyle=":", color="grey")
                axis.text(25, row[value], row["features"], fontsize=7, ha="right", va="bottom")
        axis.set(title=title, xlabel="epochs of 400")
        axis.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(out, facecolor="white")


if __name__ == "__main__":
    main(*sys.argv[1:])
