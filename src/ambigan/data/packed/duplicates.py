"""Near copies that `ambigan prepare --drop-duplicates` leaves out, and the list of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

from ...core.files import write_text
from ..images.image_source import ImageSource
from ..images.near_copies import find_duplicates
from ..images.parallel_decoding import DecodingProgress
from ..remote import Place, is_url

DUPLICATES = "duplicates.csv"
FindDuplicates = Callable[
    [ImageSource, int | None, DecodingProgress | None], list[tuple[int, int, float]]
]


@dataclass(frozen=True)
class Duplicate:
    """An image that was left out.

    Attributes:
        dropped: Name of the image.
        kept: Name of the image that it is a near copy of.
        similarity: Correlation of their thumbnails, up to 1.
    """

    dropped: str
    kept: str
    similarity: float


def without_duplicates(
    gallery: ImageSource,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
    find: FindDuplicates = find_duplicates,
) -> tuple[ImageSource, list[Duplicate]]:
    """Returns a source without its near copies, and what was left out.

    Args:
        gallery: Images to compare.
        workers: Number of decoding threads; None for one per core, eight at most.
        progress: Function that is called with the number of images compared and the total.
        find: Function that finds them: index of each, that of the one to keep, and correlation.
    """
    found = find(gallery, workers, progress)
    if not found:
        return gallery, []
    left = {**gallery.left_alone, f"near copies of others (in {DUPLICATES})": len(found)}
    rest = replace(gallery.without([row for row, _, _ in found]), left_alone=left)
    name = gallery.name
    return rest, [Duplicate(name(row), name(kept), alike) for row, kept, alike in found]


def write_duplicates(out: str, duplicates: Sequence[Duplicate]) -> None:
    """Writes the list as `duplicates.csv` to a folder or URL."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("dropped", "kept", "similarity"))
    rows.writerows((item.dropped, item.kept, f"{item.similarity:.4f}") for item in duplicates)
    if is_url(out):
        Place.at(out).write(DUPLICATES, text.getvalue().encode())
    else:
        write_text(Path(out) / DUPLICATES, text.getvalue())
