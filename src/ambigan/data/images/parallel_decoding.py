"""Decoding of many images in threads; images that cannot be read are counted."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.errors import DataError
from ...core.machine import physical_memory
from ..batches.margins import split_centre
from ..files import first_line
from .deep_images import storage_type, stored_values
from .image_decoding import DecodedPixels, Header, Page, bombs_refused, decode, read_header
from .image_source import ImageSource
from .unreadable import check_corrupt, skipped_lines

logger = logging.getLogger(__name__)

# Images per task of a thread. One future per image would take much memory for millions of images.
# Progress is reported by whole tasks.
_BLOCK = 32
_TICK_SECONDS = 0.1

DecodingProgress = Callable[[int, int], None]
"""A function that is called with the number of examples done and the total."""

Decoded = TypeVar("Decoded")

_GATHERED = 4096
"""Images in memory that are copied at once."""

_TYPES = ("uint8", "uint16", "float32")
"""Types of stored values, each of which holds those before it."""


@dataclass(frozen=True)
class ImageForm:
    """The form that all images of a source are brought to.

    Attributes:
        channels: Number of channels.
        size: Height and width in pixels.
        resizes: Whether images are resized; otherwise each must have the size already.
        dtype: Type of their values: `uint8`, `uint16` or `float32`.
        longest: How many times as long as `size` an image may stay along one side.
    """

    channels: int
    size: tuple[int, int]
    resizes: bool
    dtype: str = "uint8"
    longest: int = 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one image, `(channels, height, width)`."""
        return self.channels, *self.size


@dataclass(frozen=True)
class DecodedBlock:
    """Some decoded images.

    Attributes:
        pixels: Pixels of the readable images, in order.
        kept: Indices of the readable images in the source.
        reasons: Reasons why the other images cannot be read, by index in the source.
        num_unused: Number of pages of their files that are no images of the source.
    """

    pixels: list[DecodedPixels]
    kept: list[int]
    reasons: dict[int, str]
    num_unused: int = 0


@dataclass(frozen=True)
class DecodedImages:
    """All readable images of a source.

    Attributes:
        values: Pixels `(N, channels, height, width)`.
        kept: Index of each in the source.
        skipped: One line for each image that was left out.
        num_unused: Number of pages of their files that are no images of the source.
        beside: Pixels beside the centres that `values` then holds, `(P, channels)`; None for none.
        sizes: Height and width of each image with what lies beside its centre.
    """

    values: DecodedPixels
    kept: list[int]
    skipped: tuple[str, ...]
    num_unused: int = 0
    beside: DecodedPixels | None = None
    sizes: Sequence[tuple[int, int]] = ()


def decode_images(
    gallery: ImageSource,
    order: Sequence[int],
    size: tuple[int, int] | None,
    channels: int | None,
    max_corrupt: float,
    progress: DecodingProgress | None = None,
    dtype: str | None = None,
    longest: int = 1,
    at_least: str = "uint8",
) -> DecodedImages:
    """Decodes all readable images into one array.

    Args:
        gallery: Images to decode.
        order: Indices of the images, in the order of the array.
        size: Height and width, see `find_form`.
        channels: Number of channels, see `find_form`.
        max_corrupt: Largest fraction of unreadable images.
        progress: Function that is called with the number of images decoded and the total, in the
            calling thread.
        dtype: Type of the array, see `find_form`.
        longest: How many times as long as `size` images may stay along one side.
        at_least: Type that files are brought to at the least, see `find_form`.

    Raises:
        DataError: Too many images cannot be read, sizes differ, or the array does not fit in
            memory.
    """
    form = find_form(gallery, order, size, channels, max_corrupt, dtype, at_least)
    if gallery.arrays and form == _form_of_arrays(gallery.arrays):
        return DecodedImages(_gathered(gallery, order, form, progress), list(order), ())
    if form.resizes:
        form = replace(form, longest=longest)
    values = _allocated(gallery.where, (len(order), *form.shape), form.dtype)
    kept, reasons, tell = list[int](), dict[int, str](), paced(progress, len(order))
    num_unused, beside, sizes = 0, bytearray(), list[tuple[int, int]]()
    for block in decode_blocks(gallery, order, form):
        for place, pixels in zip(block.kept, block.pixels, strict=True):
            if form.longest > 1:
                sizes.append((pixels.shape[1], pixels.shape[2]))
                pixels, others = split_centre(pixels, form.size)
                beside += others.tobytes()
            values[len(kept)] = pixels
            kept.append(place)
        reasons |= block.reasons
        check_corrupt(gallery, reasons, len(kept) + len(reasons), max_corrupt)
        num_unused += block.num_unused
        tell(len(kept) + len(reasons))
    lines = skipped_lines(gallery, reasons)
    margins = np.frombuffer(beside, form.dtype).reshape(-1, form.channels) if beside else None
    return DecodedImages(values[: len(kept)], kept, lines, num_unused, margins, sizes)


def _form_of_arrays(arrays: tuple[NDArray[Any], ...]) -> ImageForm:
    """The form of images in memory.

    Raises:
        DataError: Those of the two splits differ.
    """
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        first, second = (by(array.shape[1:]) for array in arrays)
        raise DataError(
            f"training images are {first} and test images {second}; both must agree; resize"
            " those of one split."
        )
    channels, height, width = arrays[0].shape[1:]
    dtype = max((storage_type(array.dtype) for array in arrays), key=_TYPES.index)
    return ImageForm(channels, (height, width), resizes=False, dtype=dtype)


def _gathered(
    gallery: ImageSource,
    order: Sequence[int],
    form: ImageForm,
    progress: DecodingProgress | None,
) -> DecodedPixels:
    """Images that lie in memory, in another order, copied a block at a time."""
    values = _allocated(gallery.where, (len(order), *form.shape), form.dtype)
    tell, first = paced(progress, len(order)), len(gallery.arrays[0])
    rows = np.asarray(order, dtype=np.int64)
    for start in range(0, len(rows), _GATHERED):
        part = slice(start, start + _GATHERED)
        for number, array in enumerate(gallery.arrays):
            chosen = (rows[part] >= first) == bool(number)
            values[part][chosen] = stored_values(array[rows[part][chosen] - number * first])
        tell(min(start + _GATHERED, len(rows)))
    return values


def find_form(
    gallery: ImageSource,
    order: Sequence[int],
    size: tuple[int, int] | None,
    channels: int | None,
    max_corrupt: float,
    dtype: str | None = None,
    at_least: str = "uint8",
) -> ImageForm:
    """Returns the form of the images, from as few of their headers as are needed.

    Args:
        gallery: Images of the source.
        order: Indices of the images, in the order in which headers are read.
        size: Height and width that all images are brought to; None if they have one size already.
        channels: Number of channels; None for that of the image with the most, where those with
            others are gray.
        max_corrupt: Largest fraction of unreadable images, which matters only if all headers must
            be read.
        dtype: Type of the values; None for the one that holds those of all images whose header is
            read.
        at_least: Type that these values have at the least, `uint16` to spread 8-bit images over 16
            bits; arrays stay as they are.

    Raises:
        DataError: Sizes differ, or too many headers cannot be read.
    """
    if size is not None and channels is not None and dtype is not None:
        return ImageForm(channels, size, resizes=True, dtype=dtype)
    if gallery.arrays:
        own = _form_of_arrays(gallery.arrays)
        if channels in (None, own.channels) and size in (None, own.size) and not dtype:
            return own
    headers = dict[int, Header]()
    reasons = dict[int, str]()

    def header(place: int) -> Header:
        return read_header(gallery.content(place), gallery.decoding, reduces=size is not None)

    for places, results in in_threads(header, order):
        found = dict(zip(places, results, strict=True))
        headers |= {place: it for place, it in found.items() if isinstance(it, Header)}
        reasons |= {place: it for place, it in found.items() if isinstance(it, str)}
        has_colours = channels is not None or any(it.channels > 1 for it in headers.values())
        if size is not None and has_colours and headers:
            break
    if size is None or not headers:
        check_corrupt(gallery, reasons, len(order), max_corrupt)
    most = max(header.channels for header in headers.values())
    deepest = max((header.dtype for header in headers.values()), key=_TYPES.index)
    num_flat = sum(header.dtype == "uint8" for header in headers.values())
    if deepest != "uint8" and num_flat and dtype is None:
        how = (
            "are spread over all of 16 bits, so that images of fewer levels look dark next to them"
        )
        if deepest == "float32":
            how = "stay 0 to 255 among floats"
        logger.warning(
            f"{gallery.where}: {num_flat} of {len(headers)} images have 8 bits and the others more;"
            f" 8-bit levels {how}; keep the two kinds apart with --data.folders, or convert them"
        )
    found_size = size or _common_size(gallery, headers)
    deepest = max(deepest, at_least, key=_TYPES.index)
    return ImageForm(channels or most, found_size, size is not None, dtype or deepest)


def decode_blocks(
    gallery: ImageSource, order: Sequence[int], form: ImageForm, workers: int | None = None
) -> Iterator[DecodedBlock]:
    """Decodes the images at the given indices block by block, in order.

    Args:
        gallery: Images to decode.
        order: Indices of the images.
        form: Form that the images are brought to.
        workers: Number of threads; None for one per core, eight at most.
    """

    def decoded(place: int) -> tuple[DecodedPixels, int]:
        content, size = gallery.content(place), form.size if form.resizes else None
        args = form.channels, size, form.dtype, gallery.decoding, form.longest
        pixels, pages = decode(content, *args)
        if pixels.shape != form.shape and form.longest == 1:
            raise OSError(f"it decodes to {by(pixels.shape[1:])}, unlike its header")
        return pixels, 0 if isinstance(content, Page) else pages - 1

    for places, results in in_threads(decoded, order, workers):
        pairs = list(zip(places, results, strict=True))
        yield DecodedBlock(
            pixels=[it[0] for it in results if not isinstance(it, str)],
            kept=[place for place, it in pairs if not isinstance(it, str)],
            reasons={place: it for place, it in pairs if isinstance(it, str)},
            num_unused=sum(it[1] for it in results if not isinstance(it, str)),
        )


def in_threads(
    function: Callable[[int], Decoded], order: Sequence[int], workers: int | None = None
) -> Iterator[tuple[Sequence[int], list[Decoded | str]]]:
    """Yields the results of a function of each index, block by block, or the reason why it failed.

    Few blocks are in progress at once, so that a slow consumer does not fill the memory.
    """
    workers = workers or min(8, os.cpu_count() or 1)

    def run(start: int) -> tuple[Sequence[int], list[Decoded | str]]:
        places = order[start : start + _BLOCK]
        return places, [_or_reason(function, place) for place in places]

    # Pillow's codecs release the interpreter's lock, so threads decode in parallel.
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
            for future in going:  # their results are no longer needed
                future.cancel()


def _or_reason(function: Callable[[int], Decoded], place: int) -> Decoded | str:
    try:
        return function(place)
    except MemoryError:
        raise
    except Exception as error:  # each of Pillow's decoders fails on damage in its own way
        return first_line(error)


def paced(progress: DecodingProgress | None, total: int) -> Callable[[int], None]:
    """Returns a function that reports progress at the start, the end and regular intervals."""
    last = -math.inf

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if progress and (now - last >= _TICK_SECONDS or done == total):
            last = now
            progress(done, total)

    tell(0)
    return tell


def _common_size(gallery: ImageSource, headers: dict[int, Header]) -> tuple[int, int]:
    """Returns the height and width of all images."""
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
    """Formats lengths for a message, such as `28x28`."""
    return "x".join(str(length) for length in size)


def _allocated(where: str, shape: tuple[int, ...], dtype: str) -> DecodedPixels:
    """Allocates an array if it fits in memory; the system would kill the process otherwise."""
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if needed > physical_memory():
        raise DataError(
            f"{where}: {shape[0]} images of {by(shape[2:])} need {needed / 2**30:.1f} GiB, more"
            f" than this machine's memory of {physical_memory() / 2**30:.1f} GiB; give fewer, train"
            " on smaller ones with --data.size 32,32, or pack them with `ambigan prepare`."
        )
    return np.empty(shape, dtype)
