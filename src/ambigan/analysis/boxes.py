"""Boxes that a user draws on samples, and the activations of a layer inside and outside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..core.randomness import Randomness


@dataclass(frozen=True)
class Box:
    """A box on a sample, in pixels counted from the upper left.

    Attributes:
        sample: the number of the sample.
        x: the left edge.
        y: the upper edge.
        width: the width, 1 or more.
        height: the height, 1 or more.
    """

    sample: int
    x: int
    y: int
    width: int
    height: int


def check_box(box: Box, num: int, size: tuple[int, int]) -> None:
    """Checks that a box lies in one of `num` samples of `size` (height, width)."""
    height, width = size
    name = f"--box {box.sample}:{box.x},{box.y},{box.width},{box.height}"
    if not 0 <= box.sample < num:
        raise ConfigError(f"{name}: there is no sample {box.sample}; they go from 0 to {num - 1}.")
    fits = box.x >= 0 and box.y >= 0 and min(box.width, box.height) >= 1
    if not fits or box.x + box.width > width or box.y + box.height > height:
        raise ConfigError(
            f"{name} does not lie in its picture: x,y,width,height within {width}x{height} pixels,"
            " counted from 0 at the upper left."
        )


def pixels_inside(boxes: Sequence[Box], num: int, size: tuple[int, int]) -> Tensor:
    """Which pixels of `num` samples lie in a box, bool `(num, H, W)`."""
    inside = torch.zeros(num, *size, dtype=torch.bool)
    for box in boxes:
        inside[box.sample, box.y : box.y + box.height, box.x : box.x + box.width] = True
    return inside


def activations_at(
    maps: Tensor, boxes: Sequence[Box], size: tuple[int, int], seed: int
) -> tuple[Tensor, Tensor]:
    """Activations inside boxes, and at as many random places outside them in the same samples.

    The maps are a layer's output on the numbered samples, `(N, C, h, w)`, and `size` is the height
    and width of the samples. Returns activations `(P, C)` inside and outside; there are fewer
    outside if the boxes leave fewer, and it is an error if they leave none.

    A place is inside if its centre is; if a box contains no centre, the place around the box's own
    centre is. The paper takes random places of the same images; ours exclude the boxes.
    """
    inside = torch.zeros(len(maps), *maps.shape[2:], dtype=torch.bool)
    for box in boxes:
        rows = _covered(box.y, box.height, maps.shape[2], size[0])
        columns = _covered(box.x, box.width, maps.shape[3], size[1])
        inside[box.sample, rows, columns] = True
    samples = sorted({box.sample for box in boxes})
    activations = maps[samples].permute(0, 2, 3, 1).flatten(0, 2)
    chosen = inside[samples].flatten()
    outside = (~chosen).nonzero().squeeze(1)
    if not len(outside):
        raise ConfigError(
            "the boxes cover their pictures; leave something outside to compare with."
        )
    order = Randomness(seed, "outside").permutation(len(outside))[: int(chosen.sum())]
    return activations[chosen], activations[outside[order]]


def _covered(start: int, length: int, places: int, pixels: int) -> slice:
    """The places along one side whose centres lie within `length` pixels from `start`."""
    unit = pixels / places
    found = [i for i in range(places) if start <= (i + 0.5) * unit <= start + length]
    if not found:
        found = [min(places - 1, int((start + length / 2) / unit))]
    return slice(found[0], found[-1] + 1)
