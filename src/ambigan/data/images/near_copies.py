"""Near copies among images: the same picture, compressed, resized or a little changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image_source import ImageSource
from .parallel_decoding import DecodingProgress, decode_blocks, find_form, paced

SIDE = 16
"""Height and width in pixels of the thumbnails that are compared."""

ALIKE = 0.98
"""Least correlation of the thumbnails of near copies."""

MOST_COMPARED = 50_000
"""Number of images above which those of a split are not compared."""

_SHARES = {ALIKE: 0.05, 0.998: 0.01}
"""Fraction of test images with copies so alike above which a warning is due. Even different images
of simple things, such as the digit 1, are alike now and then."""

_DECODED = (64, 64)
"""Height and width to which images are decoded before they are compared."""

_BITS, _LARGEST_DISTANCE = 128, 24
_BLOCK = 256

Thumbnails = NDArray[np.float32]
"""Gray thumbnails `(N, SIDE * SIDE)`, each with mean 0 and length 1, or 0 where it is constant."""


def thumbnails(images: NDArray[np.generic]) -> Thumbnails:
    """Returns thumbnails of images `(N, C, H, W)`, each pixel the mean of its area."""
    flat = np.empty((len(images), SIDE * SIDE), np.float32)
    rows, columns = (_areas(length) for length in images.shape[2:])
    for start in range(0, len(images), _BLOCK):
        part = images[start : start + _BLOCK]
        gray = np.nan_to_num(part.astype(np.float32, copy=False).mean(1))
        flat[start : start + _BLOCK] = (rows @ gray @ columns.T).reshape(len(part), -1)
    flat -= flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 1e-6)


@cache
def _areas(length: int) -> NDArray[np.float32]:
    """The share `(SIDE, length)` that each pixel of a line has in each pixel of a thumbnail."""
    ends = np.arange(SIDE + 1) * (length / SIDE)
    starts = np.arange(length)
    low, high = np.maximum(starts, ends[:-1, None]), np.minimum(starts + 1, ends[1:, None])
    return ((high - low).clip(0) * (SIDE / length)).astype(np.float32)


def near_copies_across(train: Thumbnails, test: Thumbnails) -> list[tuple[int, int, float]]:
    """Returns the test images with a near copy in training: index, that of the copy, likeness."""
    pairs = list[tuple[int, int, float]]()
    for start in range(0, len(test), _BLOCK):
        alike = test[start : start + _BLOCK] @ train.T
        nearest = alike.argmax(1)
        best = alike[np.arange(len(alike)), nearest]
        pairs += [
            (start + int(row), int(nearest[row]), float(best[row]))
            for row in np.flatnonzero(best >= ALIKE)
        ]
    return pairs


def warning_of_copies(
    where: str,
    train: NDArray[np.generic],
    test: NDArray[np.generic],
    names: tuple[Sequence[str], Sequence[str]],
) -> str:
    """Returns one line if test images have near copies in training; empty if few or none have.

    Args:
        where: The source.
        train: Training images `(N, C, H, W)`.
        test: Test images.
        names: Names of both.
    """
    if not len(train) or not len(test) or len(train) + len(test) > MOST_COMPARED:
        return ""
    pairs = near_copies_across(thumbnails(train), thumbnails(test))
    counts = {level: sum(alike >= level for _, _, alike in pairs) for level in _SHARES}
    if all(counts[level] <= share * len(test) for level, share in _SHARES.items()):
        return ""
    height, width = train.shape[2:]
    first, second, _ = max(pairs, key=lambda pair: pair[2])
    shown = f", such as {names[1][first]} of {names[0][second]}" if all(names) else ""
    return (
        f"{where}: {len(pairs):,} of {len(test):,} test images have near copies among the training"
        f" images{shown}, so scores on them are too good; keep what belongs together on one side"
        " with --data.group, or drop copies with"
        f" `ambigan prepare PHOTOS NEW --size {height}x{width} --drop-duplicates`, and train on NEW"
    )


def find_duplicates(
    gallery: ImageSource,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
) -> list[tuple[int, int, float]]:
    """Finds the images that are near copies of others, of which one is kept.

    Candidates share a part of a perceptual hash of 128 bits, of which few differ, and the
    correlation of their thumbnails confirms them. Of near copies, one of the published test split
    is kept, and otherwise the first by name.

    Args:
        gallery: Images to compare.
        workers: Number of decoding threads; None for one per core, eight at most.
        progress: Function that is called with the number of images compared and the total.

    Returns:
        Index of each image to drop, that of the one it is a copy of, and their correlation.
    """
    kept, found = _decoded(gallery, _DECODED, None, thumbnails, (workers, progress))
    if not kept:
        return []
    return [(kept[row], kept[original], alike) for row, original, alike in _duplicates_among(found)]


def decode_small(
    gallery: ImageSource,
    size: tuple[int, int],
    channels: int,
    workers: int | None = None,
    progress: DecodingProgress | None = None,
) -> tuple[list[int], NDArray[Any]]:
    """Decodes all readable images to a small size, those of a published test split first.

    Returns:
        Index of each image, and the images `(N, channels, height, width)`.
    """
    return _decoded(gallery, size, channels, lambda images: images, (workers, progress))


def _decoded(
    gallery: ImageSource,
    size: tuple[int, int],
    channels: int | None,
    reduce: Callable[[NDArray[Any]], NDArray[Any]],
    given: tuple[int | None, DecodingProgress | None],
) -> tuple[list[int], NDArray[Any]]:
    """Decodes all readable images, each block of which is reduced."""
    num_train, (workers, progress) = gallery.num_train or 0, given
    order = [*range(num_train, gallery.length), *range(num_train)]
    form, tell = find_form(gallery, order, size, channels, 1.0), paced(progress, len(order))
    kept, parts, done = list[int](), list[NDArray[Any]](), 0
    for block in decode_blocks(gallery, order, form, workers):
        kept += block.kept
        if block.pixels:
            parts.append(reduce(np.stack(block.pixels)))
        done += len(block.kept) + len(block.reasons)
        tell(done)
    return kept, np.concatenate(parts) if parts else np.empty((0, 1))


def perceptual_hashes(found: Thumbnails) -> NDArray[np.uint8]:
    """Returns 128 bits of each thumbnail `(N, 16)`: the signs of fixed random projections.

    A bit of two thumbnails differs with the probability arccos(correlation) / pi, about 1 in 16 for
    near copies.
    """
    drawn = np.random.Generator(np.random.PCG64(0)).normal(size=(SIDE * SIDE, _BITS))
    return np.packbits(found @ drawn.astype(np.float32) > 0, axis=1)


def _duplicates_among(found: Thumbnails) -> list[tuple[int, int, float]]:
    """Rows that are near copies of an earlier row that is kept, with that row."""
    rows = np.flatnonzero(found.any(1))  # constant images are like no other
    hashes = perceptual_hashes(found[rows])
    _, firsts, of_row = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    earlier: dict[int, set[int]] = {}
    # Of equal hashes, only the first is compared with others: there may be many.
    for place, first in enumerate(firsts[of_row.ravel()].tolist()):
        if place != first:
            earlier.setdefault(int(rows[place]), set()).add(int(rows[first]))
    singles = np.sort(firsts)
    for one, other in _candidates(hashes[singles]):
        pair = int(rows[singles[one]]), int(rows[singles[other]])
        earlier.setdefault(pair[1], set()).add(pair[0])
    dropped = dict[int, tuple[int, float]]()
    for row in sorted(earlier):
        # Of a dropped one, what it was a copy of is a candidate in its place.
        originals = np.array(sorted({dropped.get(o, (o, 1))[0] for o in earlier[row]}), np.int64)
        alike = found[originals] @ found[row]
        best = int(alike.argmax())
        if alike[best] >= ALIKE:
            dropped[row] = int(originals[best]), float(alike[best])
    return [(row, original, alike) for row, (original, alike) in sorted(dropped.items())]


def _candidates(hashes: NDArray[np.uint8]) -> Iterable[tuple[int, int]]:
    """Pairs of rows, the earlier first, whose hashes share one of eight parts, and most bits."""
    whole = np.ascontiguousarray(hashes).view(np.uint64)
    for keys in np.ascontiguousarray(hashes).view(np.uint16).T:
        order = np.argsort(keys, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            for place, row in enumerate(rows[:-1].tolist()):
                later = rows[place + 1 :]
                differing = np.bitwise_count(whole[later] ^ whole[row]).sum(1, dtype=np.int64)
                for other in later[differing <= _LARGEST_DISTANCE].tolist():
                    yield row, other
