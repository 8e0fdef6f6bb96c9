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
    FeatureMapDropout,
    find_map_layer,
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
    dropout = _dropout(run, layer, weights, settings)
    marked = list(dict.fromkeys(box.sample for box in boxes))
    measured = _changes(dropout, latents, boxes, settings.num_random)
    shown = marked[:num_shown]
    others = [i for i in range(num) if i not in marked][: num_shown - len(shown)]
    placed = [replace(b, sample=shown.index(b.sample)) for b in boxes if b.sample in shown]
    latents = latents[shown + others]
    return _result(dropout, weights, latents, tuple(placed), len(shown), measured)


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
    dropout = _dropout(run, layer, weights, settings)
    latents = _latents(run, settings, "test")
    logger.info(f"testing on {len(latents):,} new samples")
    with_label = probe.predicts(dropout.generate(latents), label)
    shares = _shares(
        dropout,
        latents,
        lambda images: percent(probe.predicts(images, label)) or 0.0,
        settings.num_random,
    )
    marked = with_label.nonzero().squeeze(1)[: num_shown // 2]
    others = (~with_label).nonzero().squeeze(1)[: num_shown - len(marked)]
    share = percent(with_label) or 0.0
    measured = {"label": label, "probe_accuracy": probe.accuracy, "share": share}
    latents = latents[cat([marked, others])]
    return _result(dropout, weights, latents, (), len(marked), measured | shares)


def _latents(run: Run, settings: FeatureRemovalSettings, use: str) -> Tensor:
    noise = Randomness(settings.seed, "forget", use)
    return run.method.prior.sample(settings.num_samples, noise)


def _dropout(
    run: Run, layer: str, weights: Tensor, settings: FeatureRemovalSettings
) -> FeatureMapDropout:
    dropped = positive_maps(weights, settings.most)
    if not len(dropped):
        raise ConfigError("no map speaks for this feature: all weights are negative or zero.")
    if len(dropped) == len(weights):
        raise ConfigError(
            f"all {len(weights)} maps of {layer} speak for this feature, and nothing would be left"
            f" to draw with; drop fewer, such as --most {max(1, len(weights) // 2)}."
        )
    return FeatureMapDropout(run, layer, dropped, len(weights), settings.seed)


def _shares(
    dropout: FeatureMapDropout, latents: Tensor, share: Callable[[Tensor], float], num_random: int
) -> dict[str, Any]:
    """Percent of samples with the label, without the maps and without as many random ones."""
    without = share(dropout.without(latents))
    random: list[float] = []
    for turn in range(num_random):
        logger.info(f"dropping random maps, {turn + 1} of {num_random}")
        random.append(share(dropout.without_random(latents, turn)))
    return {
        "share_without": without,
        "share_without_random": float(np.mean(random)),
        "shares_without_random": random,
        "num_random_as_low": sum(share <= without for share in random),
    }


def _changes(
    dropout: FeatureMapDropout, latents: Tensor, boxes: Sequence[Box], num_random: int
) -> dict[str, Any]:
    """Mean absolute change of pixels inside and outside boxes, for these maps and random ones."""
    marked = sorted({box.sample for box in boxes})
    before = dropout.generate(latents[marked])
    inside = pixels_inside(boxes, len(latents), (before.shape[2], before.shape[3]))[marked]

    def change(after: Tensor) -> tuple[float, float]:
        moved = (after - before).abs().mean(1)
        return float(moved[inside].mean()), float(moved[~inside].mean())

    ours = change(dropout.without(latents[marked]))
    turns = [change(dropout.without_random(latents[marked], i)) for i in range(num_random)]
    random = np.mean(turns, axis=0)
    return {
        "change_inside": ours[0],
        "change_outside": ours[1],
        "change_inside_random": float(random[0]),
        "change_outside_random": float(random[1]),
    }


def _result(
    dropout: FeatureMapDropout,
    weights: Tensor,
    latents: Tensor,
    boxes: tuple[Box, ...],
    num_marked: int,
    measured: dict[str, Any],
) -> FeatureRemovalResult:
    """Puts the result together; `latents` are those of the images to show."""
    shown = {
        "as generated": dropout.generate(latents).numpy(),
        "without these maps": dropout.without(latents).numpy(),
        "without as many random maps": dropout.without_random(latents, 0).numpy(),
    }
    return FeatureRemovalResult(
        dropout.layer, weights.numpy(), dropout.dropped.numpy(), shown, boxes, num_marked, measured
    )
