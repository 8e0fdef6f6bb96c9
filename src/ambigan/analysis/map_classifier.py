"""Forgetting a feature: the maps of a generator's layer that go with it, found and left out.

Source: DCGAN, section 6.3.1. A logistic regression tells activations that belong to the feature
from others; maps with positive weights are set to zero at all places, and the same latents drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from sklearn.exceptions import ConvergenceWarning  # pyright: ignore[reportMissingTypeStubs]
from sklearn.linear_model import LogisticRegression  # pyright: ignore[reportMissingTypeStubs]
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from torch import Tensor, nn

from ..core.errors import ConfigError
from ..core.randomness import Randomness

MAP_CLASSIFIER_L2 = 0.1
"""Of map weights. Weaker, activations that go with each other are told apart by chance."""

MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class Box:
    """A box drawn on a picture, in pixels, within it.

    Attributes:
        sample: number of the picture.
        x: of its left edge.
        y: of its upper edge.
        width: 1 or more.
        height: 1 or more.
    """

    sample: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Classifier:
    """A linear classifier of features.

    Attributes:
        weights: float64 `(K, D)`, on features as they were given.
        bias: float64 `(K,)`.
        classes: int64 `(K,)`, the label each row stands for.
    """

    weights: Tensor
    bias: Tensor
    classes: Tensor

    def logits(self, features: Tensor) -> Tensor:
        """Of features `(N, D)`, float64 `(N, K)`."""
        return features.double() @ self.weights.T + self.bias

    def predict(self, features: Tensor) -> Tensor:
        """Labels, int64 `(N,)`, of features `(N, D)`."""
        return self.classes[self.logits(features).argmax(1)]


def fit_classifier(features: Tensor, labels: Tensor, l2: float = MAP_CLASSIFIER_L2) -> Classifier:
    """Logistic regression by L-BFGS on features brought to mean 0 and deviation 1.

    Minimises the mean cross-entropy plus l2 / 2 times the square of the weights.

    Args:
        features: float32 `(N, D)`, on the CPU.
        labels: int64 `(N,)`, of two classes or more.
        l2: strength of the penalty.
    """
    exact = features.double()
    mean, deviation = exact.mean(0), exact.std(0, correction=0)
    deviation = torch.where(deviation > 1e-12, deviation, torch.ones_like(deviation))
    model = cast(Any, LogisticRegression)(C=1 / (l2 * len(labels)), max_iter=MAX_ITERATIONS)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # signs of weights settle early
        model.fit(((exact - mean) / deviation).float().numpy(), labels.numpy())
    classes = torch.as_tensor(model.classes_).long()
    weights, bias = (torch.as_tensor(v).double() for v in (model.coef_, model.intercept_))
    if len(classes) == 2:  # scikit-learn then has one row, of the second class
        weights, bias = torch.cat([-weights, weights]) / 2, torch.cat([-bias, bias]) / 2
    weights = weights / deviation
    return Classifier(weights, bias - weights @ mean, classes)


def map_weights(positives: Tensor, negatives: Tensor, l2: float = MAP_CLASSIFIER_L2) -> Tensor:
    """How much each map speaks for the feature, float64 `(C,)`, per deviation of its activation.

    Args:
        positives: activations that belong to the feature, `(P, C)`.
        negatives: others, `(M, C)`.
        l2: strength of the penalty.

    Raises:
        ConfigError: there are none of one kind.
    """
    if not len(positives) or not len(negatives):
        kind = "belong to the feature" if not len(positives) else "do not"
        raise ConfigError(f"there are no activations that {kind}; name another feature or boxes.")
    activations = torch.cat([positives, negatives]).float()
    labels = torch.cat([torch.ones(len(positives)), torch.zeros(len(negatives))]).long()
    weights = fit_classifier(activations, labels, l2).weights
    return (weights[1] - weights[0]) * activations.double().std(0, correction=0)


def positive_maps(weights: Tensor, most: int | None = None) -> Tensor:
    """The maps with positive weights, the largest first, int64; at most so many."""
    order = weights.argsort(descending=True, stable=True)
    chosen = order[weights[order] > 0]
    return chosen if most is None else chosen[:most]


def activations_at(
    maps: Tensor, boxes: Sequence[Box], size: tuple[int, int], seed: int
) -> tuple[Tensor, Tensor]:
    """Activations within boxes, and at as many places outside them in the same pictures.

    A place counts as inside if its middle is; of a box that holds no middle, the place around the
    box's own. The paper's negatives are random places of the same images; ours leave out the boxes.

    Args:
        maps: of the numbered pictures, `(N, C, h, w)`.
        boxes: in pixels.
        size: height and width of the pictures.
        seed: of the places outside.

    Returns:
        `(P, C)` each; fewer outside where the boxes leave less.

    Raises:
        ConfigError: a box lies outside its picture, or the boxes leave no place.
    """
    inside = _inside(boxes, len(maps), (maps.shape[2], maps.shape[3]), size)
    pictures = sorted({box.sample for box in boxes})
    places = maps[pictures].permute(0, 2, 3, 1).flatten(0, 2)
    chosen = inside[pictures].flatten()
    outside = (~chosen).nonzero().squeeze(1)
    if not len(outside):
        raise ConfigError(
            "the boxes cover their pictures; leave something outside to compare with."
        )
    order = Randomness(seed, "outside").permutation(len(outside))[: int(chosen.sum())]
    return places[chosen], places[outside[order]]


@contextmanager
def without_maps(layer: nn.Module, dropped: Tensor) -> Generator[None]:
    """While it lasts, a layer gives zeros in some of its maps, at all places.

    Args:
        layer: that gives `(N, C, h, w)` or `(N, C)`.
        dropped: int64, which maps.
    """

    def drop(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        kept = torch.ones(output.shape[1], device=output.device, dtype=output.dtype)
        kept[dropped.to(output.device)] = 0
        return output * kept.view(1, -1, *[1] * (output.ndim - 2))

    handle = layer.register_forward_hook(drop)
    try:
        yield
    finally:
        handle.remove()


def pixels_inside(boxes: Sequence[Box], num: int, size: tuple[int, int]) -> Tensor:
    """Which pixels lie within a box, bool `(num, H, W)`."""
    inside = torch.zeros(num, *size, dtype=torch.bool)
    for box in boxes:
        inside[box.sample, box.y : box.y + box.height, box.x : box.x + box.width] = True
    return inside


def check_box(box: Box, num: int, size: tuple[int, int]) -> None:
    """Refuses a box that does not lie in its picture.

    Raises:
        ConfigError: naming the box and what is allowed.
    """
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


def _inside(boxes: Sequence[Box], num: int, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Which places of a layer lie within a box, bool `(N, h, w)`."""
    inside = torch.zeros(num, *grid, dtype=torch.bool)
    for box in boxes:
        check_box(box, num, size)
        rows = _covered(box.y, box.height, grid[0], size[0])
        columns = _covered(box.x, box.width, grid[1], size[1])
        inside[box.sample, rows, columns] = True
    return inside


def _covered(start: int, length: int, places: int, pixels: int) -> slice:
    """The places along one side whose middles lie within `length` pixels from `start`."""
    unit = pixels / places
    found = [i for i in range(places) if start <= (i + 0.5) * unit <= start + length]
    if not found:
        found = [min(places - 1, int((start + length / 2) / unit))]
    return slice(found[0], found[-1] + 1)
