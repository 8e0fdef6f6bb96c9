"""Boxes on maps: RoI max pooling, suppression of repeated boxes, and box regression.

A box has its first and last pixel, `x1, y1, x2, y2`, counted from 0; its width is `x2 - x1 + 1`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...core.imports import import_torchvision

STDS = (0.1, 0.1, 0.2, 0.2)
"""Divisors of regression targets; those of Fast R-CNN's later code, near VOC's own deviations."""
_LARGEST = 4.135  # log(1000 / 16): a box grows at most so in one step


@cache
def compiled_operators() -> Any:
    """`torchvision.ops` where its compiled operators work, else None."""
    try:
        ops: Any = import_torchvision("ops")
        ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except (ImportError, RuntimeError, NotImplementedError):
        return None
    return ops


def roi_pool(h: Tensor, boxes: Tensor, stride: int, side: int) -> Tensor:
    """Max-pools the part of a map below each box to a grid of fields.

    Source: Girshick (2015), section 2.1; Fast R-CNN's code for rounding: corners of a box are
    rounded to steps of the map, both belong to it, and fields overlap where they do not divide it.

    Args:
        h: One map, `(1, C, H, W)`.
        boxes: `(N, 4)`, pixels of the image.
        stride: Pixels for each step of the map.
        side: Fields along each side.

    Returns:
        `(N, C, side, side)`.
    """
    if (ops := compiled_operators()) is not None:
        return ops.roi_pool(h, [boxes.to(h.dtype)], side, 1 / stride)
    return plain_roi_pool(h, boxes, stride, side)


def plain_roi_pool(h: Tensor, boxes: Tensor, stride: int, side: int) -> Tensor:
    """`roi_pool` without compiled operators.

    The fields of `adaptive_max_pool2d` on a box's part of the map are those of RoI pooling.
    """
    corners = (boxes.double() / stride + 0.5).floor().long().clamp_min(0)
    rows: list[list[int]] = corners.cpu().numpy().tolist()
    beyond_x = max([x2 + 1 - h.shape[3] for _, _, x2, _ in rows], default=0)
    beyond_y = max([y2 + 1 - h.shape[2] for _, _, _, y2 in rows], default=0)
    # A corner may be rounded to a step beyond the map, where fields are empty, which gives 0.
    wide = F.pad(h, (0, max(beyond_x, 0), 0, max(beyond_y, 0)), value=-torch.inf)
    parts = [
        F.adaptive_max_pool2d(wide[:, :, y1 : max(y1, y2) + 1, x1 : max(x1, x2) + 1], side)
        for x1, y1, x2, y2 in rows
    ]
    found = torch.cat(parts) if parts else h.new_zeros(0, h.shape[1], side, side)
    return torch.where(found == -torch.inf, 0.0, found)


def suppress(boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """The places of boxes that no higher one overlaps by more, int64, the highest score first.

    Args:
        boxes: `(N, 4)`.
        scores: `(N,)`.
        overlap: Intersection over union above which the lower of two boxes is dropped.
    """
    if (ops := compiled_operators()) is not None:
        ends = torch.tensor([0.0, 0, 1, 1], device=boxes.device)  # the operator's boxes are open
        return ops.nms(boxes.float() + ends, scores.float(), overlap)
    return plain_suppress(boxes, scores, overlap)


def plain_suppress(boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """`suppress` without compiled operators."""
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    overlaps = iou(ranked, ranked) > overlap
    kept = torch.ones(len(order), dtype=torch.bool, device=boxes.device)
    for place in range(len(order)):
        if kept[place]:
            kept[place + 1 :] &= ~overlaps[place, place + 1 :]
    return order[kept]


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes `(N, 4)` and `(M, 4)`, `(N, M)`."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low + 1).clamp_min(0).prod(2)
    first, second = ((x[:, 2:] - x[:, :2] + 1).prod(1) for x in (a, b))
    return both / (first[:, None] + second[None, :] - both)


def offsets_of(boxes: Tensor, objects: Tensor) -> Tensor:
    """What regression is to find: objects from boxes, `(N, 4)` each.

    Source: Girshick et al. (2014), appendix C: shifts by the box's size, and logarithms of the
    ratios of sizes; divided by `STDS`.
    """
    size, wanted = (x[:, 2:] - x[:, :2] + 1 for x in (boxes, objects))
    centre, target = (x[:, :2] + s / 2 for x, s in ((boxes, size), (objects, wanted)))
    found = torch.cat([(target - centre) / size, (wanted / size).log()], 1)
    return found / found.new_tensor(STDS)


def moved(boxes: Tensor, offsets: Tensor) -> Tensor:
    """Boxes `(N, 4)` moved by offsets `(N, ..., 4)`, the inverse of `offsets_of`, `(N, ..., 4)`."""
    while boxes.ndim < offsets.ndim:
        boxes = boxes.unsqueeze(1)
    offsets = offsets * offsets.new_tensor(STDS)
    size = boxes[..., 2:] - boxes[..., :2] + 1
    centre = boxes[..., :2] + size / 2 + offsets[..., :2] * size
    half = size * offsets[..., 2:].clamp_max(_LARGEST).exp() / 2
    return torch.cat([centre - half, centre + half - 1], -1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes cut at the borders of an image of that height and width."""
    most = boxes.new_tensor([size[1], size[0], size[1], size[0]]) - 1
    return torch.minimum(boxes.clamp_min(0), most)


def mirrored(boxes: Tensor, width: int) -> Tensor:
    """Boxes on the image mirrored left to right."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([width - 1 - x2, y1, width - 1 - x1, y2], 1)


def resized(boxes: Tensor, size: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Boxes on the image scaled from one height and width to another."""
    scale = boxes.new_tensor([new[1] / size[1], new[0] / size[0]] * 2)
    ends = boxes.new_tensor([0.0, 0, 1, 1])
    return (boxes + ends) * scale - ends
