"""VOC's measures: average precision of images and of boxes, and mean intersection over union.

Source: the development kits of VOC 2007 (11 points) and 2010 and later (area), and their rules for
difficult objects and repeated detections.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NUM_POINTS = 11
MIN_OVERLAP = 0.5


def average_precision(hits: NDArray[np.bool_], num: int, *, points: bool) -> float | None:
    """The average precision of a ranking.

    Args:
        hits: bool `(N,)`, whether each entry is right, the highest score first.
        num: Number of right entries that there are to be found.
        points: Whether precision is averaged at the recalls 0, 0.1, ..., 1 (VOC 2007), or over the
            area below the curve (since VOC 2010). At each recall it is the highest precision at
            that recall or beyond.

    Returns:
        A number from 0 to 1; None where nothing is to be found.
    """
    if not num:
        return None
    right = np.cumsum(hits, dtype=np.float64)
    recall = right / num
    precision = right / np.arange(1, len(hits) + 1)
    # The highest precision from each entry on.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    if points:
        # Recalls are compared as whole numbers: 3 of 10 reaches 0.3, whatever floats say.
        first = [
            np.searchsorted(right * (NUM_POINTS - 1), level * num) for level in range(NUM_POINTS)
        ]
        return float(sum(best[at] for at in first if at < len(best)) / NUM_POINTS)
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


def classification_ap(scores: Floats, labels: NDArray[np.int64], *, points: bool) -> float | None:
    """The average precision of one class over images.

    Args:
        scores: `(N,)`; equal scores keep the order of the images.
        labels: `(N,)`, 1 in the image, -1 not, 0 only difficult ones, which do not count.
        points: As in `average_precision`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = labels[order]
    return average_precision(ranked[ranked != 0] > 0, int((labels > 0).sum()), points=points)


def detection_ap(
    detections: tuple[NDArray[np.int64], Floats, Floats],
    truth: Sequence[tuple[Floats, NDArray[np.bool_]]],
    *,
    points: bool,
    min_overlap: float = MIN_OVERLAP,
) -> float | None:
    """The average precision of one class's detections.

    A detection is compared with the object of its image that it overlaps most. It is right if the
    overlap is at least `min_overlap` and no higher detection has found that object; a second one
    is wrong; one of a difficult object does not count.

    Args:
        detections: Image `(N,)`, score `(N,)` and box `(N, 4)` of each, in any order.
        truth: Boxes `(M, 4)` and difficult flags `(M,)` of the class in each image.
        points: As in `average_precision`.
        min_overlap: Least intersection over union.
    """
    images, scores, boxes = detections
    hits: list[bool] = []
    taken: set[tuple[int, int]] = set()
    for place in np.argsort(-scores, kind="stable"):
        image = int(images[place])
        real, difficult = truth[image]
        overlaps = box_iou(boxes[place, None], real)[0] if len(real) else np.zeros(1)
        best = int(overlaps.argmax())
        if overlaps[best] < min_overlap:
            hits.append(False)
        elif not difficult[best]:
            hits.append((image, best) not in taken)
            taken.add((image, best))
    num = sum(int((~difficult).sum()) for _, difficult in truth)
    return average_precision(np.array(hits, dtype=np.bool_), num, points=points)


def box_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes `(N, 4)` and `(M, 4)`, `(N, M)`.

    Both ends of a box are pixels of it, so that its width is `x2 - x1 + 1`.
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low + 1, 0, None), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1) for boxes in (a, b)]
    return both / (areas[0][:, None] + areas[1][None, :] - both)


def confusion(
    truth: NDArray[np.integer], found: NDArray[np.integer], num: int
) -> NDArray[np.int64]:
    """Counts of pixels by true class (rows) and found class, `(num, num)`; 255 is left out.

    Args:
        truth: Class of each pixel, of any shape; 255 where it has none.
        found: Class that was found, from 0 to `num - 1`, of the same shape.
        num: Number of classes.
    """
    known = truth < num
    pairs = num * truth[known].astype(np.int64) + found[known].astype(np.int64)
    return np.bincount(pairs, minlength=num * num).reshape(num, num)


def class_ious(counts: NDArray[np.int64]) -> list[float | None]:
    """Intersection over union of each class, from a confusion matrix; None for one without pixels.

    Source: VOC's development kit, VOCevalseg: over all pixels of all images together.
    """
    both = np.diag(counts)
    either = counts.sum(0) + counts.sum(1) - both
    return [float(b / e) if e else None for b, e in zip(both, either, strict=True)]


def mean_defined(values: Sequence[float | None]) -> float | None:
    """The mean of those that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None
