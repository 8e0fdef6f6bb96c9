"""The settings of a run: which method, on which data, trained how."""

from __future__ import annotations

import logging
import re
import shlex
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import torch
from pydantic import NonNegativeInt, PositiveInt

from ..core.distributed import any_rank, workers, world
from ..core.errors import ConfigError
from ..core.plugins import Plugin, find_loaded
from ..core.precision import bf16_hardware
from ..core.settings import Fraction, build, checked, differences, plain
from ..data.opening.registry import SOURCES
from ..data.opening.sources import origin_of_source
from ..data.settings import DataSettings
from ..methods import METHODS, find_method, is_external, origin_of_method

logger = logging.getLogger(__name__)

RENAMED = {"watch_every": "diagnose_every"}
"""Settings of `train` that runs of earlier versions have under other names."""


@dataclass(frozen=True)
class TrainSettings:
    """How long to train, on how many examples at once, where, and what to write when.

    Attributes:
        epochs: number of passes over the training split.
        schedule_epochs: number of passes that learning rates are planned for; None for `epochs`.
            25 epochs with a schedule of 400 are the first 25 of a run of 400.
        least_steps: least number of iterations: where `epochs` make fewer, since examples are few,
            they are raised at the start; 0 leaves them as they are. A preset's number holds where
            no epochs are asked for.
        validation_fraction: fraction of the training split, in [0, 1), that is not trained on, and
            by which the best state is chosen: the one whose reconstructions of it are nearest,
            measured whenever the networks are diagnosed. Its weights are put back at the end. 0
            trains on all and keeps the last state, as methods do that cannot reconstruct; so do
            fewer than 8 examples or 1 group.
        patience: number of such measurements in a row, none of which finds a better state, after
            which training ends early; 0 for never.
        batch_size: number of examples in a turn, over all processes together.
        seed: seed of initial weights, order of the examples, latents and noise.
        device: device to train on: `auto` for CUDA where there is one, `cpu`, `cuda` or `cuda:1`.
        precision: number format of matrix products: `fp32`, or `bf16` under autocast, where
            weights stay fp32; `auto` is bf16 where the processor has instructions for it. The run
            records which it was.
        ema_decay: decay per iteration of the averaged copy of the networks, in [0, 1); 0 keeps no
            copy.
        statistics_batches: number of batches over which batch-norm statistics are recomputed before
            features are measured or the model is saved, batches of more than 256 in parts; 0 keeps
            the running averages.
        log_every: iterations between lines of the log, which average the losses between them.
        diagnose_every: lines of the log between diagnoses of the networks: spread, rank,
            saturation, reconstruction. Short runs are diagnosed ten times, and every run at its
            end.
        checkpoint_every: iterations between checkpoints; 0 for one checkpoint an epoch.
        keep_checkpoints: number of the newest checkpoints to keep. One that a stop wrote is kept in
            addition, until the next.
        tensorboard: whether event files for TensorBoard are written (needs the `tensorboard`
            extra).
        wandb: whether the run is sent to Weights & Biases (needs the `wandb` extra).
        cuda_graphs: whether turns are recorded once as CUDA graphs and replayed, where one process
            trains on data that are on the device; results are the same. A method that decides on
            the CPU in the middle of its losses needs `false`.
    """

    epochs: PositiveInt = 25
    schedule_epochs: PositiveInt | None = None
    least_steps: NonNegativeInt = 0
    validation_fraction: Fraction = 0.0
    patience: NonNegativeInt = 0
    batch_size: PositiveInt = 128
    seed: NonNegativeInt = 0
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "fp32"
    ema_decay: Fraction = 0.999
    statistics_batches: NonNegativeInt = 0
    log_every: PositiveInt = 100
    diagnose_every: PositiveInt = 5
    checkpoint_every: NonNegativeInt = 0
    keep_checkpoints: PositiveInt = 2
    tensorboard: bool = False
    wandb: bool = False
    cuda_graphs: bool = True

    def __post_init__(self) -> None:
        if self.batch_size == 1:
            raise ConfigError("train.batch_size 1: batch statistics need at least 2; choose more.")


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run; `config.json` holds exactly this.

    Attributes:
        method: name of the method, or `module:Class` for one outside the package.
        preset: name of the preset that the settings started from, for the record.
        settings: settings of the method.
        data: settings of the data.
        train: settings of the training.
        plugins: plugins that the method and the source of data come from. Reading a config never
            imports them.
    """

    method: str
    preset: str
    settings: Any
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    plugins: tuple[Plugin, ...] = ()

    def check(self) -> RunConfig:
        """The same config with every value checked, and the plugins that it needs.

        Raises:
            ConfigError: naming the setting.
        """
        return replace(checked(self), plugins=_plugins_of(self))

    def to_json(self) -> dict[str, Any]:
        """Nested plain values; plugins only where there are any."""
        values = plain(self)
        if not self.plugins:
            del values["plugins"]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any], method: type[Any] | None = None) -> RunConfig:
        """Reads what `to_json` wrote.

        `ambigan.make_config` also reads partial values, and completes them from a preset.

        Args:
            values: Nested plain values of all five fields; a setting left out takes its default.
            method: The method's class, found by name if None.

        Raises:
            ConfigError: A setting is unknown, missing or not allowed.
        """
        names = {"method", "preset", "settings", "data", "train"}
        if wrong := names ^ (set(values) - {"plugins"}):
            raise ConfigError(
                f"not the config of a run: '{min(wrong)}' is missing or unknown; it holds "
                f"{', '.join(sorted(names))}."
            )
        name, train = str(values["method"]), values["train"]
        if isinstance(train, dict):
            named = cast(dict[str, Any], train)
            train = {RENAMED.get(name, name): value for name, value in named.items()}
        method = method or find_method(name)
        return cls(
            name,
            str(values["preset"]),
            build(method.Settings, values["settings"], "settings."),
            build(DataSettings, values["data"], "data."),
            build(TrainSettings, train, "train."),
            _recorded_plugins(values),
        )


def _plugins_of(config: RunConfig) -> tuple[Plugin, ...]:
    """The plugins that a config's method and source come from, as they are loaded now."""
    origins = (origin_of_method(config.method), origin_of_source(config.data.source))
    return tuple(dict.fromkeys(origin for origin in origins if origin is not None))


def _recorded_plugins(values: Mapping[str, Any]) -> tuple[Plugin, ...]:
    """The plugins that a run's `config.json` names; nothing is imported."""
    found = values.get("plugins", [])
    if not isinstance(found, list):
        raise ConfigError("plugins must be a list of names and hashes.")
    return tuple(build(Plugin, plugin, "plugins.") for plugin in cast(list[Any], found))


def check_plugins(where: str, values: Mapping[str, Any]) -> None:
    """Refuses the run of a folder whose method or data come from a plugin that is not loaded.

    Loading a run never imports what its `config.json`, the values, names. Plugins of installed
    packages count as given.
    """
    method, data = str(values.get("method")), values.get("data")
    source = str(data.get("source") if isinstance(data, dict) else "").partition(":")[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    recorded = _recorded_plugins(values)
    if is_external(method) and not recorded:  # a run of before plugins were recorded
        recorded = (Plugin(method.partition(":")[0]),)
    if not recorded:
        return
    for kind, name, is_there, origin in (
        ("method", method, is_external(method) or method in METHODS, origin_of_method(method)),
        ("data set", source, source in SOURCES, origin_of_source(source)),
    ):
        if is_external(name) and origin is not None:
            is_there = find_loaded(origin.name) is not None
        if not is_there:
            flags = " ".join(f"--plugin {shlex.quote(plugin.name)}" for plugin in recorded)
            calls = ", ".join(repr(plugin.name) for plugin in recorded)
            raise ConfigError(
                f"{where} was trained with the {kind} '{name}' of a plugin that is not loaded;"
                f" loading a run imports no code by itself: give it with {flags}, in Python"
                f" plugins=[{calls}]."
            )
        if origin is None:
            continue
        same = next((plugin for plugin in recorded if plugin.key == origin.key), None)
        if same is None:
            raise ConfigError(
                f"{where} was trained with the {kind} '{name}' of {recorded[0].name}, and the one"
                f" loaded here is of {origin.name}; give the plugin that it was trained with."
            )
        if same.has_changed(origin):
            warnings.warn(
                f"the plugin {origin.name} has changed since {where} was trained with it.",
                stacklevel=3,
            )


def differences_of_runs(asked: RunConfig, there: RunConfig) -> list[str]:
    """How a run differs from what is asked for, `setting: asked, not there`, one line each.

    The device may differ, the precision where it was left to the device, and the code of a plugin.
    """
    train = replace(asked.train, device=there.train.device)
    if train.precision == "auto":
        train = replace(train, precision=there.train.precision)
    return differences(replace(asked, train=train, plugins=there.plugins), there)


def with_epochs_asked_for(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Changes in which epochs that are asked for stand in for a preset's least number of steps."""
    if "train.epochs" not in changes or "train.least_steps" in changes:
        return changes
    return {**changes, "train.least_steps": "0"}


def as_fitted(asked: RunConfig, there: RunConfig) -> RunConfig:
    """The settings asked for, with what a run that is there may have fitted to few examples.

    Its batch may be smaller, and its epochs more, where the least number of steps asks for them.
    """
    train, fitted = asked.train, there.train
    epochs = max(train.epochs, fitted.epochs) if train.least_steps else train.epochs
    size = min(train.batch_size, fitted.batch_size)
    return replace(asked, train=replace(train, batch_size=size, epochs=epochs))


def resolve_precision(config: RunConfig, device: torch.device) -> RunConfig:
    """The config with `auto` replaced by a precision, on all processes by the main one's choice.

    It is decided by what the device can do, so that the same command gives the same run.
    """
    if config.train.precision != "auto":
        return config
    found = bf16_hardware(device) if world().is_main else ""
    chosen = "bf16" if any_rank(bool(found), device) else "fp32"
    if world().is_main:
        reason = found or "no instructions for bf16"
        logger.info(f"train.precision auto is {chosen}: {device} has {reason}")
    return replace(config, train=replace(config.train, precision=chosen))


def choose_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device that a setting names, or an error if this machine has no such device.

    Args:
        name: `auto`, `cpu`, `cuda` or `cuda:N`.
        local_rank: Number of this process on its machine, which takes the GPU of that number;
            that of a worker who shares a measurement if None.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch("(cpu|cuda)(:[0-9]+)?", name):
        raise ConfigError(f"train.device '{name}' is none of: auto, cpu, cuda, cuda:N.")
    if name.startswith("cpu"):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ConfigError(
            f"train.device '{name}': this machine has no CUDA device; use cpu or auto."
        )
    if local_rank is None:
        local_rank = workers().local_rank
    index = int(name.partition(":")[2] or local_rank)
    if index >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ConfigError(f"train.device '{name}': only {count} CUDA devices, counted from 0.")
    return torch.device("cuda", index)
