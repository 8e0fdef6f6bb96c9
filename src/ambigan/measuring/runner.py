"""Measuring a run, its checkpoints, or data that need no run, and writing what was found."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import CheckpointError
from ..core.files import check_writable, write_json
from ..data import Dataset, DataSettings, open_dataset
from ..engine.checkpoint import images_seen_at, list_checkpoints
from ..engine.config import choose_device
from ..engine.run_folder import RunFolder
from ..evaluation.baselines.feature_baselines import pca_features
from ..evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from ..evaluation.results import result_record, without_scores
from ..evaluation.views import CroppedViews, CropSettings
from ..game import Method
from ..run import Run, Weights, read_config, record_of
from ..training import check_same_data
from .feature_sets import (
    BASELINES,
    Baseline,
    FeatureSet,
    Tell,
    make_feature_sets,
    measure_feature_sets,
    raw_features,
    resolve_layers,
)
from .load_runs import load_kinds, runs_of_checkpoint
from .reconstruction_runs import measure_reconstructions
from .reference_features import ReferenceFeatures, measure_generation, space_parts
from .result_cache import FILE_NAME, ResultCache
from .select_protocols import check_names, check_used, select_protocols

OF_CURVE = "knn1_euclidean"
"""What a curve is of, where no protocol is named."""

WITH_VIEWS = "linear_lbfgs"
"""What is measured of views, where no protocol is named."""


def evaluate(
    path: str | Path,
    *,
    protocols: Sequence[str] = (),
    layers: Sequence[str] = (),
    weights: Weights | None = None,
    baselines: Sequence[Baseline] = BASELINES,
    spaces: Sequence[str] = (),
    inception: str | Path | None = None,
    views: CropSettings | None = None,
    stand_ins: str | Path | None = None,
    device: str = "auto",
    method: type[Method] | None = None,
    tell: Tell = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measures a run by each protocol and writes `results/PROTOCOL.json` as it is finished.

    Each row of features and of samples is kept in `results/unfinished.jsonl` as it is measured: an
    evaluation that was stopped, by a kill too, measures only the rest when it is asked for again.

    Args:
        path: the run's folder.
        protocols: their names; if empty the quick ones that apply, or if none does
            `generation_features`; all that apply for `all`.
        layers: layers of the networks, or `each` for all that are worth measuring; the method's
            feature layer if empty.
        weights: of which networks; averaged and last ones both, if None.
        baselines: what of raw values, PCA and the untrained network stands beside them; of
            reconstructions, the training mean is the raw one, and there is no untrained one.
        spaces: for samples, in which features they are compared with data: layers of this run, or
            `RUN:LAYER` of another, or `NAME=RUN:LAYER` to have it called so in what is written; the
            method's feature layer if empty, or the widest whose covariance can be taken.
        inception: a file of the reference Inception weights; fetched if None.
        views: of each labelled picture, several for a classifier to learn from, or ten crops to
            judge by; the linear probe is then what is measured if no protocol is named.
        stand_ins: a file that keeps what stands beside samples and is of the data alone, for other
            runs on the same data to take from it.
        device: where features are computed.
        method: the class, if the run was trained by one outside the package.
        tell: told what is being measured, one line each.

    Returns:
        The records that were written, one for each protocol.

    Raises:
        ConfigError: a protocol or layer does not exist, or the data lack what a protocol needs.
        CheckpointError: the run cannot be loaded, or its data have changed.
    """
    folder = RunFolder(path)
    check_names(protocols)
    folder.read_config()
    check_writable(folder.results)
    runs = load_kinds(path, weights, device, method)
    dataset = open_dataset(runs[0].config.data)
    check_same_data(folder, dataset)
    spots = ReferenceFeatures(spaces, inception)
    if views is not None and not protocols:
        protocols = (WITH_VIEWS,)
    chosen = select_protocols(protocols, runs[0], dataset, spots, tell, views)
    check_used(protocols, chosen, layers, spaces, inception)
    seen = None if views is None else CroppedViews(dataset, views)
    shared = None if stand_ins is None else Path(stand_ins)
    kept = ResultCache(folder.results / FILE_NAME, shared)
    kept.turn_to(runs, dataset)
    found: list[dict[str, Any]] = []
    for record in _measure(runs, dataset, chosen, layers, baselines, spots, tell, kept, seen):
        name = _file_name(record, layers, spaces, weights, views)
        record["asked"] = {"layer": [*layers], "space": [*spaces], "weights": weights}
        write_json(folder.results / f"{name}.json", record)
        found.append(record)
    kept.forget()
    return found


def evaluate_baselines(
    settings: DataSettings,
    protocol: str,
    pca_widths: Sequence[int],
    *,
    device: str = "auto",
    tell: Tell = lambda _line: None,
) -> dict[str, Any]:
    """Measures what needs no run: raw values, and PCA of each width. Returns the record.

    Args:
        settings: of the data.
        protocol: one that needs labels.
        pca_widths: how many components are kept.
        device: where features are compared.
        tell: told what is being measured, one line each.

    Raises:
        ConfigError: the protocol does not exist, or the data lack what it needs.
    """
    dataset, found = open_dataset(settings), find_protocol(protocol)
    found.check((), dataset)
    candidates = [FeatureSet(raw_features(dataset))]
    candidates += [FeatureSet(pca_features(dataset.train.values, width)) for width in pca_widths]
    target = choose_device(device)
    rows = measure_feature_sets(candidates, [found], dataset, target, tell, ResultCache())[protocol]
    return result_record(
        found, rows, method="baselines", preset=None, images_seen=0, dataset=dataset, device=target
    )


def evaluate_curve(
    path: str | Path,
    *,
    protocols: Sequence[str] = (),
    layers: Sequence[str] = (),
    weights: Weights | None = None,
    baselines: Sequence[Baseline] = BASELINES,
    spaces: Sequence[str] = (),
    inception: str | Path | None = None,
    spacing: int = 1,
    device: str = "auto",
    method: type[Method] | None = None,
    tell: Tell = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measures the kept checkpoints of a run and writes `results/curve-PROTOCOL.json`.

    Layers, spaces and weights that are asked for are part of the name. Keep checkpoints with
    `train.keep_checkpoints`; of more than are wanted, the first is measured after each `spacing`
    images seen, and the last. Each point has the averaged and the last networks, their batch
    statistics taken anew as at the end of training. Samples are compared with data in features of
    the finished run, which are the same for every point. Baselines stand beside the first.
    """
    folder = RunFolder(path)
    check_names(protocols)
    config, method_class = read_config(folder, method)
    check_writable(folder.results)
    dataset = open_dataset(config.data)
    check_same_data(folder, dataset)
    target = choose_device(device)
    paths = _spaced(list_checkpoints(folder.checkpoints), spacing)
    if not paths:
        raise CheckpointError(f"{folder.path} has no checkpoints to measure.")
    spots = ReferenceFeatures(
        spaces, inception, own=lambda: load_kinds(path, None, device, method)[0]
    )
    chosen: list[Protocol] = []
    curves: dict[str, dict[str, Any]] = {}
    kept = ResultCache(folder.results / FILE_NAME)
    for checkpoint in paths:
        try:
            runs = runs_of_checkpoint(
                checkpoint, folder, config, method_class, dataset, target, weights
            )
        except CheckpointError as error:
            warnings.warn(f"left out of the curve: {error}", stacklevel=2)
            continue
        if not chosen:
            chosen = select_protocols(protocols or (OF_CURVE,), runs[0], dataset, spots, tell)
            check_used(protocols, chosen, layers, spaces, inception)
        beside = () if curves else baselines
        kept.turn_to(runs, dataset)
        for record in _measure(runs, dataset, chosen, layers, beside, spots, tell, kept):
            rows = [row | {"images_seen": runs[0].images_seen} for row in record["rows"]]
            name = f"curve-{_file_name(record, layers, spaces, weights, None)}"
            curve = curves.setdefault(name, without_scores(record) | {"file": name, "points": []})
            curve["points"] += rows
    if not curves:
        raise CheckpointError(f"{folder.path} has no checkpoint that can be used.")
    for name, curve in curves.items():
        write_json(folder.results / f"{name}.json", curve)
    kept.forget()
    return list(curves.values())


def _spaced(paths: Sequence[Path], spacing: int) -> list[Path]:
    """The first checkpoint at or after each multiple of so many images seen, and the last."""
    assert spacing > 0, "points lie apart"
    chosen: dict[int, Path] = {}
    for path in paths[:-1]:
        if due := images_seen_at(path) // spacing:
            chosen.setdefault(due, path)
    return [*chosen.values(), *paths[-1:]]


def _measure(
    runs: Sequence[Run],
    dataset: Dataset,
    protocols: Sequence[Protocol],
    layers: Sequence[str],
    baselines: Sequence[Baseline],
    spaces: ReferenceFeatures,
    tell: Tell,
    kept: ResultCache,
    views: CroppedViews | None = None,
) -> Iterator[dict[str, Any]]:
    """The records as they are finished: of features, then of reconstructions, then of samples."""
    for protocol in protocols:
        spaces.check(protocol, runs[0], dataset)
    of_features = [protocol for protocol in protocols if "labels" in protocol.needs]
    if of_features:
        names = resolve_layers(layers, runs[0])
        candidates = make_feature_sets(runs, dataset, names, baselines)
        device = runs[0].device
        table = measure_feature_sets(candidates, of_features, dataset, device, tell, kept, views)
        for protocol in of_features:
            record = record_of(protocol, runs[0], dataset, table[protocol.name])
            record["settings"] |= {} if views is None else views.describe()
            yield record
    for protocol in protocols:
        if "reconstruct" in protocol.needs:
            rows = measure_reconstructions(runs, dataset, protocol, baselines)
            yield record_of(protocol, runs[0], dataset, rows)
    for protocol in protocols:
        if "sample" in protocol.needs:
            rows = measure_generation(runs, dataset, protocol, spaces, baselines, tell, kept)
            yield record_of(protocol, runs[0], dataset, rows)


def _file_name(
    record: dict[str, Any],
    layers: Sequence[str],
    spaces: Sequence[str],
    weights: Weights | None,
    views: CropSettings | None,
) -> str:
    """The protocol's name; with layers or spaces, weights and views asked for, these too."""
    needs = PROTOCOLS[record["protocol"]].needs
    named = [space_parts(space)[0] for space in spaces]
    asked = layers if "labels" in needs else named if "sample" in needs else ()
    words = [word.replace("/", "_").replace(":", "_") for word in (*asked, weights or "") if word]
    words += [views.name] if views is not None else []
    return "--".join([record["protocol"], *words])
