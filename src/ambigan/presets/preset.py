"""Published settings with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from ..data.settings import DataSettings
from ..engine.config import RunConfig, TrainSettings


@dataclass(frozen=True)
class Preset:
    """Settings of a run, with what a run with them reached.

    Attributes:
        method: name of the method.
        name: name of the preset.
        settings: settings of the method.
        data: settings of the data.
        train: settings of the training.
        score: score that a run reached and its data, or `not reproduced`.
        time: time that the run took; `-` if there was none here.
        hardware: hardware of the run.
        source: paper or code that the settings are from.
        settings_class: class of the settings of a method that derives from a published one, which
            has other fields besides; None for the class of `settings`.
    """

    method: str
    name: str
    settings: Any
    data: DataSettings = field(default_factory=DataSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    score: str = "not reproduced"
    time: str = "-"
    hardware: str = "-"
    source: str = "ours"
    settings_class: type[Any] | None = None

    def make(self) -> RunConfig:
        """Returns the config of a run with these settings."""
        settings = self.settings
        if self.settings_class is not None:
            names = [field.name for field in fields(settings)]
            settings = self.settings_class(**{name: getattr(settings, name) for name in names})
        return RunConfig(self.method, self.name, settings, self.data, self.train)
