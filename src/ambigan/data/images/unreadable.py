"""Images that cannot be read: how many may be, and how they are named."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...core.errors import DataError
from .image_source import ImageSource


def check_corrupt(
    gallery: ImageSource, reasons: dict[int, str], tried: int, max_corrupt: float, remedy: str = ""
) -> None:
    """Raises an error as soon as it is known that too many images cannot be read.

    Args:
        gallery: Images of the source.
        reasons: Reasons why images cannot be read, by index.
        tried: Number of images tried so far.
        max_corrupt: Largest fraction of all images that may be unreadable.
        remedy: Another remedy, for the message.

    Raises:
        DataError: More images cannot be read than is allowed, or none can.
    """
    total = gallery.length
    if len(reasons) <= max_corrupt * total and len(reasons) < total:
        return
    if len(reasons) < total:
        share = math.ceil(100 * len(reasons) / tried) / 100
        remedy += f", or allow more with --data.max-corrupt {share:g}"
    raise DataError(
        f"{gallery.where}: {'at least ' if tried < total else ''}{len(reasons)} of {total} images"
        f" cannot be read, the first {first_lines(skipped_lines(gallery, reasons))}; the largest"
        f" fraction allowed is {max_corrupt:g}. Repair or remove them{remedy}."
    )


def first_lines(lines: Sequence[str], limit: int = 5) -> str:
    """Formats the first of several lines `name: reason` for a message, and counts the others."""
    pairs = [line.partition(": ") for line in lines[:limit]]
    shown = ", ".join(f"{name} ({reason})" for name, _, reason in pairs)
    return shown + (f", and {len(lines) - limit:,} more" if len(lines) > limit else "")


def skipped_lines(gallery: ImageSource, reasons: dict[int, str]) -> tuple[str, ...]:
    """Returns one line for each image that was left out, sorted by name."""
    return tuple(sorted(f"{gallery.name(place)}: {text}" for place, text in reasons.items()))
