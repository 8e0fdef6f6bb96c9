"""The picture of docs/results/structural.md, from a run of `structural` on labelled images.

    python examples/embeddings_picture.py RUN docs/results/structural.png

Above, where held-out images (by class) and samples lie in D's embedding, before and after training:
on the two directions in which the held-out ones vary most. Below, samples, and held-out images with
their nearest neighbours by angle.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import ambigan
from ambigan.data import Split, open_dataset, to_float
from ambigan.report.figures import image_grid
from ambigan.training import untrained

NUM, NUM_QUERIES, NUM_NEAREST = 3000, 8, 7


def main(run_path: str, out: str) -> None:
    """Draws four panels."""
    run = ambigan.load(run_path, device="cpu")
    dataset = open_dataset(run.config.data)
    test = dataset.test
    assert test.labels is not None
    real, fake = test.values[:NUM], run.sample(NUM // 3, seed=0).astype(np.float32)
    figure, axes = plt.subplots(2, 2, figsize=(12, 11), dpi=100, layout="constrained")
    for axis, name in zip(axes[0], ("before training", "after"), strict=True):
        if name == "before training":
            trained, run.method = run.method, untrained(run, dataset)
        r = directions(run.features(Split(real, None), "discriminator.output"))
        f = directions(run.features(fake, "discriminator.output"))
        if name == "before training":
            run.method = trained
        middle = r.mean(0)
        axes_of_data = np.linalg.svd(r - middle, full_matrices=False)[2][:2]
        axis.scatter(
            *((f - middle) @ axes_of_data.T).T, c="black", s=14, marker="x", linewidths=0.7,
            alpha=0.6, label="samples",
        )  # fmt: skip
        points = axis.scatter(
            *((r - middle) @ axes_of_data.T).T, c=test.labels[:NUM], cmap="tab10", s=6, linewidths=0
        )
        axis.set_title(f"embeddings {name}", fontsize=11)
        axis.set_aspect("equal", adjustable="datalim")
        axis.set_box_aspect(0.9)
        axis.set(xticks=[], yticks=[])
    names = [str(name) for name in dataset.label_names or np.unique(test.labels)]
    handles = [*points.legend_elements(num=None)[0], *axis.get_legend_handles_labels()[0]]
    figure.legend(handles, [*names, "samples"], loc="outside upper center", ncols=6, frameon=False)
    axes[1, 0].imshow(image_grid(fake[:64], columns=8), interpolation="none")
    axes[1, 0].set_title("samples", fontsize=11)
    shown = nearest(directions(run.features(Split(real, None))))
    values = to_float(real[shown.ravel()]).numpy()
    axes[1, 1].imshow(image_grid(values, columns=NUM_NEAREST + 1), interpolation="none")
    axes[1, 1].set_title("held-out images, each with its nearest to the right", fontsize=11)
    for axis in axes[1]:
        axis.set_axis_off()
    figure.savefig(Path(out), facecolor="white")


def directions(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """The first images, each before those most like it."""
    return np.argsort(-rows[:NUM_QUERIES] @ rows.T, axis=1)[:, : NUM_NEAREST + 1]


if __name__ == "__main__":
    main(*sys.argv[1:])
