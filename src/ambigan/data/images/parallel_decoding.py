"""Many pictures to uint8 pixels, by a pool of threads; what cannot be read is counted."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import UnidentifiedImageError

from ...core.errors import DataError
from ...core.machine import physical_memory
from ..files import first_line
from .image_decoding import DecodedPixels, Header, bombs_refused, read_header, read_pixels
from .image_source import ImageSource

# Pictures per task of a thread. A future per picture would be much memory for millions; progress is
# told by whole tasks.
_BLOCK = 32
_TICK_SECONDS = 0.1

DecodingProgress = Callable[[int, int], None]
"""Told of long work: how many examples are done, and of how many."""

Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class ImageForm:
    """What all pictures of a gallery are brought to.

    Attributes:
        channels: 1 or 3.
        size: height and width.
        resizes: they may differ in size; else each must have it already.
    """

    channels: int
    size: tuple[int, int]
    resizes: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture, `(channels, height, width)`."""
        return self.channels, *self.size


@dataclass(frozen=True)
class DecodedBlock:
    """Some pictures, decoded.

    Attributes:
        pixels: of those that could be read, in order.
        kept: their places in the gallery.
        reasons: by place, why the others could not.
    """

    pixels: list[DecodedPixels]
    kept: list[int]
    reasons: dict[int, str]


def decode_images(
    gallery: ImageSource,
    order: Sequence[int],
    size: tuple[int, int] | None,
    channels: int | None,
    max_corrupt: float,
    progress: DecodingProgress | None = None,
) -> tuple[DecodedPixels, list[int], tuple[str, ...]]:
    """Decodes all pictures that can be read into one array.

    Args:
        gallery: the pictures.
        order: their places, as they are to lie in the array.
        size: as for `find_form`.
        channels: as for `find_form`.
        max_corrupt: the share of the pictures that may be unreadable.
        progress: told of the pictures decoded, in the calling thread.

    Returns:
        Pixels `(N, channels, height, width)`; the place in the gallery of each; a line on each
        picture that was left out.

    Raises:
        DataError: too many cannot be read, sizes differ, or the array does not fit in memory.
    """
    form = find_form(gallery, order, size, channels, max_corrupt)
    values = _allocated(gallery.where, (len(order), *form.shape))
    kept, reasons, tell = list[int](), dict[int, str](), paced(progress, len(order))
    for block in decode_blocks(gallery, order, form):
        for place, pixels in zip(block.kept, block.pixels, strict=True):
            values[len(kept)] = pixels
            kept.append(place)
        reasons |= block.reasons
        check_corrupt(gallery, reasons, len(kept) + len(reasons), max_corrupt)
        tell(len(kept) + len(reasons))
    return values[: len(kept)], kept, skipped_lines(gallery, reasons)


def find_form(
    gallery: ImageSource,
    order: Sequence[int],
    size: tuple[int, int] | None,
    channels: int | None,
    max_corrupt: float,
) -> ImageForm:
    """What the pictures are brought to, from as few of their headers as will tell.

    Args:
        gallery: the pictures.
        order: their places, in the order in which they are asked.
        size: height and width that all are brought to; None if they are of one size already.
        channels: 1 or 3; None for 3 if any of them has colours, else 1.
        max_corrupt: as for `decode_images`; matters only where all headers must be read.

    Raises:
        DataError: sizes differ, or too many headers cannot be read.
    """
    if size is not None and channels is not None:
        return ImageForm(channels, size, resizes=True)
    headers = dict[int, Header]()
    reasons = dict[int, str]()
    for places, results in _in_threads(lambda place: read_header(gallery.content(place)), order):
        found = dict(zip(places, results, strict=True))
        headers |= {place: it for place, it in found.items() if isinstance(it, Header)}
        reasons |= {place: it for place, it in found.items() if isinstance(it, str)}
        if size is not None and not all(header.is_gray for header in headers.values()):
            break
    if size is None:
        check_corrupt(gallery, reasons, len(order), max_corrupt)
    is_gray = all(header.is_gray for header in headers.values())
    found_size = size or _common_size(gallery, headers)
    return ImageForm(channels or (1 if is_gray else 3), found_size, resizes=size is not None)


def decode_blocks(
    gallery: ImageSource, order: Sequence[int], form: ImageForm, workers: int | None = None
) -> Iterator[DecodedBlock]:
    """Decodes the pictures at the given places, some at a time, in order.

    Args:
        gallery: the pictures.
        order: their places.
        form: what they are brought to.
        workers: how many threads; None for one a core, eight at most.
    """

    def decode(place: int) -> DecodedPixels:
        size = form.size if form.resizes else None
        pixels = read_pixels(gallery.content(place), form.channels, size)
        if pixels.shape != form.shape:
            raise OSError(f"it decodes to {by(pixels.shape[1:])}, unlike its header")
        return pixels

    for places, results in _in_threads(decode, order, workers):
        pairs = list(zip(places, results, strict=True))
        yield DecodedBlock(
            pixels=[it for it in results if not isinstance(it, str)],
            kept=[place for place, it in pairs if not isinstance(it, str)],
            reasons={place: it for place, it in pairs if isinstance(it, str)},
        )


def _in_threads(
    function: Callable[[int], Decoded], order: Sequence[int], workers: int | None = None
) -> Iterator[tuple[Sequence[int], list[Decoded | str]]]:
    """The function of every place, a block at a time, in order; or the reason why there is none.

    Few blocks are under way at once, so that a slow consumer does not fill memory.
    """
    workers = workers or min(8, os.cpu_count() or 1)

    def run(start: int) -> tuple[Sequence[int], list[Decoded | str]]:
        places = order[start : start + _BLOCK]
        return places, [_or_reason(function, place) for place in places]

    # Pillow's codecs release the interpreter's lock, so threads do decode at once.
    with bombs_refused(), ThreadPoolExecutor(workers) as pool:
        going: deque[Future[tuple[Sequence[int], list[Decoded | str]]]] = deque()
        try:
            for start in range(0, len(order), _BLOCK):
                going.append(pool.submit(run, start))
                if len(going) > 2 * workers:
                    yield going.popleft().result()
            while going:
                yield going.popleft().result()
        finally:
            for future in going:  # of what nobody waits for any more
                future.cancel()


def _or_reason(function: Callable[[int], Decoded], place: int) -> Decoded | str:
    try:
        return function(place)
    except MemoryError:
        raise
    except Exception as error:  # each of Pillow's decoders fails on damage in its own way
        if isinstance(error, UnidentifiedImageError):
            return "not an image of a known format"
        return first_line(error)


def paced(progress: DecodingProgress | None, total: int) -> Callable[[int], None]:
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


def check_corrupt(
    gallery: ImageSource, reasons: dict[int, str], tried: int, max_corrupt: float, remedy: str = ""
) -> None:
    """Refuses a gallery of which too much cannot be read, as soon as that is known.

    Args:
        gallery: the pictures.
        reasons: by place, why a picture cannot be read.
        tried: how many have been tried so far.
        max_corrupt: the share of all that may be unreadable.
        remedy: what else to do, for the message.

    Raises:
        DataError: more cannot be read than may be, or nothing can.
    """
    total = gallery.length
    if len(reasons) <= max_corrupt * total and len(reasons) < total:
        return
    name, reason = min((gallery.name(place), reason) for place, reason in reasons.items())
    if len(reasons) < total:
        remedy += ", or allow more with --data.max-corrupt"
    raise DataError(
        f"{gallery.where}: {'at least ' if tried < total else ''}{len(reasons)} of {total} images"
        f" cannot be read, the first {name} ({reason}); allowed is a share of {max_corrupt:g}."
        f" Mend or remove them{remedy}."
    )


def skipped_lines(gallery: ImageSource, reasons: dict[int, str]) -> tuple[str, ...]:
    """A line on each picture that was left out, sorted by name."""
    return tuple(sorted(f"{gallery.name(place)}: {text}" for place, text in reasons.items()))


def _common_size(gallery: ImageSource, headers: dict[int, Header]) -> tuple[int, int]:
    """Height and width of all pictures."""
    (name, height, width), *others = sorted(
        (gallery.name(place), header.height, header.width) for place, header in headers.items()
    )
    for other, *size in others:
        if size != [height, width]:
            raise DataError(
                f"{gallery.where}: images differ in size: {name} is {by((height, width))} and"
                f" {other} is {by(size)} (height x width); bring them to one size with, for"
                " instance, --data.size 32,32."
            )
    return height, width


def by(size: Sequence[int]) -> str:
    """Lengths for a message: `28x28`."""
    return "x".join(str(length) for length in size)


def _allocated(where: str, shape: tuple[int, ...]) -> DecodedPixels:
    """An empty array; refused here where it cannot fit, or the system would kill the process."""
    needed = math.prod(shape)
    if needed > physical_memory():
        raise DataError(
            f"{where}: {shape[0]} images of {by(shape[2:])} need {needed / 2**30:.1f} GiB, more"
            f" than this machine's memory of {physical_memory() / 2**30:.1f} GiB; give fewer, train"
            " on smaller ones with --data.size 32,32, or pack them with `ambigan prepare`."
        )
    return np.empty(shape, np.uint8)
