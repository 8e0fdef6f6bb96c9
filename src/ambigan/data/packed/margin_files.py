"""What lies beside the centre of packed images: a file of pixels, and one of the images' sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from ..batches.margins import Margins, split_centre
from ..dataset import Scaling
from ..images.image_dataset import fact_of_margins
from ..images.image_decoding import DecodedPixels
from ..images.parallel_decoding import ImageForm
from ..images.value_range import pixels_to_range
from .manifest import MARGINS, SIZES
from .pixel_file import HEADER_BYTES, PixelFile, mapped, num_stored

MARGINS_PART, SCALED_MARGINS = "margins.part", "margins-scaled.part"
_SCALED_AT_ONCE = 1 << 20


class MarginFiles:
    """The two files while images are decoded, whose content beyond `num_images` is cut off.

    Args:
        out: Folder of the packed images.
        form: Form of the images.
        num_images: Number of images already in the files that are kept.

    Raises:
        StorageError: The disk is full or a file cannot be written.
    """

    def __init__(self, out: Path, form: ImageForm, num_images: int) -> None:
        self._centre, self._num = form.size, _num_pixels(out, form.size, num_images) or 0
        self._sizes = PixelFile(out / SIZES, (2,), num_images, "int32")
        self._pixels = PixelFile(out / MARGINS_PART, (form.channels,), self._num, form.dtype)

    def __enter__(self) -> MarginFiles:
        """Returns the files, which are closed when the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes both files."""
        self._sizes.__exit__(kind, error, trace)
        self._pixels.__exit__(kind, error, trace)

    def append(self, images: Sequence[DecodedPixels]) -> list[DecodedPixels]:
        """Appends what lies beside the centres of images, and returns these."""
        pairs = [split_centre(image, self._centre) for image in images]
        self._sizes.append([np.array(image.shape[1:]) for image in images])
        self._pixels.append([beside for _, beside in pairs])
        self._num += sum(len(beside) for _, beside in pairs)
        return [centre for centre, _ in pairs]

    def sync(self) -> None:
        """Waits until everything written is on the disk."""
        self._sizes.sync()
        self._pixels.sync()

    def finish(self, num_images: int) -> None:
        """Writes the headers, which make both `.npy` files."""
        self._sizes.finish(num_images)
        self._pixels.finish(self._num)


def are_lost(out: Path, form: ImageForm, num_images: int) -> bool:
    """Whether the disk lost part of what the files of a begun folder held."""
    if (out / MARGINS).is_file() and not (out / MARGINS_PART).is_file():  # killed after a rename
        (out / MARGINS).rename(out / MARGINS_PART)
    needed = _num_pixels(out, form.size, num_images)
    stored = num_stored(out / MARGINS_PART, (form.channels,), form.dtype)
    return needed is None or stored < needed


def put_in_place(out: Path, form: ImageForm, num_images: int, scaling: Scaling | None) -> None:
    """Gives the file of pixels its name, scaled where the images are."""
    if scaling is None:
        (out / MARGINS_PART).replace(out / MARGINS)
        return
    num = _num_pixels(out, form.size, num_images) or 0
    raw = mapped(out / MARGINS_PART, (num, form.channels), form.dtype).numpy()
    with PixelFile(out / SCALED_MARGINS, (form.channels,), 0, "float32") as file:
        for start in range(0, num, _SCALED_AT_ONCE):
            file.append([pixels_to_range(raw[start : start + _SCALED_AT_ONCE], scaling).numpy()])
        file.finish(num)
    (out / SCALED_MARGINS).replace(out / MARGINS)


def read_margins(
    path: Path, shape: tuple[int, int, int], num_images: int, dtype: str
) -> tuple[Margins | None, str]:
    """Maps the margins of a packed folder, None where no image has any, and describes them.

    Args:
        path: Folder.
        shape: Shape `(C, H, W)` of the centre of the images.
        num_images: Number of images.
        dtype: Type of the values.

    Raises:
        DataError: A file is missing or damaged.
    """
    channels, height, width = shape
    sizes = mapped(path / SIZES, (num_images, 2), "int32")
    num = int(sizes.long().prod(1).sum()) - num_images * height * width
    pixels = mapped(path / MARGINS, (num, channels), dtype)
    fact = fact_of_margins(sizes.numpy(), (height, width))
    return Margins.of(pixels, sizes, (height, width)), fact


def _num_pixels(out: Path, centre: tuple[int, int], num_images: int) -> int | None:
    """Number of pixels beside the centres of the first images; None if not all are known."""
    if num_stored(out / SIZES, (2,), "int32") < num_images:
        return None
    if not num_images:
        return 0
    sizes = np.memmap(out / SIZES, "int32", "r", HEADER_BYTES, (num_images, 2))
    return int(sizes.astype(np.int64).prod(1).sum()) - num_images * centre[0] * centre[1]
