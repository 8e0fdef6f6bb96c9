"""Many image files to one uint8 array, by a pool of threads; what cannot be read is counted."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import UnidentifiedImageError

from ..core.errors import DataError
from ..core.memory import physical_memory
from .files import first_line
from .pictures import Header, Pixels, read_header, read_pixels
from .tree import ImageFile

# Files per task of a thread. A future per file would be much memory for millions; progress is told
# by whole tasks.
_BLOCK = 32
_TICK_SECONDS = 0.1

Progress = Callable[[int, int], None]
"""Told of long work: how many examples are done, and of how many."""

Result = TypeVar("Result")


def decode_images(
    root: Path,
    files: Sequence[ImageFile],
    size: tuple[int, int] | None,
    channels: int | None,
    max_corrupt: float,
    progress: Progress | None = None,
) -> tuple[Pixels, list[int], tuple[str, ...]]:
    """Decodes all images that can be read.

    Headers are read first, so that sizes are compared, and the array made, before any pixel is.

    Args:
        root: the folder that was opened, for messages.
        files: the images.
        size: height and width that all are brought to; None if they are of one size already.
        channels: 1 or 3; None for 3 if any of them has colours, else 1.
        max_corrupt: the share of the files that may be unreadable.
        progress: told of the images decoded, in the calling thread.

    Returns:
        Pixels `(N, channels, height, width)`; the place among `files` of each; a line on each file
        that was left out.

    Raises:
        DataError: too many cannot be read, sizes differ, or the array does not fit in memory.
    """
    headers = _in_threads(range(len(files)), lambda place: _header(files[place].path))
    reasons = {place: header for place, header in enumerate(headers) if isinstance(header, str)}
    _check_corrupt(root, files, reasons, max_corrupt)
    sound = [place for place in range(len(files)) if place not in reasons]
    known = [header for header in headers if isinstance(header, Header)]
    shape = size or _common_size(root, [files[place].name for place in sound], known)
    channels = channels or (1 if all(header.is_gray for header in known) else 3)
    values = _allocated(root, (len(sound), channels, *shape))

    def decode(target: int) -> str | None:
        return _decode_into(values[target], files[sound[target]].path, size)

    outcomes = _in_threads(range(len(sound)), decode, progress)
    reasons |= {sound[target]: text for target, text in enumerate(outcomes) if text is not None}
    _check_corrupt(root, files, reasons, max_corrupt)
    good = [target for target, text in enumerate(outcomes) if text is None]
    for place, target in enumerate(good):
        if place != target:  # closes the gaps without a second array
            values[place] = values[target]
    skipped = sorted(f"{files[place].name}: {reason}" for place, reason in reasons.items())
    return values[: len(good)], [sound[target] for target in good], tuple(skipped)


def _in_threads(
    places: range, function: Callable[[int], Result], progress: Progress | None = None
) -> list[Result]:
    """The function of every place, in order."""
    results, tell = list[Result](), _paced(progress, len(places))

    def run(start: int) -> list[Result]:
        return [function(place) for place in places[start : start + _BLOCK]]

    # Pillow's codecs release the interpreter's lock, so threads do decode at once.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for block in pool.map(run, range(0, len(places), _BLOCK)):
            results += block
            tell(len(results))
    return results


def _paced(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Passes on what is done, at once and at the end, and between them once a tick."""
    last = -math.inf

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if progress and (now - last >= _TICK_SECONDS or done == total):
            last = now
            progress(done, total)

    tell(0)
    return tell


def _header(path: Path) -> Header | str:
    """The header of an image, or why there is none."""
    try:
        return read_header(path)
    except MemoryError:
        raise
    except Exception as error:  # each of Pillow's decoders fails on damage in its own way
        return _reason(error)


def _decode_into(target: Pixels, path: Path, size: tuple[int, int] | None) -> str | None:
    """Fills one image's place in the array; returns why not, where it cannot."""
    try:
        pixels = read_pixels(path, len(target), size)
    except MemoryError:
        raise
    except Exception as error:  # as above
        return _reason(error)
    if pixels.shape != target.shape:
        return f"it decodes to {by(pixels.shape[1:])}, unlike its header"
    target[...] = pixels
    return None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image of a known format"
    return first_line(error)


def _check_corrupt(
    root: Path, files: Sequence[ImageFile], reasons: dict[int, str], max_corrupt: float
) -> None:
    share = len(reasons) / len(files)
    if share <= max_corrupt and len(reasons) < len(files):
        return
    first = min(reasons, key=lambda place: files[place].name)
    raise DataError(
        f"{root}: {len(reasons)} of {len(files)} images cannot be read, the first"
        f" {files[first].name} ({reasons[first]}); allowed is a share of"
        f" {max_corrupt:g}. Mend or remove them, or allow more with --data.max-corrupt."
    )


def _common_size(root: Path, names: list[str], headers: list[Header]) -> tuple[int, int]:
    """Height and width of all images."""
    (name, height, width), *others = sorted(
        (name, header.height, header.width) for name, header in zip(names, headers, strict=True)
    )
    for other, *size in others:
        if size != [height, width]:
            raise DataError(
                f"{root}: images differ in size: {name} is {by((height, width))} and {other} is"
                f" {by(size)} (height x width); bring them to one size with, for instance,"
                " --data.size 32,32."
            )
    return height, width


def by(size: Sequence[int]) -> str:
    """Lengths for a message: `28x28`."""
    return "x".join(str(length) for length in size)


def _allocated(root: Path, shape: tuple[int, ...]) -> Pixels:
    """An empty array; refused here where it cannot fit, or the system would kill the process."""
    needed = math.prod(shape)
    if needed > physical_memory():
        raise DataError(
            f"{root}: {shape[0]} images of {by(shape[2:])} need {needed / 2**30:.1f} GiB, more"
            f" than this machine's memory of {physical_memory() / 2**30:.1f} GiB; give fewer, or"
            " train on smaller ones with --data.size 32,32."
        )
    return np.empty(shape, np.uint8)
