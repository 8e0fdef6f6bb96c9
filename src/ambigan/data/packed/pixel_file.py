"""A `.npy` file of images that is written piece by piece and read without loading it whole."""

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
from ...core.files import open_in_place, open_regular, storage_error, sync_file
from ..files import ANEW
from ..images.image_decoding import DecodedPixels

HEADER_BYTES = 128


class PixelFile:
    """A file of images `(C, H, W)`, one after the other, whose header is written last.

    The header holds the number of images, which is not known before.

    Args:
        path: Path of the file. Content beyond `num_images` is cut off.
        shape: Shape of one image, `(C, H, W)`.
        num_images: Number of images already in the file that are kept.
        dtype: Type of the values.

    Raises:
        StorageError: The disk is full or the file cannot be written.
    """

    def __init__(
        self, path: Path, shape: Sequence[int], num_images: int, dtype: str = "uint8"
    ) -> None:
        self._path, self._shape, self._dtype = path, tuple(shape), dtype
        self._file: BinaryIO = open_in_place(path)
        try:
            self._file.truncate(HEADER_BYTES + num_images * _bytes_of(shape, dtype))
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise storage_error(path, error) from error

    def __enter__(self) -> PixelFile:
        """Returns the file, which is closed when the block ends."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Closes the file. A failure to write was already reported by the call that wrote."""
        with nullcontext() if error is None else suppress(OSError):
            self._file.close()

    def append(self, images: Sequence[DecodedPixels]) -> None:
        """Appends images, which are safe on the disk after the next `sync`."""
        for image in images:
            self.append_bytes(np.asarray(image, self._dtype).tobytes())

    def append_bytes(self, content: bytes) -> None:
        """Appends values as they are stored."""
        try:
            self._file.write(content)
        except OSError as error:
            raise storage_error(self._path, error) from error

    def sync(self) -> None:
        """Waits until everything written is on the disk."""
        sync_file(self._file, self._path)

    def finish(self, num_images: int) -> None:
        """Writes the header for this number of images, which makes it a `.npy` file."""
        self._file.seek(0)
        self._file.write(npy_header((num_images, *self._shape), self._dtype))
        self.sync()


def num_stored(path: Path, shape: Sequence[int], dtype: str = "uint8") -> int:
    """Returns the number of whole images in an unfinished file."""
    size = path.stat().st_size if path.is_file() else 0
    return max(0, size - HEADER_BYTES) // _bytes_of(shape, dtype)


def mapped(path: Path, shape: Sequence[int], dtype: str = "uint8") -> Tensor:
    """Maps the images of a finished file, `(N, C, H, W)`, which are read as they are used.

    They must not be written to, since the system would end the process.

    Args:
        path: Path of the file.
        shape: Expected shape of the array.
        dtype: Expected type of its values.

    Raises:
        DataError: The file is missing, of another size, or not such an array.
    """
    try:
        with open_regular(path) as file:
            header, size = file.read(HEADER_BYTES), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {ANEW}.") from error
    expected = HEADER_BYTES + _bytes_of(shape, dtype)
    if size != expected:
        raise DataError(f"{path} has {size:,} bytes and not {expected:,}: it was cut; {ANEW}.")
    if header != npy_header(tuple(shape), dtype):
        raise DataError(
            f"{path} does not begin as {dtype} of shape {tuple(shape)} does, of which its manifest"
            f" speaks; {ANEW}."
        )
    array = np.memmap(path, dtype, "r", HEADER_BYTES, tuple(shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)  # pyright: ignore[reportUnknownMemberType]


def _bytes_of(shape: Sequence[int], dtype: str) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    """Returns NumPy's header, always of the same length so that it can be written last."""
    text = str({"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape})
    begin = b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little")
    return begin + text.encode().ljust(HEADER_BYTES - 11) + b"\n"
