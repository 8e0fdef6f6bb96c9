"""A setting as lists show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One setting, as a list shows it.

    Attributes:
        name: Dotted name.
        allowed: What it may be.
        default: Its value in JSON, by default or in a preset.
        description: What it means, in one line.
        condition: The setting and value that it needs, such as `settings.network.kind conv`.
    """

    name: str
    allowed: str
    default: Any
    description: str
    condition: str = ""
