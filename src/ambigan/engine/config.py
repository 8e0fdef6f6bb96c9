"""The settings of a run: which method, on which data, trained how."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from pydantic import NonNegativeInt, PositiveInt

from ..core.distributed import any_rank, world
from ..core.errors import ConfigError
from ..core.precision import usable_precisions
from ..core.settings import Fraction, build, checked, differences, plain
from ..data.settings import DataSettings
from ..methods import find_method

RENAMED = {"watch_every": "diagnose_every"}
"""Settings of `train` that runs of earlier versions have under other names."""


@dataclass(frozen=True)
class TrainSettings:
    """How long, how much at once, on what, and what is written when.

    Attributes:
        epochs: passes over the training split.
        schedule_epochs: passes that learning rates are planned for, if not `epochs`; 25 epochs with
            a schedule of 400 are the first 25 of a run of 400.
        batch_size: examples in a turn, over all processes together.
        seed: of initial weights, order, latents and noise.
        device: `auto` takes CUDA where there is one; `cpu`, `cuda`, `cuda:1`.
        precision: `fp32`, or `bf16` for matrix products under autocast, where weights stay fp32;
            `auto` takes bf16 where the device is faster at it. A run records which it was.
        ema_decay: per iteration, of the averaged copy of the networks; 0 keeps none.
        statistics_batches: batches over which batch-norm statistics are taken anew before
            features are measured or the model is saved, those of more than 256 in parts; 0 keeps
            the running averages.
        log_every: iterations between lines of the log; terms are averaged between them.
        diagnose_every: lines of the log between looks at spread, rank and saturation.
        checkpoint_every: iterations between checkpoints; 0 for one an epoch.
        keep_checkpoints: how many of the newest to keep; one that a stop wrote is kept beside
            them until the next.
        tensorboard: write event files too (needs the `tensorboard` extra).
        cuda_graphs: on CUDA, record a turn once and replay it, where one process trains on data
            that are on the device; else turns are played as they are. Nothing else changes; a
            method that decides on the CPU in the middle of its losses needs `false`.
    """

    epochs: PositiveInt = 25
    schedule_epochs: PositiveInt | None = None
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
    cuda_graphs: bool = True

    def __post_init__(self) -> None:
        if self.batch_size == 1:
            raise ConfigError("train.batch_size 1: batch statistics need at least 2; choose more.")


@dataclass(frozen=True)
class RunConfig:
    """All settings of a run; `config.json` holds exactly this.

    Attributes:
        method: a name of the package, or `module:Class`.
        preset: where the settings started from; for the record.
        settings: the method's own.
        data: where examples come from.
        train: how it is trained.
    """

    method: str
    preset: str
    settings: Any
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = field(default_factory=TrainSettings)

    def check(self) -> RunConfig:
        """The same config with every value checked.

        Raises:
            ConfigError: naming the setting.
        """
        return RunConfig(
            self.method,
            self.preset,
            checked(self.settings, "settings."),
            checked(self.data, "data."),
            checked(self.train, "train."),
        )

    def to_json(self) -> dict[str, Any]:
        """Nested plain values."""
        return plain(self)

    @classmethod
    def from_json(cls, values: dict[str, Any], method: type[Any] | None = None) -> RunConfig:
        """Reads what `to_json` wrote.

        Args:
            values: nested plain values.
            method: the method's class; looked up by name if None.

        Raises:
            ConfigError: a setting is unknown, missing or not allowed.
        """
        names = {"method", "preset", "settings", "data", "train"}
        if wrong := names ^ set(values):
            raise ConfigError(
                f"not the config of a run: '{min(wrong)}' is missing or unknown; it holds "
                f"{', '.join(sorted(names))}."
            )
        name, preset, settings = str(values["method"]), str(values["preset"]), values["settings"]
        data, train = values["data"], values["train"]
        if isinstance(train, dict):
            train = {RENAMED.get(key, key): value for key, value in train.items()}
        method = method or find_method(name)
        return cls(
            name,
            preset,
            build(method.Settings, settings, "settings."),
            build(DataSettings, data, "data."),
            build(TrainSettings, train, "train."),
        )


def differences_of_runs(asked: RunConfig, there: RunConfig) -> list[str]:
    """How a run differs from what is asked for, `setting: asked, not there`, one line each.

    The device may differ, and the precision where it was left to the device.
    """
    train = replace(asked.train, device=there.train.device)
    if train.precision == "auto":
        train = replace(train, precision=there.train.precision)
    return differences(replace(asked, train=train), there)


def resolve_precision(config: RunConfig, device: torch.device) -> RunConfig:
    """The config with `auto` replaced by a precision, on all processes by the main one's choice."""
    if config.train.precision != "auto":
        return config
    is_fast = world().is_main and "bf16" in usable_precisions(device)
    chosen = "bf16" if any_rank(is_fast, device) else "fp32"
    return replace(config, train=replace(config.train, precision=chosen))


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """The device a setting names.

    Raises:
        ConfigError: it is no device, or this machine has none of its kind.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"train.device '{name}' is none of: auto, cpu, cuda, cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"train.device '{name}' is none of: auto, cpu, cuda, cuda:N.")
    if device.type == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise ConfigError(
            f"train.device '{name}': this machine has no CUDA device; use cpu or auto."
        )
    index = int(name.partition(":")[2] or local_rank)
    if index >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise ConfigError(f"train.device '{name}': only {count} CUDA devices, counted from 0.")
    return torch.device("cuda", index)
