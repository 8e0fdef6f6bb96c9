"""Trains methods by several seeds in one folder, so that they can be compared."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ..core.settings import dotted, override
from ..data import Dataset, open_dataset
from ..engine.config import RunConfig
from ..evaluation.protocols import OF_FEATURES, PROTOCOLS, find_protocol
from ..experiments import Experiment, RunSpec, reproduce
from ..experiments.runner import Bar
from ..hub import PREFIX
from ..methods import METHODS
from ..presets import find_preset

NAME = "grid"
"""The name of the experiment, and of the files of its tables."""

_OF_BATCHES = {"data.source", "data.crop", "data.short_side", "data.flip"}
"""Settings of data that presets may have of their own: the examples are the same."""


def is_method(typed: str) -> bool:
    """Whether `METHOD`, `METHOD:PRESET` or `module:Class` is meant, and not a folder."""
    is_folder = Path(typed).exists() or typed.startswith(PREFIX)
    return not is_folder and (typed.partition(":")[0] in METHODS or ":" in typed)


def train_grid(
    methods: Sequence[str],
    out: str | Path,
    *,
    seeds: Sequence[int],
    settings: Mapping[str, str],
    protocols: Sequence[str] = (),
    bar: Bar,
) -> None:
    """Trains each method by each seed on the same data and measures it, where that is not done.

    It is an experiment: what is finished is not repeated, and what was interrupted continues.

    Args:
        methods: Methods as `METHOD` or `METHOD:PRESET`.
        out: The folder, new or of the same call.
        seeds: The seeds of each.
        settings: Settings of all runs as texts by dotted name, `data.source` among them.
        protocols: What features are measured by; the quick protocols that apply if empty.
        bar: Opens a progress bar for one training.

    Raises:
        ConfigError: There is no such method or preset, a setting is not allowed, or the presets
            read the data in different forms.
        As `reproduce`.
    """
    source = settings.get("data.source")
    if source is None:
        raise ConfigError(f"{methods[0]} is a method to train: name the data by --data SOURCE.")
    if len(set(methods)) < len(methods):
        raise ConfigError(f"{' '.join(methods)}: name each method or preset once.")
    configs = [_config(typed, settings) for typed in methods]
    _check_same_form(methods, configs)
    dataset = open_dataset(configs[0].data)
    if dataset.spec.kind == "vectors":  # for which the usual preset is another
        configs = [_config(typed, settings, is_vectors=True) for typed in methods]
    has_average = all(config.train.ema_decay for config in configs)
    widths = {int(getattr(config.settings, "latent_dim", 50)) for config in configs}
    experiment = Experiment(
        name=NAME,
        title=" and ".join(methods),
        source="ambigan compare",
        runs=tuple(
            RunSpec(f"{x.method} {x.preset}", x.method, preset=x.preset, untrained=True)
            for x in configs
        ),
        protocols=_protocols(protocols, dataset),
        settings=settings,
        weights="ema" if has_average else None,
        pca_widths=tuple(sorted(widths)),
    )
    command = command_of(methods, out, seeds, settings, protocols)
    reproduce(experiment, out, seeds=seeds, command=command, dataset=dataset, bar=bar)


def command_of(
    methods: Sequence[str],
    out: str | Path,
    seeds: Sequence[int],
    settings: Mapping[str, str],
    protocols: Sequence[str] = (),
) -> str:
    """The command that trains what is missing and compares, as a shell takes it."""
    words = ["ambigan", "compare", *methods]
    words += ["--seeds", ",".join(map(str, seeds)) + "," * (len(seeds) == 1)]
    for name, value in settings.items():
        words += [f"--{name.replace('_', '-')}", value]
    words += ["--protocol", ",".join(protocols)] if protocols else []
    return shlex.join([*words, "--out", str(out)])


def _config(typed: str, settings: Mapping[str, str], *, is_vectors: bool = False) -> RunConfig:
    """The settings of a method, by its preset or the usual one for the data."""
    name, _, preset = typed.partition(":")
    if name not in METHODS and preset:  # module:Class, or a name that the registry refuses
        name, preset = (typed, "") if "." in name or not preset.islower() else (name, preset)
    source = settings["data.source"]
    config = find_preset(name, preset or None, source, is_vectors=is_vectors)
    return override(config, settings).check()


def _check_same_form(methods: Sequence[str], configs: Sequence[RunConfig]) -> None:
    """Refuses presets whose data would be other examples, in other sizes or divisions."""
    first = dotted(configs[0])
    for typed, config in zip(methods, configs, strict=True):
        for name, value in dotted(config).items():
            is_of_examples = name.startswith("data.") and name not in _OF_BATCHES
            if is_of_examples and value != first[name]:
                flag = name.replace("_", "-")
                raise ConfigError(
                    f"{methods[0]} has {name} {first[name]} and {typed} {value}, so that they would"
                    f" learn from different data; give one value for both by --{flag}."
                )


def _protocols(asked: Sequence[str], dataset: Dataset) -> tuple[str, ...]:
    """The protocols that are asked for, or the quick ones of features that the data allow."""
    if asked:
        for name in asked:
            find_protocol(name).check((), dataset)
        return tuple(asked)
    found: list[str] = []
    for protocol in PROTOCOLS.values():
        try:
            if protocol.quick and protocol.needs in OF_FEATURES:
                protocol.check((), dataset)
                found.append(protocol.name)
        except ConfigError:
            continue
    if not found:
        raise ConfigError(
            f"{dataset.name} has no labels or targets by which features could be measured; name"
            " them by --data.label-column or --data.target-column, or train each method by"
            " `ambigan train` and compare the folders."
        )
    return tuple(found)
