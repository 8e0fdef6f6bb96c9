"""Runs that nobody trained, with logs and results that were made up: a page shows any of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ambigan.core.data_spec import DataSpec
from ambigan.core.settings import override
from ambigan.data import Dataset, Scaling, Split
from ambigan.engine.run_folder import RunFolder
from ambigan.game import Method
from ambigan.methods import METHODS
from ambigan.presets import find_preset
from ambigan.run import Run


def make_vectors(num_values: int, *, labelled: bool = False) -> Dataset:
    """Vectors far from standard units, so that a forgotten scaling shows."""
    raw = torch.from_numpy(np.random.default_rng(0).normal(50, 7, (90, num_values))).float()
    scaling = Scaling(raw.mean(0), raw.std(0), tuple(f"column {i}" for i in range(num_values)))
    values = scaling.apply(raw)
    labels = torch.arange(90) % 3 if labelled else None
    return Dataset(
        name="npy:vectors.npy",
        spec=DataSpec("vectors", (num_values,), bounded=False),
        train=Split(values[:50], None if labels is None else labels[:50]),
        test=Split(values[50:], None if labels is None else labels[50:]),
        label_names=None,
        scaling=scaling,
        sha256="0" * 64,
    )


def make_run(
    folder: Path,
    dataset: Dataset,
    method: str = "bigan",
    method_class: type[Method] | None = None,
    **changes: str,
) -> tuple[Run, RunFolder]:
    """An untrained run with a log of four lines."""
    settings = {"settings.network.hidden": "16,16", "settings.latent_dim": "3"}
    settings["train.epochs"] = "40"
    settings |= {name.replace("__", "."): value for name, value in changes.items()}
    config = override(find_preset(method, "small"), settings)
    torch.manual_seed(0)
    model = (method_class or METHODS[method])(config.settings, dataset.spec).eval()
    names, scaling = dataset.label_names, dataset.scaling
    seen = config.train.epochs * len(dataset.train)
    run = Run(folder, config, model, dataset.spec, scaling, names, seen, "ema")
    write_logs(folder, seen)
    return run, RunFolder(folder)


def write_logs(folder: Path, seen: int, alarms: dict[int, list[str]] | None = None) -> None:
    """Four lines of stats and timing; `alarms` by number of the line."""
    stats, timing = [], []
    for index in range(4):
        at = seen * (index + 1) // 4
        line: dict[str, Any] = {
            "images_seen": at,
            "epoch": index + 1.0,
            "losses": {"discriminator/real": 0.5, "discriminator/fake": 0.6, "generator/all": 1.0},
            "learning_rate": {"discriminator": 1e-3, "generator": 1e-3},
            "diagnostics": {"feature_spread": 0.5, "feature_rank": 9.0, "sample_spread": 0.9},
        }
        if found := (alarms or {}).get(index):
            line["warnings"] = found
        stats.append(json.dumps(line))
        timing.append(json.dumps({"images_seen": at, "seconds": 1.2, "images_per_second": 1000.0}))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stats.jsonl").write_text("\n".join(stats) + "\n")
    (folder / "timing.jsonl").write_text("\n".join(timing) + "\n")


def make_result(
    dataset: Dataset, protocol: str = "knn1_euclidean", **changes: Any
) -> dict[str, Any]:
    """A result with a model's row for each kind of weights and two baselines."""

    def row(name: str, kind: str, weights: str | None, accuracy: float) -> dict[str, Any]:
        head = {"features": name, "weights": weights, "kind": kind, "dim": 16}
        return head | {"accuracy": accuracy, "accuracy_per_class": [accuracy], "seconds": 0.5}

    return {
        "protocol": protocol,
        "summary": "accuracy of the nearest neighbour",
        "settings": {"k": 1},
        "source": "a paper",
        "data": {"name": dataset.name, "sha256": dataset.sha256, "num_train": 120, "num_test": 400},
        "version": "9.8.7",
        "torch": "2.0",
        "hardware": {"processor": "an abacus", "cores": 2, "gpu": None},
        "accuracy": 91.25,
        "rows": [
            row("encoder.hidden2", "model", "ema", 91.25),
            row("encoder.hidden2", "model", "raw", 90.5),
            row("pixels", "baseline", None, 93.125),
            row("random encoder.hidden2", "baseline", None, 85.0),
        ],
        **changes,
    }


def make_reconstruction(dataset: Dataset) -> dict[str, Any]:
    """A result of the reconstruction protocol."""
    errors = {"error_real": 2.5, "error_real_shuffled": 5.0, "ratio_real": 0.5}
    none = {"error_generated": None, "error_generated_shuffled": None, "ratio_generated": None}
    model = {"features": "reconstruction", "weights": "ema", "kind": "model"}
    mean = {"features": "training mean", "weights": None, "kind": "baseline"}
    rows = [model | errors | none, mean | errors | none]
    return make_result(dataset, "reconstruction_l2") | {"rows": rows, "ratio": 0.5}
