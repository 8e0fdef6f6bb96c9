"""Random scale, crop and flip of training images, on the device that holds the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..values import to_float

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

    def __call__(self, images: Tensor, draws: Tensor) -> Tensor:
        """Returns augmented images as networks take them, float `(B, C, *crop)`.

        Args:
            images: Stored images, uint8 `(B, C, H, W)`.
            draws: Random numbers uniform on [0, 1), `(B, NUM_DRAWS)`.
        """
        scale, top, left, mirrored = draws.T
        if self.short_side is None:
            cropped = self._cut(images, top, left)
        else:
            cropped = self._scaled(images, scale, top, left)
        if self.flip:
            is_mirrored = (mirrored < 0.5)[:, None, None, None]
            cropped = torch.where(is_mirrored, cropped.flip(-1), cropped)
        return to_float(cropped) if self.short_side is None else cropped.div_(127.5).sub_(1)

    def centre(self, images: Tensor) -> Tensor:
        """Returns the central crop of stored images, `(N, C, *crop)`, as a view."""
        (height, width), (crop_height, crop_width) = images.shape[-2:], self.crop
        top, left = (height - crop_height) // 2, (width - crop_width) // 2
        return images[..., top : top + crop_height, left : left + crop_width]

    def _cut(self, images: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """Crops pixels without resampling."""
        (height, width), (crop_height, crop_width) = images.shape[-2:], self.crop
        # All windows as a view without copying, of which one per image is picked by index.
        windows = images.unfold(2, crop_height, 1).unfold(3, crop_width, 1)
        each = torch.arange(len(images), device=images.device)
        rows = _whole(top, height - crop_height + 1)
        return windows[each, :, rows, _whole(left, width - crop_width + 1)]

    def _scaled(self, images: Tensor, scale: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """Crops rescaled images, computing only the pixels of the crop; float, 0 to 255."""
        assert self.short_side is not None, "asked for only if there is one"
        low, high = self.short_side
        (height, width), (crop_height, crop_width) = images.shape[-2:], self.crop
        side = low + _whole(scale, high - low + 1)
        heights, widths = (scaled_length(n, side, min(height, width)) for n in (height, width))
        rows = _weights(height, heights, _whole(top, heights - crop_height + 1), crop_height)
        columns = _weights(width, widths, _whole(left, widths - crop_width + 1), crop_width)
        # Resampling is separable: one matrix per axis, whose rows are the weights of an output
        # pixel. Only the rows and columns of the crop are built.
        return rows[:, None] @ images.to(torch.float32) @ columns.mT[:, None]


def _whole(draw: Tensor, count: int | Tensor) -> Tensor:
    """Converts uniform numbers to integers from 0 to `count` - 1, int64 `(B,)`."""
    return (draw * count).to(torch.int64)


def scaled_length(length: int, side: Tensor, short: int) -> Tensor:
    """Returns a length of an image whose short side is scaled to `side`, rounded, int64."""
    return (length * side + short // 2) // short


def _weights(length: int, scaled: Tensor, start: Tensor, count: int) -> Tensor:
    """Returns the resampling weights of each computed pixel along one axis.

    Args:
        length: Number of stored pixels along the axis.
        scaled: Number of pixels after scaling, `(B,)`.
        start: First pixel that is computed, `(B,)`.
        count: Number of pixels that are computed.

    Returns:
        Weights `(B, count, length)`, each row of which sums to one.
    """
    step = (length / scaled)[:, None, None]
    at = torch.arange(count, device=start.device)[None, :, None] + start[:, None, None] + 0.5
    stored = torch.arange(length, device=start.device) + 0.5
    # One output pixel covers `step` input pixels, with a triangular weight around its centre. That
    # is an antialiased bilinear filter; when enlarging, the triangle spans two input pixels.
    reach = step.clamp_min(1)
    weights = (1 - (stored - at * step).abs() / reach).clamp_min(0)
    return weights / weights.sum(-1, keepdim=True)
