"""Frozen-layer transfer: what is lost when conv1 to convN stay as a run left them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from ..analysis.filters import default_network, find_network
from ..core.errors import ConfigError
from ..core.feature_layers import hidden_layers
from ..core.files import check_writable
from ..core.settings import build, plain
from ..data import Dataset, to_float
from ..evaluation.classifiers.label_subsets import balanced_draw, class_sizes
from ..evaluation.protocols import ACCURACY
from ..evaluation.result import (
    Kind,
    Metric,
    ProtocolRecord,
    Provenance,
    Result,
    Subject,
    wilson_interval,
)
from ..evaluation.result_file import read_results_if_whole, write_results
from ..game import Method
from ..run import Run
from ..run_data import MeasuredData, provenance_of
from ..training import untrained
from . import TransferSettings, split_chain, train_rest
from .training import DRAWN_ON, Labelled, PrepareBatch

NAME = "transfer"
SUMMARY = "accuracy with the first layers frozen, all above them drawn anew and trained with labels"
SOURCE = "BiGAN, Table 2, after Noroozi and Favaro (2016); batch norm folded, appendix C.2"
TRAIN_ACCURACY = Metric("train_accuracy", "training accuracy", unit="%")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cut:
    """One measurement: whose layers, and how many of them stay.

    Attributes:
        num_frozen: layers that stay.
        layers: which, in words.
        start: `trained` or `random` layers; `scratch` where none stays.
    """

    num_frozen: int
    layers: str
    start: str


def measure_transfer(
    run: Run,
    data: MeasuredData,
    *,
    network: str | None = None,
    labels: int | None = None,
    settings: TransferSettings | None = None,
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
        suffix: An ending of the file's name, for what was asked for.
        asked: What was asked for, by flag, for provenance.

    Raises:
        ConfigError: There is no such network, its layers cannot be taken alone, or labels lack.
    """
    name, dataset = network or default_network(run.method), data.dataset
    settings = settings or TransferSettings()
    trained = find_network(run.method, name)
    cuts = list(_cuts(name, trained))
    _check_chain(run.method, name)
    train, test = _labelled(dataset, labels, settings.seed)
    check_writable(run.path / "results")
    protocol = _protocol(name, run, len(train), settings)
    provenance = provenance_of(run, data, asked or {})
    tag = f"--on-{data.tag}" if data.tag else ""
    path = run.path / "results" / f"{NAME}{suffix}{tag}.json"
    results = _results_in(path, protocol, provenance)
    prepare = _entrance(run.method, name, dataset)
    fresh: list[Method] = []
    for cut in cuts:
        about = {"frozen": cut.num_frozen, "layers": cut.layers, "start": cut.start}
        if any(about.items() <= result.details.items() for result in results):
            continue
        logger.info("measuring %s of %s", NAME, _named(cut))
        if cut.start == "random" and not fresh:
            fresh.append(untrained(run, dataset))
        source = fresh[0].get_submodule(name) if cut.start == "random" else trained
        started = perf_counter()
        num_classes = 1 + int(max(train.labels.max(), test.labels.max()))
        chain = split_chain(source, cut.num_frozen, num_classes)
        scores = train_rest(chain, train, test, settings, prepare=prepare, device=run.device)
        seconds = round(perf_counter() - started, 2)
        metrics = _metrics(scores, len(test))
        results.append(Result(protocol, _subject(cut, run), metrics, provenance, seconds, about))
        write_results(path, results)
    return results


def _check_chain(method: Method, name: str) -> None:
    """Refuses a network that cannot be cut, before anything is computed.

    Raises:
        ConfigError: naming those that can be.
    """

    def trouble(network: str) -> str:
        try:
            split_chain(find_network(method, network), 0, 2)
        except ConfigError as error:
            return str(error)
        return ""

    if reason := trouble(name):
        able = [f"--network {other}" for other in method.data_networks if not trouble(other)]
        remedy = f"take {' or '.join(able)}" if able else "no other network of this run can be cut"
        raise ConfigError(f"{name}: {reason.rstrip('.')}; {remedy}.")


def _cuts(name: str, network: nn.Module) -> Iterator[Cut]:
    hidden = hidden_layers(network)
    yield Cut(0, "none", "scratch")
    for number, layer in enumerate(hidden, start=1):
        layers = f"{name}.{layer}" if number == 1 else f"{name}.{hidden[0]} to {layer}"
        yield Cut(number, layers, "trained")
        yield Cut(number, layers, "random")


def _named(cut: Cut) -> str:
    """As it stands in tables."""
    if cut.start == "scratch":
        return "all trained from scratch"
    return cut.layers if cut.start == "trained" else f"random {cut.layers}"


def _subject(cut: Cut, run: Run) -> Subject:
    kinds: dict[str, Kind] = {"trained": "model", "random": "untrained", "scratch": "baseline"}
    return Subject(_named(cut), kinds[cut.start], run.weights if cut.start == "trained" else None)


def _metrics(scores: Mapping[str, float], num_test: int) -> tuple[Metric, ...]:
    interval = wilson_interval(scores["accuracy"], num_test)
    return (
        dataclasses.replace(ACCURACY, value=scores["accuracy"], interval=interval),
        dataclasses.replace(TRAIN_ACCURACY, value=scores["train_accuracy"]),
    )


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
    handle = network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    try:
        method.run(name, x)
    finally:
        handle.remove()
    if seen and seen[0].shape == x.shape and torch.equal(seen[0], x):
        return lambda x: x
    if seen and torch.equal(seen[0], method.resize_to_sample(x)):
        return method.resize_to_sample
    raise ConfigError(f"the {name} does not see the data themselves, so it cannot be transferred.")


def _protocol(name: str, run: Run, num_labels: int, settings: TransferSettings) -> ProtocolRecord:
    constants = {"network": name, "weights": run.weights, "labels": num_labels}
    constants |= plain(settings) | {
        "optimizer": "adamw",
        "decay": "linear to 0",
        "scaled_on": DRAWN_ON,
    }
    return ProtocolRecord(NAME, SUMMARY, constants, SOURCE)


def _results_in(path: Path, protocol: ProtocolRecord, provenance: Provenance) -> list[Result]:
    """The results of an earlier measurement, if it was the same as this one."""
    there = read_results_if_whole(path)
    if not there or there[0].protocol != protocol:
        return []
    apart: dict[str, dict[str, Any]] = {
        "hardware": {},
        "asked": {},
    }  # neither changes what is measured
    ours, theirs = (dataclasses.replace(p, **apart) for p in (provenance, there[0].provenance))
    return there if ours == theirs else []


def transfer_settings(**asked: Any) -> TransferSettings:
    """The usual constants with those changed that were asked for, checked.

    Raises:
        ConfigError: a value is not allowed.
    """
    values = plain(TransferSettings()) | {k: v for k, v in asked.items() if v is not None}
    known = {field.name for field in dataclasses.fields(TransferSettings)}
    assert set(values) <= known, "flags are named as the settings"
    try:
        return build(TransferSettings, values)
    except ConfigError as error:
        name, _, rest = str(error).partition(" ")
        raise ConfigError(f"--{name.replace('_', '-')} {rest}") from error
