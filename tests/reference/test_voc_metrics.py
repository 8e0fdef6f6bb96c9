"""VOC's measures against plain transcriptions of its development kits."""

from __future__ import annotations

import numpy as np
import pytest

from ambigan.transfer.voc.metrics import (
    average_precision,
    box_iou,
    class_ious,
    classification_ap,
    confusion,
    detection_ap,
    mean_defined,
)


def ap_of_curve(recall: list[float], precision: list[float], points: bool) -> float:
    """VOCevaldet.m: 11 points in 2007; VOCap.m: the area since 2010."""
    if points:
        total = 0.0
        for level in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
            above = [p for r, p in zip(recall, precision, strict=True) if r >= level - 1e-12]
            total += max(above, default=0.0) / 11
        return total
    mrec, mpre = [0.0, *recall, 1.0], [0.0, *precision, 0.0]
    for i in range(len(mpre) - 2, -1, -1):
        mpre[i] = max(mpre[i], mpre[i + 1])
    return sum(
        (mrec[i] - mrec[i - 1]) * mpre[i] for i in range(1, len(mrec)) if mrec[i] != mrec[i - 1]
    )


def curve(tp: list[int], fp: list[int], num: int) -> tuple[list[float], list[float]]:
    right = wrong = 0
    recall, precision = [], []
    for t, f in zip(tp, fp, strict=True):
        right, wrong = right + t, wrong + f
        recall.append(right / num)
        precision.append(right / (right + wrong) if right + wrong else 0.0)
    return recall, precision


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return both / (sum(areas) - both)


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_classification(seed: int, points: bool) -> None:
    random = np.random.default_rng(seed)
    scores = np.round(random.normal(size=40), 1)  # with ties
    labels = random.integers(-1, 2, 40)
    order = sorted(range(40), key=lambda i: -scores[i])
    tp = [int(labels[i] > 0) for i in order]
    fp = [int(labels[i] < 0) for i in order]
    kept = [i for i in range(40) if tp[i] or fp[i]]
    recall, precision = curve([tp[i] for i in kept], [fp[i] for i in kept], sum(tp))
    expected = ap_of_curve(recall, precision, points)
    assert classification_ap(scores, labels, points=points) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_detection(seed: int, points: bool) -> None:
    random = np.random.default_rng(seed)

    def boxes(num: int) -> np.ndarray:
        low = random.integers(0, 20, (num, 2))
        return np.hstack([low, low + random.integers(0, 12, (num, 2))]).astype(float)

    truth = [(boxes(n), random.random(n) < 0.3) for n in (3, 0, 4, 1)]
    images = random.integers(0, 4, 60)
    found = boxes(60)
    for i in range(30):  # near objects, some of them twice
        real = truth[images[i]][0]
        if len(real):
            found[i] = real[random.integers(len(real))] + random.integers(-1, 2, 4) * [0, 0, 1, 1]
    scores = np.round(random.random(60), 2)
    tp, fp, used = [], [], set()
    for i in sorted(range(60), key=lambda i: -scores[i]):
        real, difficult = truth[images[i]]
        overlaps = [overlap(found[i], box) for box in real]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if overlaps and overlaps[best] >= 0.5:
            if difficult[best]:
                continue
            first = (images[i], best) not in used
            used.add((images[i], best))
            tp.append(int(first))
            fp.append(int(not first))
        else:
            tp.append(0)
            fp.append(1)
    num = sum(int((~d).sum()) for _, d in truth)
    expected = ap_of_curve(*curve(tp, fp, num), points)
    value = detection_ap((images, scores, found), truth, points=points)
    assert value == pytest.approx(expected, abs=1e-9)
    assert 0 < expected < 1


def test_overlaps_count_both_ends() -> None:
    random = np.random.default_rng(0)
    low = random.integers(0, 9, (8, 2))
    boxes = np.hstack([low, low + random.integers(0, 9, (8, 2))]).astype(float)
    expected = [[overlap(a, b) for b in boxes[:5]] for a in boxes]
    np.testing.assert_allclose(box_iou(boxes, boxes[:5]), expected, atol=1e-9)
    assert box_iou(np.array([[0.0, 0, 0, 0]]), np.array([[0.0, 0, 1, 0]])).item() == 0.5


def test_intersection_over_union() -> None:
    random = np.random.default_rng(0)
    truth = random.choice([0, 1, 2, 255], (30, 20))
    found = random.integers(0, 4, (30, 20))
    counts = confusion(truth, found, 4)
    expected = []
    for each in range(4):
        both = sum(t == each == f for t, f in zip(truth.flat, found.flat, strict=True))
        either = sum(
            t != 255 and each in (t, f) for t, f in zip(truth.flat, found.flat, strict=True)
        )
        expected.append(both / either)
    np.testing.assert_allclose(class_ious(counts), expected, atol=1e-9)
    assert counts.sum() == (truth != 255).sum()
    assert class_ious(confusion(truth, found, 5))[4] is None


def test_what_is_not_defined_does_not_count() -> None:
    assert average_precision(np.zeros(3, dtype=bool), 0, points=True) is None
    assert average_precision(np.zeros(0, dtype=bool), 2, points=True) == 0
    assert mean_defined([0.5, None, 1.0]) == 0.75
    assert mean_defined([None]) is None


def test_three_of_ten_reach_a_recall_of_three_tenths() -> None:
    ranked = np.array([True] * 3)
    assert average_precision(ranked, 10, points=True) == pytest.approx(4 / 11, abs=1e-12)
