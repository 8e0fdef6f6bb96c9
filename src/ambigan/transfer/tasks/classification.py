"""Multi-label classification: which classes are in an image."""

from __future__ import annotations

import logging

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...core.machine import physical_memory
from ..backbone import Backbone
from ..head import Head, pool_to
from ..voc import VocData
from ..voc.metrics import classification_ap
from .fitting import fit, learning_parts
from .images import SplitImages, random_crops, ten_crops
from .settings import ClassificationSettings, Layers
from .task import VocTask

_CHUNK = 64
_SHARE = 8
"""Views are kept up to this part of the machine's memory; stacking them takes as much again."""

logger = logging.getLogger(__name__)


class ClassificationTask(VocTask):
    """Classification of a data set, by any backbone.

    A network learns by the logistic loss of each class, on random crops, half of them mirrored; an
    image is scored by the mean of the logits of ten crops. Classes of which an image has difficult
    objects alone are left out of its loss and of the measure.

    Source: BiGAN, section 4.4, and the code of Krähenbühl et al. (2016), which scales a crop at
    random by 0.5 to 2 and tests on ten random crops; here an image has one scale, and test crops
    are the middle, the corners and their mirror images.

    Args:
        data: Images with their objects.
        settings: All constants.
        device: Where it is computed.
    """

    def __init__(
        self, data: VocData, settings: ClassificationSettings, device: torch.device
    ) -> None:
        super().__init__(data, settings.short_side, device)
        self.settings = settings
        num = len(data.classes)
        self._labels = [
            torch.tensor(np.stack([example.labels(num) for example in split]))
            for split in (data.train, data.test)
        ]
        self._views_of: tuple[Backbone, Tensor] | None = None

    def measure(self, backbone: Backbone, layers: Layers) -> dict[str, list[float | None]]:
        """Returns, by `points` and by `area`, the average precision of each class."""
        settings = self.settings
        train, test = self.images(backbone.channels)
        h = pool_to(self.first_maps(backbone, settings.crop, settings.seed), settings.pooled)
        outputs = [len(self.data.classes)]
        head = Head(backbone.width, h.shape[2], settings.width, outputs, settings.dropout)
        head.draw(h, settings.seed)
        head.to(self.device)
        parts = learning_parts(layers, backbone, head, list(head.fc8))
        labels = self._labels[0].to(self.device)
        features = None if layers == "all" else self._views(backbone, train)

        def loss_of(places: list[int], epoch: int) -> Tensor:
            if features is None:
                crops = random_crops(train, places, settings.crop, [settings.seed, epoch, *places])
                h = pool_to(backbone(crops.to(self.device)), settings.pooled)
            else:
                h = features[epoch % len(features), places].to(self.device)
            return masked_logistic_loss(head(h)[0].flatten(1), labels[places])

        head.train()
        fit(parts, len(train), settings, loss_of)
        head.eval()
        scores = self._scores(backbone, head, test)
        truth = self._labels[1].numpy()
        return {
            name: [
                classification_ap(scores[:, place], truth[:, place], points=points)
                for place in range(scores.shape[1])
            ]
            for name, points in (("points", True), ("area", False))
        }

    @torch.no_grad()
    def _pooled(self, backbone: Backbone, crops: Tensor) -> Tensor:
        """The pooled maps of crops, on the CPU."""
        parts = [crops[i : i + _CHUNK] for i in range(0, len(crops), _CHUNK)]
        side = self.settings.pooled
        return torch.cat([pool_to(backbone(x.to(self.device)), side).cpu() for x in parts])

    def _views(self, backbone: Backbone, train: SplitImages) -> Tensor:
        """Maps of the kept crops `(views, N, ...)`, once for all rows of frozen convolutions."""
        if self._views_of is None or self._views_of[0] is not backbone:
            settings = self.settings
            first = self._view(backbone, train, 0)
            size = first.numel() * first.element_size()
            room = max(1, int(physical_memory() / _SHARE / size))
            num = min(settings.views, settings.epochs)
            if room < num:
                logger.warning(f"memory holds {room} of {num} views; take a smaller --task.pooled")
            views = [first, *(self._view(backbone, train, i) for i in range(1, min(num, room)))]
            self._views_of = (backbone, torch.stack(views))
        return self._views_of[1]

    def _view(self, backbone: Backbone, train: SplitImages, number: int) -> Tensor:
        """Maps of one crop of each training image, `(N, ...)`."""
        places = list(range(len(train)))
        key = [self.settings.seed, number]
        chunks = [places[i : i + _CHUNK] for i in range(0, len(places), _CHUNK)]
        crop = self.settings.crop
        return torch.cat(
            [
                self._pooled(backbone, random_crops(train, chunk, crop, [*key, *chunk]))
                for chunk in chunks
            ]
        )

    @torch.no_grad()
    def _scores(self, backbone: Backbone, head: Head, test: SplitImages) -> NDArray[np.float64]:
        """Logits `(N, classes)`, the means over ten crops."""
        rows: list[Tensor] = []
        for place in range(len(test)):
            crops = ten_crops(test[place], self.settings.crop).to(self.device)
            h = pool_to(backbone(crops), self.settings.pooled)
            rows.append(head(h)[0].flatten(1).double().mean(0).cpu())
        return torch.stack(rows).numpy()


def masked_logistic_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The logistic loss of labels 1 and -1, summed over classes; labels of 0 are left out.

    Args:
        logits: `(N, classes)`.
        labels: int64 `(N, classes)`.

    Returns:
        The mean over images.
    """
    losses = F.softplus(-labels * logits) * (labels != 0)
    return losses.sum(1).mean()
