"""Images of a split as networks take them: scaled, cropped and mirrored."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.machine import physical_memory
from ...core.randomness import Randomness
from ...data import to_float
from ..voc import VocExample

DRAWN_ON = 256
"""Images by which fresh layers are scaled."""
_SHARE = 4
"""A split is kept in memory up to this part of the machine's, and decoded again beyond."""


class SplitImages:
    """The images of a split, scaled, kept in memory while there is room.

    Args:
        examples: The split.
        channels: Number of channels.
        short_side: Pixels of an image's short side; None for its own size.
        long_side: Most pixels of the long side; None for any number.
    """

    def __init__(
        self,
        examples: tuple[VocExample, ...],
        channels: int,
        short_side: int | None,
        long_side: int | None = None,
    ) -> None:
        self.examples, self.channels = examples, channels
        self.short_side, self.long_side = short_side, long_side
        self._kept: dict[int, Tensor] = {}
        self._room = physical_memory() // _SHARE

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> Tensor:
        """An image, uint8 `(C, H, W)`."""
        if place in self._kept:
            return self._kept[place]
        image = self.examples[place].pixels(self.channels)
        size = self.size(place)
        if size != tuple(image.shape[1:]):
            scaled = F.interpolate(
                image[None].float(), size, mode="bilinear", align_corners=False, antialias=True
            )
            image = scaled[0].round().clamp(0, 255).to(torch.uint8)
        if image.numel() <= self._room:
            self._room -= image.numel()
            self._kept[place] = image
        return image

    def size(self, place: int) -> tuple[int, int]:
        """Height and width of an image after scaling."""
        height, width = self.examples[place].size
        if self.short_side is None:
            return height, width
        scale = self.short_side / min(height, width)
        if self.long_side is not None:
            scale = min(scale, self.long_side / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


def drawn_on(num: int) -> list[int]:
    """The places of the images by which fresh layers are scaled."""
    return list(range(min(DRAWN_ON, num)))


def random_crops(images: SplitImages, places: list[int], side: int, key: list[int]) -> Tensor:
    """A random square crop of each image, half of them mirrored, float `(N, C, side, side)`.

    Images with a shorter side are scaled up first. What is drawn is a function of the key.
    """
    crops: list[Tensor] = []
    noise = Randomness("crops", *key).uniform(len(places), 3)
    draws: list[list[float]] = noise.numpy().tolist()
    for place, (down, right, mirror) in zip(places, draws, strict=True):
        image = _at_least(images[place], side)
        top = int(down * (image.shape[1] - side + 1))
        left = int(right * (image.shape[2] - side + 1))
        crop = image[:, top : top + side, left : left + side]
        crops.append(crop.flip(2) if mirror < 0.5 else crop)
    return to_float(torch.stack(crops))


def ten_crops(image: Tensor, side: int) -> Tensor:
    """The middle and the four corners of an image, and all mirrored, float `(10, C, side, side)`.

    Source: Krizhevsky et al. (2012), section 4.1.
    """
    bottom, right = image.shape[1] - side, image.shape[2] - side
    places = ((bottom // 2, right // 2), (0, 0), (0, right), (bottom, 0), (bottom, right))
    five = [image[:, top : top + side, left : left + side] for top, left in places]
    return to_float(torch.stack([*five, *(crop.flip(2) for crop in five)]))


def _at_least(image: Tensor, side: int) -> Tensor:
    short = min(image.shape[1:])
    if short >= side:
        return image
    size = [max(side, round(n * side / short)) for n in image.shape[1:]]
    scaled = F.interpolate(image[None].float(), size, mode="bilinear", align_corners=False)
    return scaled[0].round().to(torch.uint8)
