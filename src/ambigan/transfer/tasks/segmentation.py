"""Segmentation by a fully convolutional network: the class of every pixel."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.randomness import Randomness
from ..backbone import Backbone
from ..head import Head
from ..voc import VocData
from ..voc.annotations import VOID
from ..voc.metrics import class_ious, confusion
from .fitting import fit, learning_parts
from .images import SplitImages
from .settings import Layers, SegmentationSettings
from .task import LARGEST_CROP, VocTask


class SegmentationHead(nn.Module):
    """Scores of classes from maps: pool5, fc6, fc7 and fc8, and skips from finer maps.

    Scores are doubled in size by transposed convolutions that start as bilinear interpolation and
    learn, and added to those of each finer map, which start at zero. The last step, to the size of
    the image, is bilinear and does not learn.

    Source: Long et al. (2015), sections 3 and 4. Their AlexNet has no skips (FCN-32s), fc6 without
    padding and an input padded by 100 pixels; here fc6 is padded.

    Args:
        backbone: Whose maps are seen.
        num_classes: Number of scores.
        settings: Constants.

    Attributes:
        used: Layers of the backbone whose maps are seen, the last one first.
    """

    def __init__(
        self, backbone: Backbone, num_classes: int, settings: SegmentationSettings
    ) -> None:
        super().__init__()
        self.fully_connected = Head(
            backbone.width,
            settings.pooled,
            settings.width,
            [num_classes],
            settings.dropout,
            padded=True,
        )
        places = _skip_places(backbone, settings.skips)
        self.used = [len(backbone.layers) - 1, *places]
        self.skips = nn.ModuleList(
            nn.Conv2d(backbone.widths[place], num_classes, 1) for place in places
        )
        self.doubled = nn.ModuleList(
            nn.ConvTranspose2d(num_classes, num_classes, 4, 2, 1, groups=num_classes, bias=False)
            for _ in places
        )
        for skip, up in zip(self.skips, self.doubled, strict=True):
            for parameter in skip.parameters():
                nn.init.zeros_(parameter)
            fill_bilinear(cast(nn.ConvTranspose2d, up))

    def last(self) -> list[nn.Module]:
        """The layers that give scores."""
        return [self.fully_connected.fc8, self.skips, self.doubled]

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps after the layers `used` to scores `(N, classes, height, width)`."""
        (scores,) = self.fully_connected(pool5(maps[0]))
        for h, skip, up in zip(maps[1:], self.skips, self.doubled, strict=True):
            finer = skip(h)
            # Doubling gives one row more where a map has an odd number.
            scores = up(scores)[:, :, : finer.shape[2], : finer.shape[3]] + finer
        return F.interpolate(scores, size, mode="bilinear", align_corners=False)


def pool5(h: Tensor) -> Tensor:
    """Max-pooling over 3x3 with stride 2, as in AlexNet, padded so that sizes are rounded up."""
    return F.max_pool2d(h, 3, 2, padding=1)


@torch.no_grad()
def fill_bilinear(up: nn.ConvTranspose2d) -> None:
    """Makes a transposed convolution of stride 2 and kernel 4 interpolate each channel linearly."""
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    up.weight.copy_((line[:, None] * line).expand_as(up.weight))


def _skip_places(backbone: Backbone, num: int) -> list[int]:
    """The last layer of the backbone's stride, then of half of it."""
    places: list[int] = []
    for stride in [backbone.stride >> level for level in range(num)]:
        place = backbone.last_at(stride)
        if place is None:
            raise ConfigError(
                f"--task.skips {num} needs maps of stride {stride}; this network's are of"
                f" {', '.join(map(str, dict.fromkeys(backbone.strides)))}. Take fewer skips."
            )
        places.append(place)
    return places


class SegmentationTask(VocTask):
    """A fully convolutional network on a data set, by any backbone.

    The loss is the mean cross-entropy over the pixels of an image that have a class. Images are
    mirrored at random.

    Source: Long et al. (2015), section 4. Their loss is a sum, for which they take a rate of 1e-4
    or less; their images are not mirrored.

    Args:
        data: Images with their masks.
        settings: All constants.
        device: Where it is computed.
    """

    def __init__(self, data: VocData, settings: SegmentationSettings, device: torch.device) -> None:
        super().__init__(data, settings.short_side, device)
        self.settings = settings

    def check(self, backbone: Backbone) -> None:
        """Refuses a backbone without the maps that skips need."""
        _skip_places(backbone, self.settings.skips)

    def measure(self, backbone: Backbone, layers: Layers) -> dict[str, list[float | None]]:
        """Returns, by `iou`, the overlap of each class, and by `accuracy` that of all pixels."""
        settings = self.settings
        train, test = self.images(backbone.channels)
        head = SegmentationHead(backbone, len(self.data.classes), settings)
        side = min(min(train.size(place)) for place in range(len(train)))
        first = self.first_maps(backbone, min(side, LARGEST_CROP), settings.seed)
        head.fully_connected.draw(pool5(first), settings.seed)
        head.to(self.device)
        parts = learning_parts(layers, backbone, head, head.last())

        def loss_of(places: list[int], epoch: int) -> Tensor:
            losses: list[Tensor] = []
            for place in places:
                flip = bool(Randomness(settings.seed, "flip", epoch, place).uniform(1) < 0.5)
                maps = self.maps(backbone, place, flip, layers, head.used)
                mask = self._mask(place, train.size(place))
                scores = head(maps, train.size(place))
                losses.append(pixel_loss(scores, (mask.flip(1) if flip else mask)[None]))
            return torch.stack(losses).mean()

        head.train()
        fit(parts, len(train), settings, loss_of)
        head.eval()
        counts = self._confusion(backbone, head, test)
        return {"iou": class_ious(counts), "accuracy": [float(np.trace(counts) / counts.sum())]}

    def _mask(self, place: int, size: tuple[int, int]) -> Tensor:
        """The mask of a training image at the size it is seen at."""
        mask = self.data.mask(self.data.train[place])
        if mask.shape != size:
            mask = F.interpolate(mask[None, None].float(), size, mode="nearest")[0, 0].long()
        return mask.to(self.device)

    @torch.no_grad()
    def _confusion(
        self, backbone: Backbone, head: SegmentationHead, test: SplitImages
    ) -> NDArray[np.int64]:
        """Pixels of the test split by true and found class, at each image's own size."""
        num = len(self.data.classes)
        counts = np.zeros((num, num), dtype=np.int64)
        for place, example in enumerate(self.data.test):
            maps = backbone.maps(self.input_of(test, place))
            scores = head([maps[number] for number in head.used], example.size)
            found = scores.argmax(1)[0].cpu().numpy()
            counts += confusion(self.data.mask(example).numpy(), found, num)
        return counts


def pixel_loss(scores: Tensor, mask: Tensor) -> Tensor:
    """The mean cross-entropy over pixels that have a class; 0 where none has.

    Args:
        scores: `(N, classes, H, W)`.
        mask: int64 `(N, H, W)`, 255 where there is no class.
    """
    known = (mask != VOID).sum().clamp_min(1)
    return F.cross_entropy(scores, mask, ignore_index=VOID, reduction="sum") / known
