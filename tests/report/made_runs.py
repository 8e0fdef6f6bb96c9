"""Runs that nobody trained, with logs and results that were made up: a page shows any of them."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ambigan.core.data_spec import DataSpec
from ambigan.core.settings import override
from ambigan.data import Dataset, Scaling, Split
from ambigan.engine.run_folder import RunFolder
from ambigan.evaluation.protocols import ACCURACY, find_protocol
from ambigan.evaluation.result import (
    DataRecord,
    Kind,
    ProtocolRecord,
    Provenance,
    Result,
    Subject,
    wilson_interval,
)
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


def make_result(dataset: Dataset, protocol: str = "knn1_euclidean", **changes: Any) -> list[Result]:
    """Results of a model with each kind of weights and of two baselines.

    Args:
        dataset: The data that the run was trained on.
        protocol: Any name.
        **changes: Parts of the provenance or the protocol's record.
    """
    about = DataRecord(dataset.name, dataset.sha256, 120, 400)
    provenance = Provenance(
        "bigan",
        "small",
        0,
        None,
        about,
        about,
        {"ambigan": "9.8.7", "torch": "2.0"},
        {"processor": "an abacus", "cores": 2, "gpu": None},
    )
    record = ProtocolRecord(protocol, "accuracy of the nearest neighbour", {"k": 1}, "a paper")
    names = {field.name for field in fields(Provenance)}
    provenance = replace(provenance, **{k: v for k, v in changes.items() if k in names})
    record = replace(record, **{k: v for k, v in changes.items() if k not in names})

    def one(name: str, kind: Kind, weights: str | None, accuracy: float) -> Result:
        metric = replace(ACCURACY, value=accuracy, interval=wilson_interval(accuracy, 400))
        subject = Subject(name, kind, weights, 16)
        return Result(record, subject, (metric,), provenance, 0.5)

    return [
        one("encoder.hidden2", "model", "ema", 91.25),
        one("encoder.hidden2", "model", "raw", 90.5),
        one("pixels", "baseline", None, 93.125),
        one("random encoder.hidden2", "untrained", None, 85.0),
    ]


def with_value(result: Result, value: float, name: str | None = None) -> Result:
    """A result with another value of its headline, and another subject if it is named."""
    metric = replace(result.headline, value=value)
    subject = replace(result.subject, name=name or result.subject.name)
    return replace(result, metrics=(metric,), subject=subject)


def make_reconstruction(dataset: Dataset) -> list[Result]:
    """Results of the reconstruction protocol."""
    protocol = find_protocol("reconstruction_l2")
    errors = {"ratio_real": 0.5, "error_real": 2.5, "error_real_shuffled": 5.0}
    known = {metric.name: metric for metric in protocol.metrics}
    metrics = tuple(replace(known[name], value=value) for name, value in errors.items())
    first, *_ = make_result(dataset, protocol.name)
    subjects = (Subject("reconstruction", "model", "ema"), Subject("training mean", "baseline"))
    return [replace(first, subject=subject, metrics=metrics) for subject in subjects]
