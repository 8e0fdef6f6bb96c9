"""The picture of the README, from a finished run on images.

    python examples/readme_picture.py RUN docs/digits.png

Left, held-out data above what the run makes of them through its latents; middle, samples; right,
the held-out data placed by t-SNE of their features, coloured by the labels training never saw.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import ambigan
from ambigan.data import Split, open_dataset
from ambigan.report.figures import embed_2d, image_grid, reconstruction_grid


def main(run_path: str, out: str) -> None:
    """Draws the three panels side by side."""
    run = ambigan.load(run_path, device="cpu")
    test = open_dataset(run.config.data).test
    shown = Split(test.values[:36], None)
    some = np.random.default_rng(0).permutation(len(test))[:2000]
    places = embed_2d(run.features(Split(test.values[some], None)))
    panels = {
        "data, and below what is made of them": reconstruction_grid(
            run.originals(shown), run.reconstruct(shown), columns=6
        ),
        "samples": image_grid(run.sample(72, seed=1), columns=6),
    }
    figure, axes = plt.subplots(1, 3, figsize=(12, 6.4), width_ratios=[1, 1, 2], dpi=110)
    for axis, (title, picture) in zip(axes, panels.items(), strict=False):
        axis.imshow(picture, interpolation="none")
        axis.set_title(title, fontsize=10)
    assert test.labels is not None
    labels = test.labels[some].numpy()
    axes[2].scatter(*places.T, c=labels, cmap="tab10", s=7, linewidths=0)
    for label in np.unique(labels):
        centre = np.median(places[labels == label], axis=0)
        axes[2].text(*centre, str(label), fontsize=15, weight="bold", ha="center", va="center")
    axes[2].set_title("features of data never seen, coloured by labels never used", fontsize=10)
    for axis in axes:
        axis.set_axis_off()
    figure.tight_layout()
    figure.savefig(Path(out), facecolor="white")


if __name__ == "__main__":
    main(*sys.argv[1:])
