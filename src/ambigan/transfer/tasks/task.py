"""What the three tasks share: the images of both splits, and the maps of a backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.machine import physical_memory
from ...data import to_float
from ..backbone import Backbone
from ..voc import VocData
from .images import SplitImages, drawn_on, random_crops
from .settings import Layers

LARGEST_CROP = 227
"""Side of the crops by which fresh layers are scaled; smaller where images are."""
_SHARE = 4
"""Maps of frozen convolutions are kept up to this part of the machine's memory."""
_CHUNK = 32


class VocTask:
    """A task on a data set, by any backbone.

    Args:
        data: Images and annotations.
        short_side: Pixels to which an image's short side is scaled; None for its own size.
        device: Where it is computed.
        long_side: Most pixels of the long side.
    """

    def __init__(
        self,
        data: VocData,
        short_side: int | None,
        device: torch.device,
        long_side: int | None = None,
    ) -> None:
        self.data, self.device = data, device
        self.sides = (short_side, long_side)
        self._images: dict[int, tuple[SplitImages, SplitImages]] = {}
        self._backbone: Backbone | None = None
        self._maps: dict[tuple[int, bool], list[Tensor]] = {}
        self._room = physical_memory() // _SHARE

    def check(self, backbone: Backbone) -> None:
        """Refuses a backbone that the task cannot use."""

    def measure(self, backbone: Backbone, layers: Layers) -> dict[str, list[float | None]]:
        """Trains what is to learn and tests it.

        Args:
            backbone: Is changed where all layers learn.
            layers: What learns.

        Returns:
            What was found of each class, from 0 to 1, by the name of the measure.
        """
        raise NotImplementedError

    def images(self, channels: int) -> tuple[SplitImages, SplitImages]:
        """The images of both splits, with that many channels."""
        if channels not in self._images:
            train, test = (
                SplitImages(split, channels, *self.sides)
                for split in (self.data.train, self.data.test)
            )
            self._images[channels] = (train, test)
        return self._images[channels]

    def input_of(self, images: SplitImages, place: int, flip: bool = False) -> Tensor:
        """One image as networks take it, `(1, C, H, W)`."""
        image = images[place][None].to(self.device)
        return to_float(image.flip(3) if flip else image)

    def maps(
        self, backbone: Backbone, place: int, flip: bool, layers: Layers, used: Sequence[int]
    ) -> list[Tensor]:
        """The maps of a training image after the layers `used`.

        Those of frozen convolutions are kept, while there is room, for other passes and rows.
        """
        is_frozen = layers != "all"
        if is_frozen and self._backbone is not backbone:
            self._backbone, self._maps = backbone, {}
            self._room = physical_memory() // _SHARE
        if is_frozen and (place, flip) in self._maps:
            return self._maps[place, flip]
        x = self.input_of(self.images(backbone.channels)[0], place, flip)
        with torch.set_grad_enabled(not is_frozen):
            maps = backbone.maps(x)
        found = [maps[number] for number in used]
        if not is_frozen:
            return found
        if (size := sum(h.numel() * h.element_size() for h in found)) <= self._room:
            self._room -= size
            self._maps[place, flip] = found
        return found

    @torch.no_grad()
    def first_maps(self, backbone: Backbone, side: int, seed: int) -> Tensor:
        """The last maps of a crop of each of the first images, by which fresh layers are scaled."""
        train = self.images(backbone.channels)[0]
        crops = random_crops(train, drawn_on(len(train)), side, [seed])
        parts = [crops[i : i + _CHUNK].to(self.device) for i in range(0, len(crops), _CHUNK)]
        return torch.cat([backbone(part).cpu() for part in parts])
