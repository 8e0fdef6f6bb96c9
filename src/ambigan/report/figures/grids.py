"""Images as grids of pixels: small ones are scaled up by whole numbers, so that they stay crisp."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ...core.errors import DataError
from ...core.files import write_bytes

PixelArray = NDArray[np.uint8]
CELL = 56  # pixels: smaller images are scaled up to about this
SEPARATOR = 128


def image_grid(
    images: ArrayLike,
    columns: int | None = None,
    *,
    scale: int | None = None,
    gap: int | tuple[int, int] = 2,
    separator: int = SEPARATOR,
) -> PixelArray:
    """Images side by side, row after row, with thin separators between them.

    Args:
        images: `(N, C, H, W)`, floats in [-1, 1] or uint8. One channel is grey, three are RGB; of
            more the first three are shown, of two the mean.
        columns: images in a row; about as many columns as rows if None.
        scale: each pixel becomes a square of this many; chosen from the size if None.
        gap: pixels between columns and rows, or between each.
        separator: the grey of gaps and of unfilled places.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        DataError: there are no images, or they have another shape.
    """
    cells = _cells(images, scale)
    return _tile(cells, columns or max(1, round(len(cells) ** 0.5)), gap, separator)


def reconstruction_grid(
    x: ArrayLike,
    reconstructed: ArrayLike,
    columns: int = 12,
    *,
    scale: int | None = None,
    gap: int = 2,
) -> PixelArray:
    """Data above its reconstruction, in pairs of rows that stand apart from one another.

    Args:
        x: data, as in `image_grid`.
        reconstructed: of the same shape.
        columns: pairs in a row.
        scale: as in `image_grid`.
        gap: pixels between images; three times as many between pairs of rows.

    Raises:
        DataError: there are no images, or the two differ in shape.
    """
    above, below = _cells(x, scale), _cells(reconstructed, scale)
    if above.shape != below.shape:
        raise DataError(f"data {above.shape} and reconstructions {below.shape} differ in shape.")
    spaced = np.pad(above, ((0, 0), (0, gap), (0, 0), (0, 0)), constant_values=SEPARATOR)
    pairs = np.concatenate([spaced, below], axis=1)
    return _tile(pairs, min(columns, len(pairs)), (gap, 3 * gap), SEPARATOR)


def interpolation_grid(
    rows: ArrayLike, steps: int, *, scale: int | None = None, gap: int = 2
) -> PixelArray:
    """One path in each row; rows stand further apart than the steps of a path.

    Args:
        rows: `(num_rows * steps, C, H, W)`, path after path.
        steps: images in each path.
        scale: as in `image_grid`.
        gap: pixels between steps; four times as many between rows.
    """
    return image_grid(rows, steps, scale=scale, gap=(gap, 4 * gap))


def save_png(path: Path, array: PixelArray) -> None:
    """Writes pixels, `(height, width, 3)` uint8, as a PNG file, atomically."""
    write_bytes(path, png_bytes(array))


def png_bytes(array: PixelArray) -> bytes:
    """Pixels as the content of a PNG file, in grey where they are."""
    grey = bool((array == array[..., :1]).all())
    image = Image.fromarray(np.ascontiguousarray(array[..., 0] if grey else array))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def data_uri(array: PixelArray) -> str:
    """Pixels as the `src` of an image that needs no file."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(array)).decode()


def to_pixels(images: ArrayLike) -> PixelArray:
    """Images, as in `image_grid`, to `(N, H, W, 3)` uint8; what is not a number becomes grey."""
    values: NDArray[Any] = np.asarray(images)
    if values.ndim != 4 or len(values) == 0:
        raise DataError(f"images have shape {values.shape}; a grid takes (N, C, H, W), N above 0.")
    if values.dtype != np.uint8:
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
        values = np.rint((values.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    if values.shape[1] == 2:
        values = values.mean(1, keepdims=True).round().astype(np.uint8)
    values = values[:, :3] if values.shape[1] >= 3 else values.repeat(3, 1)
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1))


def at_most(pixels: PixelArray, side: int) -> PixelArray:
    """Images `(N, H, W, 3)`, the larger ones made smaller until no side is longer."""
    height, width = pixels.shape[1:3]
    share = side / max(height, width)
    if share >= 1:
        return pixels
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = [Image.fromarray(image).resize(size, Image.Resampling.LANCZOS) for image in pixels]
    return np.stack([np.asarray(image) for image in small])


def fitting_scale(height: int, width: int) -> int:
    """By which whole number small images are scaled up."""
    return max(1, round(CELL / max(height, width)))


def _cells(images: ArrayLike, scale: int | None) -> PixelArray:
    pixels = to_pixels(images)
    scale = scale or fitting_scale(*pixels.shape[1:3])
    return pixels.repeat(scale, 1).repeat(scale, 2)


def _tile(
    cells: PixelArray, columns: int, gap: int | tuple[int, int], separator: int
) -> PixelArray:
    """Cells `(N, h, w, 3)` in rows; gaps between them and places left over are grey."""
    across, down = (gap, gap) if isinstance(gap, int) else gap
    margins = ((0, -len(cells) % columns), (0, down), (0, across), (0, 0))
    padded = np.pad(cells, margins, constant_values=separator)
    num, height, width, _ = padded.shape
    rows = padded.reshape(num // columns, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    grid = rows.reshape(num // columns * height, columns * width, 3)
    return grid[: len(grid) - down, : grid.shape[1] - across]
