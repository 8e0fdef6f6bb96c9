"""What is known of published settings, beside the settings themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..engine.config import RunConfig


@dataclass(frozen=True)
class Preset:
    """Settings by name, with what is known of them.

    Attributes:
        make: returns the config.
        score: what it reached, on what; or `not reproduced`.
        time: for how long.
        hardware: on which.
        source: paper or code.
    """

    make: Callable[[], RunConfig]
    score: str
    time: str
    hardware: str
    source: str

    @property
    def is_measured(self) -> bool:
        """Whether it was trained here."""
        return self.time != "-"
