"""Anomaly detection on magnetic tiles: AUROC of `AnomalyDetector`, of its parts and of its maps.

    python benchmarks/anomaly_tiles.py FOLDER --seeds 0 --out results/anomaly-tiles.json

FOLDER holds `train/good`, `test/good`, `test/DEFECT` and `ground_truth/DEFECT`, whose masks are
named as the images. All images are resized to squares, and maps to the masks. The detector is
fitted on `train/good`; labels and masks are used to measure alone. `--synthetic` scores simulated
defects on 15 % of `train/good` instead, after fitting the others, and touches no test data.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from ambigan import AnomalyDetector, __version__
from ambigan.anomaly.simulated_defects import add_defects
from ambigan.core.files import read_json, write_json

SIDE = 128


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def gray(path: Path) -> NDArray[np.uint8]:
    image = Image.open(path).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(image)


def mask_of(path: Path, root: Path) -> NDArray[np.bool_]:
    """Where the defect of a test image is, at the image's own size."""
    kind = path.parent.name
    if kind == "good":
        width, height = Image.open(path).size
        return np.zeros((height, width), bool)
    found = next((root / "ground_truth" / kind).glob(f"{path.stem}.*"))
    return np.asarray(Image.open(found).convert("L")) > 127


def pixel_auroc(maps: NDArray[np.float32], masks: list[NDArray[np.bool_]]) -> float:
    """AUROC over all pixels, with maps resized to the masks."""
    resized = [
        np.asarray(Image.fromarray(each).resize(mask.shape[::-1], Image.Resampling.BILINEAR))
        for each, mask in zip(maps, masks, strict=True)
    ]
    truth = np.concatenate([mask.ravel() for mask in masks])
    return float(roc_auc_score(truth, np.concatenate([each.ravel() for each in resized])))


def tiles(root: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[NDArray[np.bool_]]]:
    """Images to fit, images to score with their kinds, and their masks."""
    scored = [path for folder in sorted((root / "test").iterdir()) for path in files(folder)]
    kinds = np.array([path.parent.name for path in scored])
    fitted = np.stack([gray(path) for path in files(root / "train" / "good")])
    masks = [mask_of(path, root) for path in scored]
    return fitted, np.stack([gray(path) for path in scored]), kinds, masks


def simulated(
    root: Path,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[NDArray[np.bool_]]]:
    """The same of training images alone, with simulated defects on held-out ones."""
    images = np.stack([gray(path) for path in files(root / "train" / "good")])
    images = images[np.random.default_rng(0).permutation(len(images))]
    num = int(len(images) * 0.85)
    known = torch.as_tensor(images[:num])[:, None] / 127.5 - 1
    held_out = torch.as_tensor(images[num:])[:, None] / 255
    changed, where = add_defects(held_out, known, torch.Generator().manual_seed(1_000))
    kinds = np.where(where.numpy().any((1, 2, 3)), "simulated", "good")
    both = np.concatenate([images[num:], (changed[:, 0] * 255).byte().numpy()])
    masks = [np.zeros((SIDE, SIDE), bool)] * len(held_out) + list(where[:, 0].numpy() > 0)
    return images[:num], both, np.concatenate([["good"] * len(held_out), kinds]), masks


def residuals(fitted: NDArray[Any], scored: NDArray[Any]) -> NDArray[np.float64]:
    """Error of 50 principal components of images of 32x32, the baseline."""
    small = [
        np.stack([np.asarray(Image.fromarray(each).resize((32, 32))).ravel() for each in images])
        / 255.0
        for images in (fitted, scored)
    ]
    model = PCA(50, random_state=0).fit(small[0])
    again = model.inverse_transform(model.transform(small[1]))
    return ((again - small[1]) ** 2).mean(1)


def measure(
    data: tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[NDArray[np.bool_]]], seed: int
) -> dict[str, Any]:
    fitted, scored, kinds, masks = data
    begun = time.perf_counter()
    detector = AnomalyDetector(random_state=seed).fit(fitted)
    fit_seconds = time.perf_counter() - begun
    found = detector.explain(scored)
    seconds = time.perf_counter() - begun
    values = {"score": found.scores, **found.parts, "PCA of 32x32": residuals(fitted, scored)}
    good = kinds == "good"
    auroc = {name: {"all": float(roc_auc_score(~good, each))} for name, each in values.items()}
    for kind in sorted(set(kinds[~good].tolist())):
        own = good | (kinds == kind)
        for name, each in values.items():
            auroc[name][kind] = float(roc_auc_score(~good[own], each[own]))
    assert found.maps is not None
    return {
        "seed": seed,
        "fit_seconds": round(fit_seconds, 1),
        "fit_and_score_seconds": round(seconds, 1),
        "flagged_of_normal": float((found.scores > -detector.offset_)[good].mean()),
        "image_auroc": auroc,
        "pixel_auroc": pixel_auroc(found.maps, masks),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--synthetic", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--note", default="", help="hardware and commit")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    cells: list[dict[str, Any]] = read_json(given.out)["cells"] if given.out.exists() else []
    data = simulated(given.folder) if given.synthetic else tiles(given.folder)
    for seed in map(int, given.seeds.split(",")):
        if any(cell["seed"] == seed for cell in cells):
            continue
        cells.append(measure(data, seed))
        about = {"version": __version__, "torch": torch.__version__, "note": given.note}
        write_json(given.out, {**about, "cells": cells})
        print(cells[-1], flush=True)


if __name__ == "__main__":
    main()
