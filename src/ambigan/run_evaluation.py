"""Measuring a run, its checkpoints, or data that need no run, and writing what was found."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from .core.distributed import main_first
from .core.ema import Weights
from .core.errors import CheckpointError, ConfigError
from .core.files import check_writable
from .data import Batches, Dataset, DataSettings, Decoding, open_dataset, to_float
from .data.memory import is_in_memory
from .engine.bn_statistics import recompute_bn_stats
from .engine.checkpoint import images_seen_at, list_checkpoints, read_checkpoint
from .engine.config import RunConfig, choose_device
from .engine.run_folder import RunFolder
from .evaluation.baselines.feature_baselines import pca_features, raw_features
from .evaluation.config import EvaluationConfig, EvaluationInputs
from .evaluation.crops import CroppedViews
from .evaluation.feature_sets import measure_feature_sets, resolve_layers
from .evaluation.protocols import find_protocol
from .evaluation.provenance import data_record, hardware, versions
from .evaluation.result import Provenance, Result
from .evaluation.result_cache import FILE_NAME, ResultCache
from .evaluation.result_file import CURVE, write_results
from .evaluation.runner import file_name, measure
from .evaluation.select_protocols import check_protocol_names, choose
from .game import Method
from .hub import local_folder
from .model_files import load, read_config
from .run import Run
from .run_data import MeasuredData, open_measured, provenance_of
from .trainable import check_same_data
from .training import make_method, untrained

__all__ = ["EvaluationConfig", "evaluate", "evaluate_baselines", "evaluate_curve"]

OF_CURVE = "knn1_euclidean"
"""The protocol of a curve, where none is named."""

WITH_CROPS = "linear_lbfgs"
"""The protocol where several crops are asked for and no protocol is named."""


def evaluate(
    run: Run | str | Path,
    config: EvaluationConfig | None = None,
    *,
    data: Any = None,
    y: Any = None,
    method: type[Method] | None = None,
    decoding: Decoding | None = None,
    **changes: Any,
) -> list[Result]:
    """Measures a run by each protocol and writes `results/PROTOCOL.json` as it is finished.

    Each result of features and of samples is kept in `results/unfinished.jsonl` as it is measured:
    an evaluation that was stopped, by a kill too, measures only the rest when it is asked for
    again.

    Args:
        run: The run, or its folder. A run that is loaded is measured with the weights that it has,
            unless the config names others.
        config: What is measured; the quick protocols on the run's own data if None.
        data: Other data, as a source or in memory as `ambigan.fit` takes them; if None, those of
            the config. A run that was trained on data in memory needs them again.
        y: Labels of data in memory.
        method: The class, if the run was trained by one outside the package.
        decoding: Called with how many images are decoded and of how many.
        **changes: Fields of the config that are set by themselves, such as `data="cifar10"`.

    Returns:
        The results of all protocols, in the order in which they are measured.

    Raises:
        ConfigError: A protocol or layer does not exist, or the data lack what a protocol needs.
        CheckpointError: The run cannot be loaded, or its data have changed.
        DataError: Other data cannot be read, or are not what the run takes.
    """
    is_memory = data is not None and is_in_memory(data)
    if data is not None and not is_memory:
        changes["data"] = data
    config = replace(config or EvaluationConfig(), **changes)
    check_protocol_names(config.protocols)
    run = run if isinstance(run, Run) else local_folder(run)
    folder = RunFolder(run.path if isinstance(run, Run) else run)
    runs = _load_kinds(run, config, method)
    check_writable(folder.results)
    objects = (data, y) if is_memory else None
    with main_first() as is_main:
        seen = decoding if is_main else None
        data = open_measured(runs[0], config.data, config.framing, seen, objects)
    shared = None if config.sample_baselines is None else Path(config.sample_baselines)
    cache = ResultCache(folder.results / FILE_NAME, shared)
    inputs = _inputs(config, runs, data, cache)
    protocols = config.protocols
    if config.crops is not None:
        protocols = protocols or (WITH_CROPS,)
        inputs = replace(inputs, views=CroppedViews(data.dataset, config.crops))
    chosen = choose(protocols, inputs)
    if config.framing == "data":
        _check_takes(runs[0].method, data.dataset, resolve_layers(config.layers, runs[0].method))
    found: list[Result] = []
    for results in measure(chosen, inputs):
        protocol = find_protocol(results[0].protocol.name)
        if is_main:
            write_results(folder.results / f"{file_name(protocol, config, data.tag)}.json", results)
        found += results
    cache.forget()
    return found


def evaluate_baselines(
    settings: DataSettings,
    protocol: str,
    pca_widths: Sequence[int],
    *,
    device: str = "auto",
    cross_validate: bool = True,
) -> list[Result]:
    """Measures what needs no run: raw values, and PCA of each width.

    Args:
        settings: The data.
        protocol: The name of a protocol that needs labels.
        pca_widths: Numbers of components that are kept.
        device: The device on which features are compared.
        cross_validate: As of `EvaluationConfig`.

    Raises:
        ConfigError: The protocol does not exist, or the data lack what it needs.
    """
    dataset, found, target = open_dataset(settings), find_protocol(protocol), choose_device(device)
    found.check((), dataset)
    functions = [raw_features(dataset.spec)]
    functions += [pca_features(dataset.train.values, width) for width in pca_widths]
    about = data_record(dataset)
    provenance = Provenance(None, None, None, None, about, about, versions(), hardware(target))
    config = EvaluationConfig(cross_validate=cross_validate)
    inputs = EvaluationInputs(config, (), dataset, provenance, target, ResultCache())
    return measure_feature_sets(functions, [found], inputs)[protocol]


def evaluate_curve(
    path: str | Path,
    config: EvaluationConfig | None = None,
    *,
    spacing: int = 1,
    method: type[Method] | None = None,
    decoding: Decoding | None = None,
    **changes: Any,
) -> list[Result]:
    """Measures the kept checkpoints of a run and writes `results/curve-PROTOCOL.json`.

    Each point has the averaged and the last networks, their batch statistics computed as at the end
    of training; `provenance.images_seen` of a result places it on the curve. Samples are compared
    with data in features of the finished run, which are the same for every point. Baselines are
    measured with the first. Keep checkpoints with `train.keep_checkpoints`.

    Args:
        path: The run's folder.
        config: What is measured; `knn1_euclidean` on the run's own data if None.
        spacing: Images seen between points: the first checkpoint after each, and the last.
        method: As for `evaluate`.
        decoding: As for `evaluate`.
        **changes: As for `evaluate`.

    Raises:
        As `evaluate`.
    """
    config = replace(config or EvaluationConfig(), **changes)
    if config.crops is not None or config.data is not None:
        raise ConfigError(
            "a curve is measured on the middle of each of the run's own images; leave out --views"
            " and --data."
        )
    folder = RunFolder(path)
    check_protocol_names(config.protocols)
    run_config, method_class = read_config(folder, method)
    check_writable(folder.results)
    with main_first() as is_main:
        dataset = open_dataset(run_config.data, decoding if is_main else None)
    check_same_data(folder, dataset)
    device = choose_device(config.device)
    paths = _spaced(list_checkpoints(folder.checkpoints), spacing)
    if not paths:
        raise CheckpointError(f"{folder.path} has no checkpoints to measure.")
    data = MeasuredData(dataset, dataset, data_record(dataset))
    cache = ResultCache(folder.results / FILE_NAME)
    owner: Method | None = None
    curves: dict[str, list[Result]] = {}
    for checkpoint in paths:
        try:
            runs = _runs_of_checkpoint(
                checkpoint, folder, run_config, method_class, dataset, device, config.weights
            )
        except CheckpointError as error:
            warnings.warn(f"left out of the curve: {error}", stacklevel=2)
            continue
        here = replace(config, baselines=() if curves else config.baselines)
        inputs = _inputs(here, runs, data, cache)
        chosen = choose(config.protocols or (OF_CURVE,), inputs)
        if owner is None and any(protocol.needs == "sample" for protocol in chosen):
            owner = load(path, device=config.device, method=method).method
        for results in measure(chosen, replace(inputs, reference_owner=owner)):
            protocol = find_protocol(results[0].protocol.name)
            curves.setdefault(f"{CURVE}{file_name(protocol, config)}", []).extend(results)
    if not curves:
        raise CheckpointError(f"{folder.path} has no checkpoint that can be used.")
    for name, results in curves.items() if is_main else ():
        write_results(folder.results / f"{name}.json", results)
    cache.forget()
    return [result for results in curves.values() for result in results]


def _check_takes(method: Method, dataset: Dataset, layers: Sequence[str]) -> None:
    """Refuses images whose size or channels the layers cannot take."""
    two = to_float(dataset.train.values[:2].to(next(method.parameters()).device))
    for layer in layers:
        try:
            method.features(two, layer)
        except (RuntimeError, ConfigError) as error:
            form, own = ("x".join(map(str, s.shape)) for s in (dataset.spec, method.spec))
            raise ConfigError(
                f"layer '{layer}' cannot take images of {form}: it is bound to the run's {own};"
                " leave out --framing data, or name a convolutional layer such as LAYER@4."
            ) from error


def _inputs(
    config: EvaluationConfig, runs: Sequence[Run], data: MeasuredData, cache: ResultCache
) -> EvaluationInputs:
    first = runs[0]
    cache.turn_to(
        first.config.to_json()
        | {"framing": config.framing}
        | ({} if config.cross_validate else {"cross_validate": False}),
        {run.weights: run.method for run in runs},
        first.device.type,
    )
    provenance = provenance_of(first, data_record(data.dataset), data.trained_on, config.asked)
    return EvaluationInputs(
        config,
        runs,
        data.dataset,
        provenance,
        first.device,
        cache,
        untrained=lambda: untrained(first, data.framed),
        load=lambda folder: load(folder, device=str(first.device)).method,
    )


def _load_kinds(
    run: Run | str | Path, config: EvaluationConfig, method: type[Method] | None
) -> list[Run]:
    """The run with the weights asked for; if None, averaged and last ones, where there are both."""
    weights, device = config.weights, config.device
    if isinstance(run, Run):
        if weights in (None, run.weights):
            return [run]
        return [load(run.path, weights=weights, device=str(run.device), method=type(run.method))]
    RunFolder(run).read_config()
    while True:  # a run that is still training may save between the two
        first = load(run, weights=weights, device=device, method=method)
        if weights is not None or first.weights == "raw":
            return [first]
        last = load(run, weights="raw", device=device, method=method)
        if first.images_seen == last.images_seen:
            return [first, last]


def _runs_of_checkpoint(
    checkpoint: Path,
    folder: RunFolder,
    config: RunConfig,
    method_class: type[Method],
    dataset: Dataset,
    device: torch.device,
    weights: Weights | None = None,
) -> list[Run]:
    """The averaged and the last networks of a checkpoint, with batch statistics of their own.

    Only those asked for, where there are such.

    Raises:
        CheckpointError: It cannot be read, or is of other networks.
    """
    state = read_checkpoint(checkpoint)
    batches = Batches(dataset.train, config.train.seed, device)
    runs: list[Run] = []
    kinds: tuple[tuple[Weights, str], ...] = (("ema", "ema"), ("raw", "method"))
    there = [pair for pair in kinds if state[pair[1]] is not None]
    for kind, key in [pair for pair in there if weights in (None, pair[0])] or there:
        method = make_method(config, dataset.spec, method_class)
        try:
            method.load_state_dict(state[key])
        except RuntimeError as error:
            raise CheckpointError(f"{checkpoint} is of other networks.") from error
        recompute_bn_stats(method.to(device), batches, config.train)
        seen, names, scaling = state["images_seen"], dataset.label_names, dataset.scaling
        spec = dataset.spec
        runs.append(Run(folder.path, config, method.eval(), spec, scaling, names, seen, kind))
    return runs


def _spaced(paths: Sequence[Path], spacing: int) -> list[Path]:
    """The first checkpoint at or after each multiple of so many images seen, and the last."""
    assert spacing > 0, "points lie apart"
    chosen: dict[int, Path] = {}
    for path in paths[:-1]:
        if due := images_seen_at(path) // spacing:
            chosen.setdefault(due, path)
    return [*chosen.values(), *paths[-1:]]
