"""A `.npy` file of images that is written piece by piece, and read without loading it."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from ...core.errors import DataError
from ...core.files import open_in_place, open_regular, storage_error
from ..files import ANEW
from ..images.image_decoding import DecodedPixels

HEADER_BYTES = 128


class PixelFile:
    """Images `(C, H, W)` one after the other; the header, with their number, comes last.

    Args:
        path: of the file; what it holds beyond `num_images` is cut off.
        shape: of one image.
        num_images: how many it holds that are to stay.

    Raises:
        StorageError: the disk is full or the file cannot be written.
    """

    def __init__(self, path: Path, shape: Sequence[int], num_images: int) -> None:
        self._path, self._shape = path, tuple(shape)
        self._file: BinaryIO = open_in_place(path)
        try:
            self._file.truncate(HEADER_BYTES + num_images * math.prod(shape))
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise storage_error(path, error) from error

    def __enter__(self) -> PixelFile:
        """Closes the file when the block ends."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Closes it; what a full disk did not take was told already."""
        with nullcontext() if error is None else suppress(OSError):
            self._file.close()

    def append(self, images: Sequence[DecodedPixels]) -> None:
        """Writes images after the others; they are safe after the next `sync`."""
        try:
            for image in images:
                self._file.write(image.tobytes())
        except OSError as error:
            raise storage_error(self._path, error) from error

    def sync(self) -> None:
        """Waits until all that was written is on the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error(self._path, error) from error

    def finish(self, num_images: int) -> None:
        """Writes the header that makes it a `.npy` file of so many images."""
        self._file.seek(0)
        self._file.write(_header((num_images, *self._shape)))
        self.sync()


def num_stored(path: Path, shape: Sequence[int]) -> int:
    """How many whole images an unfinished file holds."""
    size = path.stat().st_size if path.is_file() else 0
    return max(0, size - HEADER_BYTES) // math.prod(shape)


def mapped(path: Path, shape: Sequence[int]) -> Tensor:
    """The images of a finished file, uint8 `(N, C, H, W)`, read from the disk as they are used.

    They must not be written to: the system would end the process.

    Raises:
        DataError: the file is missing, of another size, or no such array.
    """
    try:
        with open_regular(path) as file:
            header, size = file.read(HEADER_BYTES), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {ANEW}.") from error
    expected = HEADER_BYTES + math.prod(shape)
    if size != expected:
        raise DataError(f"{path} has {size:,} bytes and not {expected:,}: it was cut; {ANEW}.")
    if header != _header(tuple(shape)):
        raise DataError(
            f"{path} does not begin as uint8 of shape {tuple(shape)} does, of which its manifest"
            f" speaks; {ANEW}."
        )
    array = np.memmap(path, np.uint8, "r", HEADER_BYTES, tuple(shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]


def _header(shape: tuple[int, ...]) -> bytes:
    """NumPy's header, always as long, so that it can be written last."""
    text = str({"descr": "|u1", "fortran_order": False, "shape": shape})
    begin = b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little")
    return begin + text.encode().ljust(HEADER_BYTES - 11) + b"\n"
