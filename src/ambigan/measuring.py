"""A run against the protocols: its layers beside raw pixels, PCA and the same random network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor

from .artifacts import Run, Weights, load, read_config
from .core.errors import CheckpointError, ConfigError
from .core.files import write_json
from .data import Batches, Dataset, DataSettings, open_dataset
from .engine.checkpoint import list_checkpoints, read_checkpoint
from .engine.config import RunConfig, choose_device
from .engine.run_folder import RunFolder
from .engine.statistics import settle
from .evaluation.baselines import pca_features, pixel_features, random_encoder
from .evaluation.features import FeatureFunction, extract, layer_features
from .evaluation.protocols import (
    PROTOCOLS,
    Protocol,
    find_protocol,
    run_classification,
    run_reconstruction,
)
from .evaluation.reconstruction import maps_of, mean_baseline, pca_baseline
from .evaluation.results import classification_row, reconstruction_row, result_record
from .game import Method
from .training import check_same_data, make_method

RANDOM_STATISTICS_BATCHES = 50
Baseline = Literal["raw", "pca", "random"]
BASELINES: tuple[Baseline, ...] = ("raw", "pca", "random")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Candidate:
    """One column of a table before it is measured: features, and whose weights they use."""

    function: FeatureFunction
    weights: Weights | None = None


def evaluate(
    path: str | Path,
    *,
    protocols: Sequence[str] = (),
    layers: Sequence[str] = (),
    weights: Weights | None = None,
    baselines: Sequence[Baseline] = BASELINES,
    device: str = "auto",
    method: type[Method] | None = None,
    tell: Tell = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measures a run by each protocol and writes `results/PROTOCOL.json`.

    Args:
        path: the run's folder.
        protocols: their names; all that apply if empty.
        layers: layers of the networks; the method's feature layer if empty.
        weights: of which networks; averaged and last ones both, if None.
        baselines: what of raw values, PCA and the untrained network stands beside them; of
            reconstructions, the training mean is the raw one, and there is no untrained one.
        device: where features are computed.
        method: the class, if the run was trained by one outside the package.
        tell: told what is being measured, one line each.

    Returns:
        The records that were written, one for each protocol.

    Raises:
        ConfigError: a protocol or layer does not exist, or the data lack what a protocol needs.
        CheckpointError: the run cannot be loaded, or its data have changed.
    """
    named = [find_protocol(name) for name in protocols]
    folder = RunFolder(path)
    runs = _load_kinds(path, weights, device, method)
    dataset = open_dataset(runs[0].config.data)
    check_same_data(folder, dataset)
    able = _abilities(runs[0], dataset)
    for protocol in named:
        protocol.check(able, dataset.name)
    apt = able if _num_classes(dataset) > 1 else able - {"labels"}
    chosen = named or [p for p in PROTOCOLS.values() if p.needs <= apt]
    if not chosen:
        raise ConfigError(
            f"no protocol applies: {dataset.name} has no two classes to tell apart and a "
            f"{runs[0].config.method} cannot reconstruct."
        )
    records = _classify(runs, dataset, chosen, layers, tell, baselines)
    records += _reconstruct(runs, dataset, chosen, baselines)
    for record in records:
        write_json(folder.results / f"{_file_name(record, layers, weights)}.json", record)
    return records


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
    found.check({"labels"} if _has_labels(dataset) else set[str](), dataset.name)
    candidates = [Candidate(_raw_features(dataset))]
    candidates += [Candidate(pca_features(dataset.train.values, width)) for width in pca_widths]
    target = choose_device(device)
    rows = _rows(candidates, [found], dataset, target, tell)[protocol]
    return result_record(
        found, rows, method="baselines", preset=None, images_seen=0, dataset=dataset, device=target
    )


def evaluate_curve(
    path: str | Path,
    *,
    protocols: Sequence[str] = (),
    layers: Sequence[str] = (),
    weights: Weights | None = None,
    device: str = "auto",
    method: type[Method] | None = None,
    tell: Tell = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measures every kept checkpoint of a run and writes `results/curve-PROTOCOL.json`.

    Keep them with `train.keep_checkpoints`. Each point has the averaged and the last networks,
    their batch statistics taken anew as at the end of training.
    """
    folder = RunFolder(path)
    config, method_class = read_config(folder, method)
    dataset = open_dataset(config.data)
    check_same_data(folder, dataset)
    target = choose_device(device)
    paths = list_checkpoints(folder.checkpoints)
    if not paths:
        raise CheckpointError(f"{folder.path} has no checkpoints to measure.")
    chosen = [find_protocol(name) for name in protocols or ("knn1_euclidean",)]
    curves: dict[str, dict[str, Any]] = {}
    for checkpoint in paths:
        try:
            runs = _runs_of(checkpoint, folder, config, method_class, dataset, target)
        except CheckpointError as error:
            warnings.warn(f"left out of the curve: {error}", stacklevel=2)
            continue
        runs = [run for run in runs if weights in (None, run.weights)] or runs
        for protocol in chosen:
            protocol.check(_abilities(runs[0], dataset), dataset.name)
        beside = () if curves else BASELINES
        records = _classify(runs, dataset, chosen, layers, tell, beside)
        records += _reconstruct(runs, dataset, chosen, beside)
        for record in records:
            rows = [row | {"images_seen": runs[0].images_seen} for row in record.pop("rows")]
            curve = curves.setdefault(record["protocol"], record | {"points": []})
            curve["points"] += rows
    for name, curve in curves.items():
        write_json(folder.results / f"curve-{name}.json", curve)
    return list(curves.values())


def _load_kinds(
    path: str | Path, weights: Weights | None, device: str, method: type[Method] | None
) -> list[Run]:
    first = load(path, weights=weights, device=device, method=method)
    if weights is not None or first.weights == "raw":
        return [first]
    return [first, load(path, weights="raw", device=device, method=method)]


def _runs_of(
    checkpoint: Path,
    folder: RunFolder,
    config: RunConfig,
    method_class: type[Method],
    dataset: Dataset,
    device: torch.device,
) -> list[Run]:
    state = read_checkpoint(checkpoint)
    batches = Batches(dataset.train, config.train.seed, device)
    runs: list[Run] = []
    kinds: tuple[tuple[Weights, str], ...] = (("ema", "ema"), ("raw", "method"))
    for kind, key in kinds:
        if state[key] is None:
            continue
        method = make_method(config, dataset.spec, method_class)
        try:
            method.load_state_dict(state[key])
        except RuntimeError as error:
            raise CheckpointError(f"{checkpoint} is of other networks.") from error
        settle(method.to(device), batches, config.train)
        runs.append(
            Run(
                folder.path,
                config,
                method.eval(),
                dataset.spec,
                dataset.scaling,
                dataset.label_names,
                state["images_seen"],
                kind,
            )
        )
    return runs


def _abilities(run: Run, dataset: Dataset) -> frozenset[str]:
    """What protocols may ask for: of the method, and labels of the data."""
    return frozenset(run.abilities | ({"labels"} if _has_labels(dataset) else set[str]()))


def _has_labels(dataset: Dataset) -> bool:
    return dataset.train.labels is not None and dataset.test.labels is not None


def _num_classes(dataset: Dataset) -> int:
    return 0 if dataset.train.labels is None else len(dataset.train.labels.unique())


def _classify(
    runs: Sequence[Run],
    dataset: Dataset,
    protocols: Iterable[Protocol],
    layers: Sequence[str],
    tell: Tell,
    baselines: Sequence[Baseline],
) -> list[dict[str, Any]]:
    wanted = [protocol for protocol in protocols if "labels" in protocol.needs]
    if not wanted:
        return []
    candidates = _candidates(runs, dataset, layers, baselines)
    rows = _rows(candidates, wanted, dataset, runs[0].device, tell)
    return [_record(protocol, runs[0], dataset, rows[protocol.name]) for protocol in wanted]


def _rows(
    candidates: Iterable[Candidate],
    protocols: Sequence[Protocol],
    dataset: Dataset,
    device: torch.device,
    tell: Tell,
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each protocol, features of each candidate computed once."""
    rows: dict[str, list[dict[str, Any]]] = {protocol.name: [] for protocol in protocols}
    for candidate in candidates:
        started = perf_counter()
        train = extract(candidate.function, dataset.train.values, device)
        test = extract(candidate.function, dataset.test.values, device)
        seconds = perf_counter() - started
        for protocol in protocols:
            tell(f"{protocol.name} of {candidate.function.name}{_suffix(candidate.weights)}")
            row = _row(candidate, protocol, train, test, dataset, device, seconds)
            rows[protocol.name].append(row)
    return rows


def _candidates(
    runs: Sequence[Run], dataset: Dataset, layers: Sequence[str], baselines: Sequence[Baseline]
) -> Iterable[Candidate]:
    """The layers of each kind of weights; then pixels, PCA of equal width, random layers."""
    names = list(layers) or [runs[0].method.default_layer]
    for layer in names:
        for run in runs:
            yield Candidate(layer_features(run.method, layer), run.weights)
    if "raw" in baselines:
        yield Candidate(_raw_features(dataset))
    if "pca" in baselines:
        width = runs[0].method.features(_few(dataset, runs[0].device), names[0]).shape[1]
        yield Candidate(pca_features(dataset.train.values, width))
    if "random" in baselines:
        random = _random_method(runs[0], dataset)
        for layer in names:
            yield Candidate(random_encoder(random, layer))


def _raw_features(dataset: Dataset) -> FeatureFunction:
    return pixel_features("pixels" if dataset.spec.kind == "images" else "raw values")


def _few(dataset: Dataset, device: torch.device) -> Tensor:
    return Batches(dataset.train, 0, device).draw(0, min(2, len(dataset.train)))


def _random_method(run: Run, dataset: Dataset) -> Method:
    """The run's networks before any training, from another seed, with settled statistics."""
    config = replace(run.config, train=replace(run.config.train, seed=run.config.train.seed + 1))
    method = make_method(config, dataset.spec, type(run.method)).to(run.device)
    batches = Batches(dataset.train, config.train.seed, run.device)
    settle(method, batches, config.train, at_least=RANDOM_STATISTICS_BATCHES)
    return method.eval()


def _row(
    candidate: Candidate,
    protocol: Protocol,
    train: Tensor,
    test: Tensor,
    dataset: Dataset,
    device: torch.device,
    seconds: float,
) -> dict[str, Any]:
    started = perf_counter()
    labels, test_labels = dataset.train.labels, dataset.test.labels
    assert labels is not None
    assert test_labels is not None
    scores = run_classification(protocol, train, labels, test, test_labels, device=device)
    return classification_row(
        candidate.function,
        scores,
        dim=train.shape[1],
        seconds=seconds + perf_counter() - started,
        weights=candidate.weights,
    )


def _reconstruct(
    runs: Sequence[Run],
    dataset: Dataset,
    protocols: Iterable[Protocol],
    baselines: Sequence[Baseline],
) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for protocol in protocols:
        if "reconstruct" not in protocol.needs:
            continue
        rows = [_reconstruction_row(run, protocol, dataset) for run in runs]
        if "raw" in baselines:
            means = mean_baseline(dataset)
            rows.append(reconstruction_row("training mean", "baseline", means, seconds=0))
        if "pca" in baselines:
            width = min(runs[0].method.prior.dim, dataset.spec.num_values, len(dataset.train))
            kept = pca_baseline(dataset, width)
            rows.append(reconstruction_row(f"pca{width}", "baseline", kept, seconds=0))
        records.append(_record(protocol, runs[0], dataset, rows))
    return records


def _reconstruction_row(run: Run, protocol: Protocol, dataset: Dataset) -> dict[str, Any]:
    started = perf_counter()
    errors = run_reconstruction(protocol, maps_of(run.method), dataset, device=run.device)
    seconds = perf_counter() - started
    return reconstruction_row(
        "reconstruction", "model", errors, seconds=seconds, weights=run.weights
    )


def _record(
    protocol: Protocol, run: Run, dataset: Dataset, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    return result_record(
        protocol,
        rows,
        method=run.config.method,
        preset=run.config.preset,
        images_seen=run.images_seen,
        dataset=dataset,
        device=run.device,
    )


def _suffix(weights: Weights | None) -> str:
    return f" ({weights})" if weights else ""


def _file_name(record: dict[str, Any], layers: Sequence[str], weights: Weights | None) -> str:
    """The protocol's name; with layers and weights that were asked for, these too."""
    asked = [*(layers if "accuracy" in record else ()), *([weights] if weights else ())]
    return "--".join([record["protocol"], *asked])
