"""What lies beside the stored centre of images, for crops that reach to their sides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Margins:
    """The pixels left and right of the centre of images, or above and below it.

    All centres have one size, and each image has its own length along one side. Pixels of an image
    follow one another row by row, without those of the centre.

    Attributes:
        pixels: Pixels `(P, C)`, uint8 or float32 as the centres are.
        starts: Index of the first pixel of each image, int64 `(N,)`.
        sizes: Height and width of each image with its centre, int64 `(N, 2)`.
        centre: Height and width of the centres.
    """

    pixels: Tensor
    starts: Tensor
    sizes: Tensor
    centre: tuple[int, int]

    @classmethod
    def of(cls, pixels: Tensor, sizes: Tensor, centre: tuple[int, int]) -> Margins | None:
        """Margins of images whose pixels follow one another; None where all are centres alone."""
        if not len(pixels):
            return None
        sizes = sizes.to(torch.int64)
        counts = sizes.prod(1) - centre[0] * centre[1]
        return cls(pixels, counts.cumsum(0) - counts, sizes, centre)

    @property
    def counts(self) -> Tensor:
        """Number of pixels beside each centre, int64 `(N,)`."""
        return self.sizes.prod(1) - self.centre[0] * self.centre[1]

    def part(self, which: slice) -> Margins:
        """The margins of adjacent images, as a view."""
        ends = (self.starts + self.counts)[which]
        first, end = (int(self.starts[which][0]), int(ends[-1])) if len(ends) else (0, 0)
        return Margins(
            self.pixels[first:end], self.starts[which] - first, self.sizes[which], self.centre
        )

    def at(self, rows: Tensor) -> Margins:
        """The margins of the images at the given rows, int64 `(B,)`; no pixel is copied."""
        return replace(
            self, starts=self.starts.index_select(0, rows), sizes=self.sizes.index_select(0, rows)
        )

    def take(self, rows: Tensor) -> Margins:
        """The margins of the images at the given rows, int64 `(B,)`, with a copy of their pixels.

        Pixels may lie in a memory-mapped file, of which only theirs are read.
        """
        chosen = self.at(rows)
        counts = chosen.counts
        spans: list[list[int]] = torch.stack((chosen.starts, counts), 1).numpy().tolist()
        parts = [self.pixels[start : start + count] for start, count in spans]
        return replace(
            chosen,
            pixels=torch.cat(parts) if parts else self.pixels[:0],
            starts=counts.cumsum(0) - counts,
        )

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Margins:
        """The margins on a device."""
        pixels, starts, sizes = (
            each.to(device, non_blocking=non_blocking)
            for each in (self.pixels, self.starts, self.sizes)
        )
        return Margins(pixels, starts, sizes, self.centre)

    def windows(self, centres: Tensor, top: Tensor, left: Tensor, shape: tuple[int, int]) -> Tensor:
        """Cuts a window from each image, over its centre and margins.

        What a window holds beyond the end of an image is arbitrary.

        Args:
            centres: Stored centres of the images, `(B, C, *centre)`.
            top: First row of each window, int64 `(B,)`.
            left: First column of each window, int64 `(B,)`.
            shape: Height and width of the windows.

        Returns:
            Windows `(B, C, *shape)`.
        """
        height, width = self.centre
        heights, widths = self.sizes[:, :1], self.sizes[:, 1:]
        rows = top[:, None] + torch.arange(shape[0], device=top.device)
        columns = left[:, None] + torch.arange(shape[1], device=left.device)
        y, x = rows - (heights - height) // 2, columns - (widths - width) // 2
        at = y.clamp(0, height - 1)[:, :, None] * width + x.clamp(0, width - 1)[:, None]
        at = at.flatten(1)[:, None].expand(-1, centres.shape[1], -1)
        middle = centres.flatten(2).gather(2, at).reshape(*centres.shape[:2], *shape)
        if not len(self.pixels):
            return middle
        # Behind the centre, the gap that it leaves in the margins is closed.
        is_wide = widths > width
        rows = torch.where(is_wide, rows, rows - height * (y >= height))
        columns = torch.where(is_wide, columns - width * (x >= width), columns)
        stride = torch.where(is_wide, widths - width, width)
        at = self.starts[:, None, None] + rows[:, :, None] * stride[:, None] + columns[:, None]
        at = at.clamp(0, len(self.pixels) - 1)
        beside = self.pixels.index_select(0, at.flatten()).reshape(*at.shape, -1)
        is_inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None]
        return torch.where(is_inside[:, None], middle, beside.permute(0, 3, 1, 2))


def split_centre(image: NDArray[Any], centre: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Splits an image that is longer than its centre along one side at most.

    Args:
        image: Pixels `(C, H, W)`.
        centre: Height and width of the centre.

    Returns:
        The centre `(C, *centre)`, and the other pixels `(P, C)`.
    """
    (height, width), (_, rows, columns) = centre, image.shape
    top, left = (rows - height) // 2, (columns - width) // 2
    middle = image[:, top : top + height, left : left + width]
    if rows > height:
        beside = np.concatenate((image[:, :top], image[:, top + height :]), 1)
    else:
        beside = np.concatenate((image[:, :, :left], image[:, :, left + width :]), 2)
    return middle, beside.reshape(len(image), -1).T
