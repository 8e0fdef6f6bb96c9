"""Near copies among images: the same picture, compressed, resized or a little changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from .image_source import ImageSource
from .parallel_decoding import DecodingProgress, ImageForm, decode_blocks, paced

SIDE = 16
"""Height and width in pixels of the thumbnails that are compared."""

ALIKE = 0.98
"""Least correlation of the thumbnails of near copies."""

MOST = 50_000
"""Number of images above which those of a split are not compared."""

_SHARE = 0.01
"""Least fraction of test images with near copies that is warned of."""

_BITS, _LARGEST_DISTANCE = 64, 4
_BLOCK = 512

Thumbnails = NDArray[np.float32]
"""Gray thumbnails `(N, SIDE * SIDE)`, each with mean 0 and length 1, or 0 where it is constant."""


def thumbnails(images: Iterable[NDArray[np.generic]]) -> Thumbnails:
    """Returns thumbnails of images `(C, H, W)`, each pixel the mean of its area."""
    found = [_thumbnail(image) for image in images]
    flat = np.stack(found) if found else np.empty((0, SIDE * SIDE), np.float32)
    flat -= flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 1e-6)


def _thumbnail(image: NDArray[np.generic]) -> NDArray[np.float32]:
    gray = np.nan_to_num(image.astype(np.float32, copy=False).mean(0))
    height, width = gray.shape
    return (_areas(height) @ gray @ _areas(width).T).ravel()


@cache
def _areas(length: int) -> NDArray[np.float32]:
    """The share `(SIDE, length)` that each pixel of a line has in each pixel of a thumbnail."""
    ends = np.arange(SIDE + 1) * (length / SIDE)
    starts = np.arange(length)
    low, high = np.maximum(starts, ends[:-1, None]), np.minimum(starts + 1, ends[1:, None])
    return ((high - low).clip(0) * (SIDE / length)).astype(np.float32)


def near_copies_across(train: Thumbnails, test: Thumbnails) -> list[tuple[int, int]]:
    """Returns the test images with a near copy in training, each with the nearest: (test, train)."""
    pairs = list[tuple[int, int]]()
    for start in range(0, len(test), _BLOCK):
        alike = test[start : start + _BLOCK] @ train.T
        nearest = alike.argmax(1)
        close = alike[np.arange(len(alike)), nearest] >= ALIKE
        pairs += [(start + int(row), int(nearest[row])) for row in np.flatnonzero(close)]
    return pairs


def warning_of_copies(
    where: str,
    train: Sequence[NDArray[np.generic]],
    test: Sequence[NDArray[np.generic]],
    names: tuple[Sequence[str], Sequence[str]],
) -> str:
    """Returns one line if test images have near copies in training; empty if few or none have.

    Args:
        where: The source.
        train: Training images `(N, C, H, W)`.
        test: Test images.
        names: Names of both.
    """
    if not len(test) or len(train) + len(test) > MOST:
        return ""
    pairs = near_copies_across(thumbnails(train), thumbnails(test))
    if len(pairs) <= _SHARE * len(test):
        return ""
    first, second = pairs[0]
    shown = f", such as {names[1][first]} of {names[0][second]}" if all(names) else ""
    return (
        f"{where}: {len(pairs):,} of {len(test):,} test images have near copies among the training"
        f" images{shown}, so scores on them are too good; keep what belongs together on one side"
        " with --data.group, or drop copies with `ambigan prepare --drop-duplicates`"
    )


@dataclass(frozen=True)
class Duplicate:
    """An image that is dropped.

    Attributes:
        dropped: Index of the image in the source.
        kept: Index of the image that it is a near copy of.
        similarity: Correlation of their thumbnails.
    """

    dropped: int
    kept: int
    similarity: float


def find_duplicates(
    gallery: ImageSource,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
) -> list[Duplicate]:
    """Finds the images that are near copies of others, of which one is kept.

    Candidates share a part of a perceptual hash: 64 bits that tell which of the lowest frequencies
    of the thumbnail are above their median, of which at most four differ. The correlation of
    thumbnails confirms them. Of near copies, one of the published test split is kept, and otherwise
    the first by name.

    Args:
        gallery: Images to compare.
        workers: Number of decoding threads; None for one per core, eight at most.
        progress: Function that is called with the number of images compared and the total.
    """
    num_train = gallery.num_train or 0
    order = [*range(num_train, gallery.length), *range(num_train)]
    form, tell = ImageForm(1, (64, 64), resizes=True, dtype="uint8"), paced(progress, len(order))
    kept, parts, done = list[int](), list[Thumbnails](), 0
    any_form = replace(gallery, decoding=replace(gallery.decoding, any_form=True))
    for block in decode_blocks(any_form, order, form, workers):
        kept += block.kept
        parts.append(thumbnails(block.pixels))
        done += len(block.kept) + len(block.reasons)
        tell(done)
    found = np.concatenate(parts) if parts else thumbnails([])
    return [
        Duplicate(kept[row], kept[original], similarity)
        for row, original, similarity in _duplicates_among(found)
    ]


def perceptual_hashes(found: Thumbnails) -> NDArray[np.uint64]:
    """Returns 64 bits of each thumbnail: which low frequencies lie above their median."""
    if not len(found):
        return np.empty(0, np.uint64)
    low = dctn(found.reshape(-1, SIDE, SIDE), axes=(1, 2))[:, :8, :8].reshape(-1, _BITS)
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _duplicates_among(found: Thumbnails) -> list[tuple[int, int, float]]:
    """Rows that are near copies of an earlier row that is kept, with that row."""
    hashes = perceptual_hashes(found)
    earlier: dict[int, set[int]] = {}
    for one, other in _candidates(hashes):
        earlier.setdefault(other, set()).add(one)
    dropped = dict[int, tuple[int, float]]()
    for row in sorted(earlier):
        originals = np.array(sorted(earlier[row] - dropped.keys()), np.int64)
        if not len(originals):
            continue
        alike = found[originals] @ found[row]
        best = int(alike.argmax())
        if alike[best] >= ALIKE:
            dropped[row] = int(originals[best]), float(alike[best])
    return [(row, original, alike) for row, (original, alike) in sorted(dropped.items())]


def _candidates(hashes: NDArray[np.uint64]) -> Iterable[tuple[int, int]]:
    """Pairs of rows whose hashes differ in four bits at most, the earlier one first.

    Of five parts of two such hashes, one at least is equal in both.
    """
    count = _LARGEST_DISTANCE + 1
    edges = [_BITS * part // count for part in range(count + 1)]
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        keys = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(keys, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            yield from _close_pairs(hashes, rows)


def _close_pairs(hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    """Pairs among some rows, in ascending order, whose hashes differ little."""
    if len(rows) < 2:
        return
    for place, row in enumerate(rows[:-1].tolist()):
        differing = np.bitwise_count(hashes[rows[place + 1 :]] ^ hashes[row])
        for other in rows[place + 1 :][differing <= _LARGEST_DISTANCE].tolist():
            yield row, other
