"""RoI pooling, suppression and box regression against plain transcriptions."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

from ambigan.transfer.tasks.regions import (
    clip,
    compiled_operators,
    iou,
    mirrored,
    moved,
    offsets_of,
    plain_roi_pool,
    plain_suppress,
    resized,
    roi_pool,
    suppress,
)


def some_boxes(num: int, side: int, seed: int = 0) -> torch.Tensor:
    noise = np.random.default_rng(seed)
    low = noise.uniform(0, side - 1, (num, 2))
    high = low + noise.uniform(0, 1, (num, 2)) * (side - 1 - low)
    return torch.tensor(np.hstack([low, high]))


def caffe_roi_pool(h: np.ndarray, box: np.ndarray, stride: int, side: int) -> np.ndarray:
    """ROIPoolingLayer of Fast R-CNN's Caffe, field by field."""
    channels, height, width = h.shape
    x1, y1, x2, y2 = (math.floor(v / stride + 0.5) for v in box)
    rows, columns = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
    found = np.zeros((channels, side, side))
    for i in range(side):
        for j in range(side):
            top = min(max(math.floor(i * rows / side) + y1, 0), height)
            bottom = min(max(math.ceil((i + 1) * rows / side) + y1, 0), height)
            left = min(max(math.floor(j * columns / side) + x1, 0), width)
            right = min(max(math.ceil((j + 1) * columns / side) + x1, 0), width)
            part = h[:, top:bottom, left:right]
            found[:, i, j] = part.max((1, 2)) if part.size else 0
    return found


@pytest.mark.parametrize("pool", [plain_roi_pool, roi_pool])
@pytest.mark.parametrize(("stride", "side"), [(4, 3), (8, 6), (16, 2)])
def test_roi_pooling(pool, stride: int, side: int) -> None:
    torch.manual_seed(0)
    h = torch.randn(1, 5, 64 // stride, 64 // stride, dtype=torch.float64)
    boxes = some_boxes(40, 64)
    boxes[0] = torch.tensor([60.0, 60, 63, 63])  # corners are rounded beyond the map
    boxes[1] = torch.tensor([0.0, 0, 63, 63])
    expected = [caffe_roi_pool(h[0].numpy(), box, stride, side) for box in boxes.numpy()]
    found = pool(h, boxes, stride, side)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
    assert pool(h, boxes[:0], stride, side).shape == (0, 5, side, side)


def test_gradients_go_to_the_largest_values() -> None:
    h = torch.arange(16.0).view(1, 1, 4, 4).requires_grad_()
    plain_roi_pool(h, torch.tensor([[0.0, 0, 3, 3]]), 1, 2).sum().backward()
    assert h.grad is not None
    assert h.grad.nonzero()[:, 2:].tolist() == [[1, 1], [1, 3], [3, 1], [3, 3]]


def greedy(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> list[int]:
    kept: list[int] = []
    for place in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(pair_iou(boxes[place], boxes[other]) <= overlap for other in kept):
            kept.append(place)
    return kept


def pair_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]) + 1)
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]) + 1)
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return width * height / (sum(areas) - width * height)


@pytest.mark.parametrize("thin", [plain_suppress, suppress])
@pytest.mark.parametrize("overlap", [0.1, 0.3, 0.7])
def test_repeated_boxes_are_suppressed(thin, overlap: float) -> None:
    boxes = some_boxes(80, 30, seed=1)
    scores = torch.tensor(np.random.default_rng(2).permutation(80) / 80)
    found = thin(boxes, scores, overlap).tolist()
    assert found == greedy(boxes.numpy(), scores.numpy(), overlap)
    assert 1 < len(found) < 80
    assert thin(boxes[:0], scores[:0], overlap).tolist() == []


def test_overlaps() -> None:
    a, b = some_boxes(9, 20, seed=3), some_boxes(5, 20, seed=4)
    expected = [[pair_iou(x, y) for y in b.numpy()] for x in a.numpy()]
    np.testing.assert_allclose(iou(a, b).numpy(), expected, atol=1e-9)


def test_compiled_operators_give_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ops = compiled_operators()
    if ops is None:
        pytest.skip("torchvision has no compiled operators here")
    h, boxes = torch.randn(1, 4, 8, 8), some_boxes(50, 64).float()
    torch.testing.assert_close(
        ops.roi_pool(h, [boxes], 6, 1 / 8), plain_roi_pool(h, boxes, 8, 6), rtol=0, atol=0
    )
    scores = torch.rand(50)
    open_boxes = boxes + torch.tensor([0.0, 0, 1, 1])
    assert torch.equal(ops.nms(open_boxes, scores, 0.3), plain_suppress(boxes, scores, 0.3))


def test_regression_is_undone() -> None:
    boxes, objects = some_boxes(20, 50, seed=5), some_boxes(20, 50, seed=6)
    offsets = offsets_of(boxes, objects)
    width = boxes[3, 2] - boxes[3, 0] + 1
    wide = objects[3, 2] - objects[3, 0] + 1
    shift = (objects[3, 0] + wide / 2 - boxes[3, 0] - width / 2) / width
    assert float(offsets[3, 0]) == pytest.approx(float(shift) / 0.1, abs=1e-9)
    assert float(offsets[3, 2]) == pytest.approx(math.log(wide / width) / 0.2, abs=1e-9)
    torch.testing.assert_close(moved(boxes, offsets), objects)
    several = torch.stack([offsets, torch.zeros_like(offsets)], 1)
    torch.testing.assert_close(moved(boxes, several)[:, 1], boxes)


def test_boxes_follow_their_images() -> None:
    boxes = torch.tensor([[0.0, 2, 9, 7]])
    assert mirrored(boxes, 20).tolist() == [[10, 2, 19, 7]]
    assert resized(boxes, (10, 20), (20, 40)).tolist() == [[0, 4, 19, 15]]
    torch.testing.assert_close(resized(resized(boxes, (10, 20), (7, 9)), (7, 9), (10, 20)), boxes)
    assert clip(torch.tensor([[-3.0, 4, 25, 12]]), (10, 20)).tolist() == [[0, 4, 19, 9]]
