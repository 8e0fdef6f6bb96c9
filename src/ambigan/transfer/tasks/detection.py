"""Detection by Fast R-CNN: which objects are where, among proposed boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...core.randomness import Randomness
from ..backbone import Backbone
from ..head import Head
from ..voc import VocData
from ..voc.metrics import detection_ap
from ..voc.proposals import Proposals
from .fitting import fit, learning_parts
from .images import SplitImages
from .regions import clip, iou, mirrored, moved, offsets_of, resized, roi_pool, suppress
from .settings import DetectionSettings, Layers
from .task import LARGEST_CROP, VocTask

_CHUNK = 256


@dataclass(frozen=True)
class RegionBatch:
    """Regions of an image for one step.

    Attributes:
        boxes: `(R, 4)`, on the scaled image.
        classes: int64 `(R,)`, 0 for background and 1 + the place of a class.
        offsets: `(R, 4)`, to the object of a foreground region.
    """

    boxes: Tensor
    classes: Tensor
    offsets: Tensor


class DetectionTask(VocTask):
    """Fast R-CNN on a data set, by any backbone.

    Each step takes a few images and a number of regions of each, at most a quarter of which
    overlap an object by half or more, and the others by 0.1 to 0.5. A region's part of the last
    map is pooled; fc6, fc7 and two last layers give its class and, for each class, the offset of
    the object's box. The loss is the cross-entropy and, for foreground, the smooth L1 distance of
    offsets. Difficult objects are not learned from. In testing, the detections of each class are
    thinned out by their overlaps.

    Source: Girshick (2015), sections 2.1 to 2.3 and 3.1. Unlike there, the last layers begin at
    zero, and proposals are those of `voc.proposals`.

    Args:
        data: Images with their objects.
        settings: All constants.
        device: Where it is computed.
        proposals: Boxes of each image.
    """

    def __init__(
        self,
        data: VocData,
        settings: DetectionSettings,
        device: torch.device,
        proposals: Proposals,
    ) -> None:
        super().__init__(data, settings.short_side, device, settings.long_side)
        self.settings, self.proposals = settings, proposals

    def measure(self, backbone: Backbone, layers: Layers) -> dict[str, list[float | None]]:
        """Returns, by `points` and by `area`, the average precision of each class."""
        settings, num = self.settings, len(self.data.classes)
        train, test = self.images(backbone.channels)
        side, last = settings.pooled, [len(backbone.layers) - 1]
        outputs = [num + 1, 4 * num]
        head = Head(backbone.width, side, settings.width, outputs, settings.dropout)
        h = self.first_maps(backbone, min(settings.short_side, LARGEST_CROP), settings.seed)
        head.draw(F.adaptive_max_pool2d(h, side), settings.seed)
        head.to(self.device)
        parts = learning_parts(layers, backbone, head, list(head.fc8))

        def loss_of(places: list[int], epoch: int) -> Tensor:
            losses: list[Tensor] = []
            for place in places:
                noise = Randomness(settings.seed, "regions", epoch, place)
                flip = bool(noise.uniform(1) < 0.5)
                batch = self.sample(place, train.size(place), flip, noise)
                (h,) = self.maps(backbone, place, flip, layers, last)
                pooled = roi_pool(h, batch.boxes, backbone.stride, side)
                logits, offsets = (x.flatten(1) for x in head(pooled))
                losses.append(region_loss(logits, offsets, batch))
            return torch.stack(losses).mean()

        head.train()
        fit(parts, len(train), settings, loss_of)
        head.eval()
        images, scores, boxes, classes = self._detect(backbone, head, test)
        found: dict[str, list[float | None]] = {"points": [], "area": []}
        for place in range(num):
            mine = classes == place
            detections = (images[mine], scores[mine], boxes[mine])
            own = [example.classes == place for example in self.data.test]
            truth = [
                (example.boxes[which], example.difficult[which])
                for example, which in zip(self.data.test, own, strict=True)
            ]
            for name, points in (("points", True), ("area", False)):
                found[name].append(detection_ap(detections, truth, points=points))
        return found

    def sample(
        self, place: int, size: tuple[int, int], flip: bool, noise: Randomness
    ) -> RegionBatch:
        """Regions of a training image: proposals and the objects' own boxes, drawn at random.

        Args:
            place: The image.
            size: Height and width that it is scaled to.
            flip: Whether it is mirrored.
            noise: Of the draw.
        """
        settings, example = self.settings, self.data.train[place]
        plain = ~example.difficult
        objects = _tensor(example.boxes[plain])
        boxes = _tensor(self.proposals[example.name][: settings.proposals])
        both = [resized(x, example.size, size) for x in (objects, boxes)]
        if flip:
            both = [mirrored(x, size[1]) for x in both]
        objects, boxes = both[0], torch.cat(both)
        if len(objects):
            most, nearest = iou(boxes, objects).max(1)
        else:
            most, nearest = torch.zeros(len(boxes)), torch.zeros(len(boxes), dtype=torch.int64)
        is_near = most >= settings.foreground_overlap
        is_far = (most < settings.foreground_overlap) & (most >= settings.background_overlap)
        if not bool((is_near | is_far).any()):  # such as an image without objects
            is_far = most < settings.foreground_overlap
        near = _drawn(is_near, round(settings.foreground * settings.regions), noise)
        far = _drawn(is_far, settings.regions - len(near), noise)
        rows = torch.cat([near, far])
        classes = torch.zeros(len(rows), dtype=torch.int64)
        offsets = torch.zeros(len(rows), 4)
        if len(near):
            labels = _tensor(example.classes[plain]).long()
            classes[: len(near)] = 1 + labels[nearest[near]]
            offsets[: len(near)] = offsets_of(boxes[near], objects[nearest[near]])
        kept = (boxes[rows], classes, offsets)
        return RegionBatch(*(x.to(self.device) for x in kept))

    @torch.no_grad()
    def _detect(self, backbone: Backbone, head: Head, test: SplitImages) -> list[NDArray[Any]]:
        """All detections of the test split: image, score, box on the image, and class of each."""
        found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for place, example in enumerate(self.data.test):
            size = test.size(place)
            proposed = _tensor(self.proposals[example.name][: self.settings.proposals])
            boxes = resized(proposed.to(self.device), example.size, size)
            h = backbone(self.input_of(test, place))
            logits: list[Tensor] = []
            offsets: list[Tensor] = []
            for start in range(0, len(boxes), _CHUNK):
                chunk = boxes[start : start + _CHUNK]
                outputs = head(roi_pool(h, chunk, backbone.stride, self.settings.pooled))
                logits.append(outputs[0].flatten(1))
                offsets.append(outputs[1].flatten(1))
            scores, kept, classes = self._thinned(
                torch.cat(logits), torch.cat(offsets), boxes, size
            )
            where = torch.full((len(scores),), place)
            kept = resized(kept, size, example.size)
            found.append((where, scores.double(), kept.double(), classes))
        return [torch.cat(column).numpy() for column in zip(*found, strict=True)]

    def _thinned(
        self, logits: Tensor, offsets: Tensor, boxes: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The best detections of an image, after the suppression of repeated ones by class."""
        settings = self.settings
        probabilities = logits.softmax(1)[:, 1:]
        there = moved(boxes, offsets.view(len(boxes), -1, 4))
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for place in range(probabilities.shape[1]):
            rows = (probabilities[:, place] > settings.least_score).nonzero().flatten()
            mine = clip(there[rows, place], size)
            scores = probabilities[rows, place]
            kept = suppress(mine, scores, settings.nms_overlap)
            parts.append((scores[kept], mine[kept], torch.full((len(kept),), place)))
        scores, found, classes = (torch.cat([y.cpu() for y in x]) for x in zip(*parts, strict=True))
        best = scores.argsort(descending=True, stable=True)[: settings.detections]
        return scores[best], found[best], classes[best]


def region_loss(logits: Tensor, offsets: Tensor, batch: RegionBatch) -> Tensor:
    """Cross-entropy, and for foreground the smooth L1 distance of the true class's offsets.

    Source: Girshick (2015), equations 1 to 3, with lambda 1; both are means over all regions.

    Args:
        logits: `(R, 1 + classes)`, background first.
        offsets: `(R, 4 classes)`.
        batch: What is true.
    """
    loss = F.cross_entropy(logits, batch.classes)
    near = batch.classes.nonzero().flatten()
    mine = offsets.view(len(offsets), -1, 4)[near, batch.classes[near] - 1]
    distance = F.smooth_l1_loss(mine, batch.offsets[near], reduction="sum")
    return loss + distance / len(batch.classes)


def _drawn(which: Tensor, most: int, noise: Randomness) -> Tensor:
    """At most that many places where a flag is set, at random."""
    places = which.nonzero().flatten()
    return places[noise.permutation(len(places))[:most]]


def _tensor(values: NDArray[Any]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
