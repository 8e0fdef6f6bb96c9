"""Frozen-layer transfer: what is lost when conv1 to convN stay as a run left them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..analysis.filters import default_network, find_network
from ..core.errors import ConfigError
from ..core.feature_layers import hidden_layers
from ..core.files import check_writable
from ..core.settings import plain
from ..data import Dataset, to_float
from ..evaluation.classifiers.label_subsets import balanced_draw, class_sizes
from ..evaluation.protocols import ACCURACY
from ..evaluation.provenance import data_record
from ..evaluation.result import Metric, ProtocolRecord, Provenance, Result, Subject, wilson_interval
from ..evaluation.result_file import read_results_if_whole, write_results
from ..game import Method
from ..run import Run
from ..run_data import MeasuredData, provenance_of
from ..training import untrained
from . import TransferSettings, split_chain, train_rest
from .initial_weights import DRAWS, check_starts
from .training import DRAWN_ON, Labelled, PrepareBatch, drawn_on

NAME = "transfer"
Start = Literal["trained", "untrained", "scaled", "kmeans"]
STARTS: tuple[Start, ...] = ("trained", "untrained", "scaled", "kmeans")
"""What the layers of a run may start from."""
SUMMARY = "accuracy with the first layers frozen, all above them drawn anew and trained with labels"
SOURCE = "BiGAN, Table 2, after Noroozi and Favaro (2016); batch norm folded, appendix C.2"
TRAIN_ACCURACY = Metric("train_accuracy", "training accuracy", unit="%")

logger = logging.getLogger(__name__)


def measure_transfer(
    run: Run,
    data: MeasuredData,
    *,
    network: str | None = None,
    labels: int | None = None,
    settings: TransferSettings | None = None,
    starts: Sequence[Start] = STARTS[:2],
    suffix: str = "",
    asked: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Freezes ever more layers and writes `results/transfer.json` after each measurement.

    What the file holds already, of the same run, data and constants, is not measured again.

    Args:
        run: The run whose network is taken.
        data: Labelled data in the run's form: its own, or others.
        network: A network that sees data alone; that of the feature layer if None.
        labels: The number of training examples whose labels are used, of every class as many; all
            if None.
        settings: The constants.
        starts: What frozen layers are: the run's, those of the same network untrained, random ones
            scaled by data, or filters of k-means; rows for each.
        suffix: An ending of the file's name, for what was asked for.
        asked: What was asked for, by flag, for provenance.

    Raises:
        ConfigError: There is no such network, its layers cannot be taken alone, or labels lack.
    """
    name, dataset = network or default_network(run.method), data.dataset
    settings = settings or TransferSettings()
    trained = find_network(run.method, name)
    check_cut(
        run.method,
        name,
        lambda network: split_chain(network, 0, 2),
        "no other network of this run can be cut",
    )
    check_starts(split_chain(trained, 0, 2).fresh, starts)
    train, test = _labelled(dataset, labels, settings.seed)
    check_writable(run.path / "results")
    protocol = _protocol(name, run, len(train), settings)
    record = data_record(data.dataset)
    provenance = provenance_of(run, record, data.trained_on, asked or {})
    tag = f"--on-{data.tag}" if data.tag else ""
    path = run.path / "results" / f"{NAME}{suffix}{tag}.json"
    results, provenance = results_in(path, protocol, provenance)
    prepare = _entrance(run.method, name, dataset)
    fresh: list[Method] = []
    num_classes = 1 + int(max(train.labels.max(), test.labels.max()))
    for num_frozen, layers, start in _cuts(name, trained, starts):
        about = {"frozen": num_frozen, "layers": layers, "start": start}
        if any(about.items() <= result.details.items() for result in results):
            continue
        subject = _subject(layers, start, run)
        logger.info("measuring %s of %s", NAME, subject.name)
        if start == "untrained" and not fresh:
            fresh.append(untrained(run, dataset))
        source = fresh[0].get_submodule(name) if start == "untrained" else trained
        started = perf_counter()
        fc = (settings.width, settings.pooled, settings.dropout)
        chain = split_chain(source, num_frozen, num_classes, *fc)
        if draw := DRAWS.get(start):
            draw(chain.cpu().frozen, drawn_on(train, settings.seed, prepare), settings.seed)
        scores = train_rest(chain, train, test, settings, prepare=prepare, device=run.device)
        seconds = round(perf_counter() - started, 2)
        interval = wilson_interval(scores["accuracy"], len(test))
        metrics = (
            dataclasses.replace(ACCURACY, value=scores["accuracy"], interval=interval),
            dataclasses.replace(TRAIN_ACCURACY, value=scores["train_accuracy"]),
        )
        results.append(Result(protocol, subject, metrics, provenance, seconds, about))
        write_results(path, results)
    return results


def check_cut(method: Method, name: str, cut: Callable[[nn.Module], object], others: str) -> None:
    """Refuses a network that cannot be cut, before anything is computed, and names those that can.

    Args:
        method: The method whose network it is.
        name: The network.
        cut: Cuts a network, or raises a ConfigError.
        others: What to say of the other networks if none of them can be cut.

    Raises:
        ConfigError: The network cannot be cut.
    """

    def trouble(network: str) -> str:
        try:
            cut(find_network(method, network))
        except ConfigError as error:
            return str(error)
        return ""

    if reason := trouble(name):
        able = [f"--network {other}" for other in method.data_networks if not trouble(other)]
        remedy = f"take {' or '.join(able)}" if able else others
        raise ConfigError(f"{name}: {reason.rstrip('.')}; {remedy}.")


def _cuts(name: str, network: nn.Module, starts: Sequence[Start]) -> Iterator[tuple[int, str, str]]:
    """How many layers stay, which, and what they are; nothing stays of the first, `scratch`."""
    hidden = hidden_layers(network)
    yield 0, "none", "scratch"
    for number, layer in enumerate(hidden, start=1):
        layers = f"{name}.{layer}" if number == 1 else f"{name}.{hidden[0]} to {layer}"
        for start in starts:
            yield number, layers, start


def _subject(layers: str, start: str, run: Run) -> Subject:
    """What is measured, as it stands in tables."""
    if start == "scratch":
        return Subject("all trained from scratch", "baseline", None)
    if start == "trained":
        return Subject(layers, "model", run.weights)
    return Subject(f"{start} {layers}", "untrained", None)


def _labelled(dataset: Dataset, num: int | None, seed: int) -> tuple[Labelled, Labelled]:
    train, test = dataset.train, dataset.test
    if train.labels is None or test.labels is None or len(class_sizes(train.labels)) < 2:
        raise ConfigError(f"transfer needs labels of two classes or more; {dataset.name} has none.")
    if num is not None and not 0 < num <= len(train):
        raise ConfigError(f"--labels {num}: there are 1 to {len(train):,} training examples.")
    rows = slice(None) if num is None else balanced_draw(train.labels, num, seed, 0)
    return Labelled(train.values[rows], train.labels[rows]), Labelled(test.values, test.labels)


@torch.no_grad()
def _entrance(method: Method, name: str, dataset: Dataset) -> PrepareBatch:
    """What a network is given of the data: as they are, or as the smaller images of `target`."""
    x = to_float(dataset.test.values[:2]).to(next(method.parameters()).device)
    seen: list[Tensor] = []
    network = method.get_submodule(name)
    with network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0])):
        method.run(name, x)
    if seen and seen[0].shape == x.shape and torch.equal(seen[0], x):
        return lambda x: x
    if seen and torch.equal(seen[0], method.resize_to_sample(x)):
        return method.resize_to_sample
    raise ConfigError(f"the {name} does not see the data themselves, so it cannot be transferred.")


def _protocol(name: str, run: Run, num_labels: int, settings: TransferSettings) -> ProtocolRecord:
    constants = {"network": name, "weights": run.weights, "labels": num_labels}
    constants |= plain(settings)
    constants |= {"optimizer": "adamw", "decay": "linear to 0", "scaled_on": DRAWN_ON}
    return ProtocolRecord(NAME, SUMMARY, constants, SOURCE)


def results_in(
    path: Path, protocol: ProtocolRecord, provenance: Provenance
) -> tuple[list[Result], Provenance]:
    """The results of an earlier measurement, if it was the same as this one, and its provenance.

    Hardware and flags may differ, which do not change what is measured; a file names the first.
    """
    there = read_results_if_whole(path)
    if there and there[0].protocol == protocol:
        apart: dict[str, Any] = {"hardware": {}, "asked": {}}
        ours, theirs = (dataclasses.replace(p, **apart) for p in (provenance, there[0].provenance))
        if ours == theirs:
            return there, there[0].provenance
    return [], provenance
