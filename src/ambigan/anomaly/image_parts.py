"""Parts of the anomaly score of an image, each with a map of where it is unusual."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..data import Split, to_float
from ..data.splits import stored_images
from ..run import Run
from .part_scores import FloatArray, PartScores
from .simulated_defects import train_defect_network, working_size

# scikit-learn has no types.
_neighbors: Any = import_module("sklearn.neighbors")
_decomposition: Any = import_module("sklearn.decomposition")

MOST_TRAINED_ON = 5_000
"""Images that the network of defects is trained on, at most; of more, some are drawn."""

MOST_WINDOWS = 20_000
"""Windows whose features others are compared with, at most; of more, some are drawn."""

_DIMENSIONS = 64

_LEAST_VARIANCE = 0.01
"""What is added to the variance of each principal component, as a fraction of their mean."""

_MAPPED = "defects", "reconstruction"
"""Parts that the joint map is made of; features say less of where than of whether."""

_PEAK = 0.0025  # fraction of a map whose mean is the score of the image
_CHUNK = 64  # images whose windows are in memory at once


class ImageParts:
    """Simulated defects, features and reconstruction errors of images.

    `defects` is the logit of a network that was trained to find simulated defects in the known
    images. `features` is the distance of the model's features to the nearest known ones, whitened,
    and `reconstruction`, where the model can, the squared error of its reconstruction. A model
    that was trained on crops sees windows of that size all over the image, half overlapping. The
    score of an image by a part is the mean over the highest values of its map; the joint map is the
    weighted mean of those of `defects` and `reconstruction`.

    Only the stored centre of an image is seen, where `data.size` cuts off the ends of its longer
    side.
    """

    weights: ClassVar = {"defects": 8.0}
    """Weight of a part in the joint score; 1 if it is not listed."""

    def __init__(self, run: Run, known: Split, seed: int = 0) -> None:
        """Learns what is normal.

        Args:
            run: The trained model.
            known: Images that count as normal.
            seed: Seed of the network of defects, and of what is drawn where there is too much.
        """
        draw = np.random.default_rng(seed)
        images = stored_images(known)
        taken = images[_drawn(len(images), MOST_TRAINED_ON, draw)]
        self._network = train_defect_network(_resized(taken), seed)
        count = len(_places(_size(images), run.spec.shape[1:]))
        images = images[_drawn(len(images), math.ceil(MOST_WINDOWS / count), draw)]
        rows = np.concatenate(
            [run.features(Split(windows, None)) for windows, _ in _windows(run, images)]
        )
        num = min(_DIMENSIONS, *rows.shape)
        self._components = _decomposition.PCA(num, random_state=seed).fit(rows)
        variances = self._components.explained_variance_
        self._deviations = np.sqrt(variances + _LEAST_VARIANCE * variances.mean() + 1e-20)
        self._index = _neighbors.NearestNeighbors(n_neighbors=2).fit(self._whitened(rows))
        typical = self._maps(run, images[:_CHUNK])
        self._typical = {
            name: (float(np.median(maps)), float(maps.std()) or 1.0)
            for name, maps in typical.items()
        }

    def scores(self, run: Run, examples: Split) -> PartScores:
        """The parts' scores of images, with joint maps at the size of the images.

        Args:
            run: The trained model.
            examples: Images in the form that the model takes, stored larger where it takes crops.
        """
        maps = self._maps(run, stored_images(examples))
        parts = {name: _peaks(each) for name, each in maps.items()}
        mapped = [name for name in _MAPPED if name in maps]
        weights = [self.weights.get(name, 1.0) for name in mapped]
        scaled = [(maps[name] - self._typical[name][0]) / self._typical[name][1] for name in mapped]
        joint = np.average(scaled, axis=0, weights=weights)
        return PartScores(parts, maps=joint.astype(np.float32))

    def _maps(self, run: Run, images: Tensor) -> dict[str, NDArray[np.float32]]:
        """The map of each part, `(N, H, W)`."""
        height, width = _size(images)
        parts: dict[str, list[NDArray[np.float32]]] = {"defects": []}
        with torch.no_grad():
            for chunk in torch.split(images, _CHUNK):
                logits = self._network(_resized(chunk))
                maps = F.interpolate(logits, (height, width), mode="bilinear")
                parts["defects"].append(maps[:, 0].numpy())
        for windows, shape in _windows(run, images):
            for name, values in self._of_windows(run, windows).items():
                maps = _joined(values, shape, (height, width), run.spec.shape[1:])
                parts.setdefault(name, []).append(maps)
        return {name: np.concatenate(each) for name, each in parts.items()}

    def _of_windows(self, run: Run, windows: Tensor) -> dict[str, Tensor]:
        """What parts say of windows, `(M, h, w)`."""
        split = Split(windows, None)
        distances: FloatArray = self._index.kneighbors(self._whitened(run.features(split)))[0]
        # A window that is known itself is compared with the next one.
        nearest = np.where(distances[:, 0] > 1e-4, distances[:, 0], distances[:, 1])
        found = {"features": torch.as_tensor(nearest).float()[:, None, None]}
        if "reconstruct" in run.capabilities:
            errors = torch.as_tensor(run.reconstruction_errors(split)).mean(1)
            found["reconstruction"] = errors
        return {
            name: values.expand(-1, *windows.shape[2:])
            if values.shape[1:] == (1, 1)
            else F.interpolate(values[:, None], windows.shape[2:], mode="bilinear")[:, 0]
            for name, values in found.items()
        }

    def _whitened(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return (self._components.transform(rows) / self._deviations).astype(np.float32)


def _size(images: Tensor) -> tuple[int, int]:
    return images.shape[2], images.shape[3]


def _drawn(length: int, most: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Places of at most so many of a number of things, in order."""
    return np.sort(draw.permutation(length)[:most])


def _resized(images: Tensor) -> Tensor:
    """Images in [-1, 1] of the size on which the network of defects works."""
    size = working_size(*_size(images))
    values = to_float(images)
    if _size(values) == size:
        return values
    return F.interpolate(values, size, mode="bilinear", antialias=True)


def _places(size: tuple[int, int], window: tuple[int, ...]) -> list[tuple[int, int]]:
    """First row and column of each window; half overlapping, the last at the end."""
    axes: list[list[int]] = []
    for length, side in zip(size, window, strict=True):
        count = max(1, math.ceil(2 * length / side) - 1)
        last = length - side
        axes.append([round(place * last / max(1, count - 1)) for place in range(count)])
    return [(top, left) for top in axes[0] for left in axes[1]]


def _windows(run: Run, images: Tensor) -> Any:
    """Windows `(n * K, C, h, w)` of some images at a time, with n and K."""
    height, width = run.spec.shape[1:]
    places = _places(_size(images), (height, width))
    for chunk in torch.split(images, _CHUNK):
        cut = [chunk[..., y : y + height, x : x + width] for y, x in places]
        yield torch.stack(cut, 1).flatten(0, 1), (len(chunk), len(places))


def _joined(
    values: Tensor, shape: tuple[int, int], size: tuple[int, int], window: tuple[int, ...]
) -> NDArray[np.float32]:
    """The mean over windows where they overlap, `(n, H, W)`."""
    by_image = values.reshape(*shape, *window)
    total, count = torch.zeros(shape[0], *size), torch.zeros(size)
    for number, (y, x) in enumerate(_places(size, window)):
        total[:, y : y + window[0], x : x + window[1]] += by_image[:, number]
        count[y : y + window[0], x : x + window[1]] += 1
    return (total / count).numpy()


def _peaks(maps: NDArray[np.float32]) -> FloatArray:
    """The mean over the highest values of each map."""
    flat = maps.reshape(len(maps), -1)
    num = max(1, round(_PEAK * flat.shape[1]))
    return np.partition(flat, -num, axis=1)[:, -num:].mean(1, dtype=np.float64)
