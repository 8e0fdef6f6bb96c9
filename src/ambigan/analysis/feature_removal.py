"""Removes a feature from a run's generator by dropping the feature maps that carry it.

Source: DCGAN, section 6.3.1 ("forgetting to draw certain objects").
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor, cat

from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..data import Dataset
from ..evaluation.protocols.registry import percent
from ..run import Run
from .boxes import Box, activations_at, check_box, pixels_inside
from .feature_maps import (
    drop_maps,
    find_map_layer,
    generate,
    generate_with_maps,
    map_weights,
    positive_maps,
)
from .probe import train_probe

logger = logging.getLogger(__name__)
_Floats = NDArray[np.floating]


@dataclass(frozen=True)
class FeatureRemovalSettings:
    """The constants of a removal.

    Attributes:
        layer: a layer of the generator; by default its second highest hidden convolution.
        most: the largest number of maps to drop, by weight; by default all with positive weights.
        num_samples: the number of samples from which maps are chosen for a label, and of new ones
            on which the removal is tested.
        num_labelled: the number of training examples for the probe, equally many of each class.
        num_random: the number of comparisons in which as many random maps are dropped.
        seed: seed of samples, places and random maps.
    """

    layer: str | None = None
    most: int | None = None
    num_samples: int = 2000
    num_labelled: int = 2000
    num_random: int = 10
    seed: int = 0


@dataclass(frozen=True)
class FeatureRemovalResult:
    """The dropped maps and their effect.

    Attributes:
        layer: the dotted name of the layer.
        weights: the weights of all its maps, float64 `(C,)`.
        dropped: indices of the dropped maps, int64, the largest weight first.
        shown: images of the same latents, each `(N, C, H, W)`, with all maps, without the dropped
            ones, and without as many random ones.
        boxes: the boxes on the images shown; none for a label.
        num_marked: how many of the images shown have the feature; they come first.
        measured: measurements by name, for JSON.
    """

    layer: str
    weights: NDArray[np.float64]
    dropped: NDArray[np.int64]
    shown: dict[str, _Floats]
    boxes: tuple[Box, ...]
    num_marked: int
    measured: dict[str, Any]


def remove_boxed_feature(
    run: Run, boxes: Sequence[Box], num: int, num_shown: int, settings: FeatureRemovalSettings
) -> FeatureRemovalResult:
    """Drops the maps that are active inside boxes, as the paper does.

    Args:
        run: a run that samples images.
        boxes: boxes on samples.
        num: the number of samples that boxes may lie on.
        num_shown: the number of images to show: those with boxes first, then others.
        settings: the constants.

    Raises:
        ConfigError: A box names no sample or lies outside it, or the layer is unknown.
    """
    run.need("sample")
    layer = find_map_layer(run, settings.layer)
    size = run.method.sample_spec.shape[1], run.method.sample_spec.shape[2]
    for box in boxes:
        check_box(box, num, size)
    latents = as_tensor(run.latents(num, settings.seed))
    _, maps = generate_with_maps(run, latents, layer)
    weights = map_weights(*activations_at(maps, boxes, size, settings.seed))
    removal = _Removal(run, layer, weights, settings)
    marked = list(dict.fromkeys(box.sample for box in boxes))
    measured = removal.changes(latents, boxes)
    shown = marked[:num_shown]
    others = [i for i in range(num) if i not in marked][: num_shown - len(shown)]
    placed = [replace(b, sample=shown.index(b.sample)) for b in boxes if b.sample in shown]
    return removal.result(latents[shown + others], tuple(placed), len(shown), measured)


def remove_labelled_feature(
    run: Run, dataset: Dataset, label: int, num_shown: int, settings: FeatureRemovalSettings
) -> FeatureRemovalResult:
    """Drops the maps that correlate with a label, as predicted by a probe on the run's features.

    The probe learns from labelled training data; the run itself never saw a label. Maps are
    averaged over places. The effect is measured on new samples.

    Args:
        run: a run that samples images.
        dataset: data with labels.
        label: the code of the class.
        num_shown: the number of images to show: half of them of the class, then others.
        settings: the constants.

    Raises:
        ConfigError: The layer is unknown, or the probe gives the label to no sample or to all.
    """
    run.need("sample")
    layer = find_map_layer(run, settings.layer)
    num_labelled = min(settings.num_labelled, len(dataset.train))
    logger.info(f"training a probe on {num_labelled:,} labelled examples")
    probe = train_probe(run, dataset, settings.num_labelled, settings.seed)
    logger.info(f"choosing maps by {settings.num_samples:,} samples")
    images, maps = generate_with_maps(run, _latents(run, settings, "choose"), layer)
    given, means = probe.predicts(images, label), maps.mean((2, 3))
    if not given.any() or given.all():
        raise ConfigError(
            f"{int(given.sum())} of {len(given)} samples were given the label; some must be and "
            "some not. Draw more with --samples, or take another label."
        )
    weights = map_weights(means[given], means[~given])
    removal = _Removal(run, layer, weights, settings)
    latents = _latents(run, settings, "test")
    logger.info(f"testing on {len(latents):,} new samples")
    with_label = probe.predicts(generate(run, latents), label)
    shares = removal.shares(latents, lambda images: probe.predicts(images, label))
    marked = with_label.nonzero().squeeze(1)[: num_shown // 2]
    others = (~with_label).nonzero().squeeze(1)[: num_shown - len(marked)]
    share = percent(with_label) or 0.0
    measured = {"label": label, "probe_accuracy": probe.accuracy, "share": share}
    return removal.result(latents[cat([marked, others])], (), len(marked), measured | shares)


def _latents(run: Run, settings: FeatureRemovalSettings, use: str) -> Tensor:
    noise = Randomness(settings.seed, "forget", use)
    return run.method.prior.sample(settings.num_samples, noise)


class _Removal:
    """A run's generator, and the maps of one of its layers that speak for a feature."""

    def __init__(
        self, run: Run, layer: str, weights: Tensor, settings: FeatureRemovalSettings
    ) -> None:
        self.run, self.layer, self.weights, self.settings = run, layer, weights, settings
        self.dropped = positive_maps(weights, settings.most)
        if not len(self.dropped):
            raise ConfigError("no map speaks for this feature: all weights are negative or zero.")
        if len(self.dropped) == len(weights):
            raise ConfigError(
                f"all {len(weights)} maps of {layer} speak for this feature, and nothing would be"
                f" left to draw with; drop fewer, such as --most {max(1, len(weights) // 2)}."
            )

    def without(self, latents: Tensor) -> Tensor:
        """Images without the maps of the feature."""
        with drop_maps(self.run.method.get_submodule(self.layer), self.dropped):
            return generate(self.run, latents)

    def without_random(self, latents: Tensor, turn: int) -> Tensor:
        """Images without as many random maps; each turn draws other maps."""
        order = Randomness(self.settings.seed, "random maps", turn).permutation(len(self.weights))
        with drop_maps(self.run.method.get_submodule(self.layer), order[: len(self.dropped)]):
            return generate(self.run, latents)

    def shares(self, latents: Tensor, predicts: Callable[[Tensor], Tensor]) -> dict[str, Any]:
        """Percent of samples with the label, without the maps and without as many random ones."""
        without = percent(predicts(self.without(latents))) or 0.0
        random: list[float] = []
        for turn in range(self.settings.num_random):
            logger.info(f"dropping random maps, {turn + 1} of {self.settings.num_random}")
            random.append(percent(predicts(self.without_random(latents, turn))) or 0.0)
        return {
            "share_without": without,
            "share_without_random": float(np.mean(random)),
            "shares_without_random": random,
            "num_random_as_low": sum(share <= without for share in random),
        }

    def changes(self, latents: Tensor, boxes: Sequence[Box]) -> dict[str, float]:
        """Mean absolute change of pixels inside and outside boxes, also for random maps."""
        marked = sorted({box.sample for box in boxes})
        before = generate(self.run, latents[marked])
        inside = pixels_inside(boxes, len(latents), (before.shape[2], before.shape[3]))[marked]

        def change(after: Tensor) -> tuple[float, float]:
            moved = (after - before).abs().mean(1)
            return float(moved[inside].mean()), float(moved[~inside].mean())

        ours = change(self.without(latents[marked]))
        turns = range(self.settings.num_random)
        random = [change(self.without_random(latents[marked], turn)) for turn in turns]
        means = np.mean(random, axis=0)
        return {
            "change_inside": ours[0],
            "change_outside": ours[1],
            "change_inside_random": float(means[0]),
            "change_outside_random": float(means[1]),
        }

    def result(
        self, latents: Tensor, boxes: tuple[Box, ...], num_marked: int, measured: dict[str, Any]
    ) -> FeatureRemovalResult:
        """Puts the result together; `latents` are those of the images to show."""
        shown = {
            "as generated": generate(self.run, latents).numpy(),
            "without these maps": self.without(latents).numpy(),
            "without as many random maps": self.without_random(latents, 0).numpy(),
        }
        shown = {name: self.run.shown_bands(images) for name, images in shown.items()}
        weights, dropped = self.weights.numpy(), self.dropped.numpy()
        return FeatureRemovalResult(
            self.layer, weights, dropped, shown, boxes, num_marked, measured
        )
