"""Random scale, crop and flip of training images, on the device that holds the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..values import to_float
from .margins import Margins

NUM_DRAWS = 4
"""Number of random numbers that one image takes: scale, top, left and flip."""


@dataclass(frozen=True)
class Augment:
    """The augmentation of stored images before networks see them.

    Without `short_side`, a crop copies the stored pixels. With it, each image is resampled once,
    bilinearly with antialiasing, and only the pixels of the crop are computed.

    Attributes:
        crop: Height and width of the result in pixels.
        short_side: Least and greatest length, in pixels, that the short side is scaled to; None to
            leave the scale.
        flip: Whether images are mirrored left to right with probability 1/2.
    """

    crop: tuple[int, int]
    short_side: tuple[int, int] | None
    flip: bool

    def __call__(self, images: Tensor, draws: Tensor, margins: Margins | None = None) -> Tensor:
        """Returns augmented images as networks take them, float `(B, C, *crop)`.

        Args:
            images: Stored images, uint8 or float in [-1, 1], `(B, C, H, W)`.
            draws: Random numbers uniform on [0, 1), `(B, NUM_DRAWS)`.
            margins: What lies beside the stored images, to which crops reach; None for nothing.
        """
        scale, top, left, mirrored = draws.T
        if self.short_side is None:
            cropped = self._cut(images, top, left, margins)
        else:
            cropped = self._scaled(images, scale, top, left, margins)
        if self.flip:
            is_mirrored = (mirrored < 0.5)[:, None, None, None]
            cropped = torch.where(is_mirrored, cropped.flip(-1), cropped)
        is_raw = self.short_side is not None and images.dtype == torch.uint8
        return cropped.div_(127.5).sub_(1) if is_raw else to_float(cropped)

    def centre(self, images: Tensor) -> Tensor:
        """Returns the central crop of stored images, `(N, C, *crop)`, as a view."""
        (height, width), (crop_height, crop_width) = images.shape[-2:], self.crop
        top, left = (height - crop_height) // 2, (width - crop_width) // 2
        return images[..., top : top + crop_height, left : left + crop_width]

    def _cut(self, images: Tensor, top: Tensor, left: Tensor, margins: Margins | None) -> Tensor:
        """Crops pixels without resampling."""
        (height, width), (crop_height, crop_width) = images.shape[-2:], self.crop
        if margins is not None:
            heights, widths = margins.sizes.T
            top = _whole(top, heights - crop_height + 1)
            return margins.windows(images, top, _whole(left, widths - crop_width + 1), self.crop)
        # All windows as a view without copying, of which one per image is picked by index.
        windows = images.unfold(2, crop_height, 1).unfold(3, crop_width, 1)
        each = torch.arange(len(images), device=images.device)
        rows = _whole(top, height - crop_height + 1)
        return windows[each, :, rows, _whole(left, width - crop_width + 1)]

    def _scaled(
        self, images: Tensor, scale: Tensor, top: Tensor, left: Tensor, margins: Margins | None
    ) -> Tensor:
        """Crops rescaled images, computing only the pixels of the crop; float, of their range."""
        assert self.short_side is not None, "asked for only if there is one"
        low, high = self.short_side
        height, width = images.shape[-2:]
        crop_height, crop_width = self.crop
        lengths: tuple[int, int] | tuple[Tensor, Tensor] = (height, width)
        short = min(height, width)
        if margins is not None:
            lengths = margins.sizes[:, 0], margins.sizes[:, 1]
        side = low + _whole(scale, high - low + 1)
        heights, widths = (scaled_length(length, side, short) for length in lengths)
        top = _whole(top, heights - crop_height + 1)
        left = _whole(left, widths - crop_width + 1)
        first_row: Tensor | None = None
        first_column: Tensor | None = None
        if margins is not None:  # only the stored pixels that a crop is computed from
            most = short / low
            height, width = (int((n + 1) * most + 2 * max(most, 1)) + 3 for n in self.crop)
            first_row = _first(lengths[0], heights, top, height)
            first_column = _first(lengths[1], widths, left, width)
            images = margins.windows(images, first_row, first_column, (height, width))
        rows = _weights(lengths[0], heights, top, crop_height, height, first_row)
        columns = _weights(lengths[1], widths, left, crop_width, width, first_column)
        # Resampling is separable: one matrix per axis, whose rows are the weights of an output
        # pixel. Only the rows and columns of the crop are built.
        return rows[:, None] @ images.to(torch.float32) @ columns.mT[:, None]


def _whole(draw: Tensor, count: int | Tensor) -> Tensor:
    """Converts uniform numbers to integers from 0 to `count` - 1, int64 `(B,)`."""
    return (draw * count).to(torch.int64)


def scaled_length(length: int | Tensor, side: Tensor, short: int) -> Tensor:
    """Returns a length of an image whose short side is scaled to `side`, rounded, int64."""
    return (length * side + short // 2) // short


def _first(length: int | Tensor, scaled: Tensor, start: Tensor, count: int) -> Tensor:
    """Returns the first of `count` stored pixels that a crop from `start` on is computed from."""
    step = length / scaled
    first = (start * step - step.clamp_min(1)).floor().to(torch.int64)
    return first.minimum(length - torch.full_like(first, count)).clamp_min(0)


def _weights(
    length: int | Tensor,
    scaled: Tensor,
    start: Tensor,
    count: int,
    num_stored: int,
    first: Tensor | None,
) -> Tensor:
    """Returns the resampling weights of each computed pixel along one axis.

    Args:
        length: Number of pixels of the images along the axis.
        scaled: Number of pixels after scaling, `(B,)`.
        start: First pixel that is computed, `(B,)`.
        count: Number of pixels that are computed.
        num_stored: Number of stored pixels that are given.
        first: First of them, `(B,)`; None where they are the whole images.

    Returns:
        Weights `(B, count, num_stored)`, each row of which sums to one.
    """
    step = (length / scaled)[:, None, None]
    at = torch.arange(count, device=start.device)[None, :, None] + start[:, None, None] + 0.5
    stored = torch.arange(num_stored, device=start.device) + 0.5
    if first is not None:
        stored = stored + first[:, None, None]
    # One output pixel covers `step` input pixels, with a triangular weight around its centre. That
    # is an antialiased bilinear filter; when enlarging, the triangle spans two input pixels.
    reach = step.clamp_min(1)
    weights = (1 - (stored - at * step).abs() / reach).clamp_min(0)
    if first is not None:
        weights = weights * (stored < torch.as_tensor(length)[:, None, None])
    return weights / weights.sum(-1, keepdim=True)
