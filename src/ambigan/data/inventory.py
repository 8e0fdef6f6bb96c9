"""What was read from a source, and what was left alone and why, so that nothing is lost unseen."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inventory:
    """What opening a source found.

    Attributes:
        kind: What one example is called: `images`, `rows` or `examples`.
        num_read: Number of examples that were read.
        facts: What is known of them, one short phrase each: their form, levels, classes, splits.
        left_alone: How many files, pages or rows were not read, by the reason.
        warnings: One line for each thing that looks wrong, with the setting that settles it.
    """

    kind: Literal["images", "rows", "examples"] = "examples"
    num_read: int = 0
    facts: tuple[str, ...] = ()
    left_alone: Mapping[str, int] = field(default_factory=dict[str, int])
    warnings: tuple[str, ...] = ()

    def lines(self, name: str) -> list[str]:
        """Returns one line on what was read and, where something was left alone, a second.

        Args:
            name: What the user typed as the source.
        """
        lines = [f"{name}: {self.num_read:,} {self.kind}, {'; '.join(self.facts)}"]
        if self.left_alone:
            counts = (f"{count:,} {reason}" for reason, count in self.left_alone.items())
            lines.append(f"{name}: left alone: {', '.join(counts)}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `inventory` in a run's `data.json`."""
        return asdict(self)


def listed_classes(names: tuple[str, ...], limit: int = 5) -> str:
    """Formats the number of classes and the first names."""
    shown = ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
    return f"{len(names)} classes ({shown})"


_last_said: list[str] = []
"""What was said of the data that were opened last, which is not said again of the same."""


def log_inventory(inventory: Inventory, name: str) -> None:
    """Says what was read of a source, what was left alone, and what looks wrong."""
    lines = inventory.lines(name)
    if _last_said == [*lines, *inventory.warnings]:
        return
    _last_said[:] = [*lines, *inventory.warnings]
    for line in lines:
        logger.info(line)
    for line in inventory.warnings:
        logger.warning(line)
