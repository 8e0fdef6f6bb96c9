"""What a run's generator can be made to forget, and what that does beside forgetting at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import ConfigError
from ..core.randomness import Randomness
from ..data import Dataset
from ..run import Run
from .feature_map_dropout import FeatureMapDropout, draw_with_maps, find_maps
from .map_classifier import (
    Box,
    activations_at,
    check_box,
    map_weights,
    pixels_inside,
    positive_maps,
)
from .probing import Probe, probe_percent, train_probe

_Floats = NDArray[np.floating]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class ForgetSettings:
    """The constants.

    Attributes:
        layer: of the generator; its second highest hidden convolution if None.
        most: maps dropped, those with the largest weights; all with positive ones if None.
        num_samples: by which maps are chosen for a label, and as many new ones by which it is
            tested.
        num_labelled: training examples that the probe learns from, of every class as many.
        num_random: how often as many random maps are dropped beside it.
        seed: of samples, places and random maps.
    """

    layer: str | None = None
    most: int | None = None
    num_samples: int = 2000
    num_labelled: int = 2000
    num_random: int = 10
    seed: int = 0


@dataclass(frozen=True)
class ForgettingResult:
    """What was dropped, and what came of it.

    Attributes:
        layer: dotted name.
        weights: of all its maps, float64 `(C,)`.
        dropped: int64, the largest weight first.
        shown: pictures by what was done, each `(N, C, H, W)` of the same latents: as they are,
            without the maps, without as many random ones.
        boxes: drawn on the first pictures shown, whose places they name; empty for a label.
        num_marked: the first so many pictures hold the feature.
        measured: by name, for JSON.
    """

    layer: str
    weights: NDArray[np.float64]
    dropped: NDArray[np.int64]
    shown: dict[str, _Floats]
    boxes: tuple[Box, ...]
    num_marked: int
    measured: dict[str, Any]


def forget_boxes(
    run: Run, boxes: Sequence[Box], num_sheet: int, num_shown: int, settings: ForgetSettings
) -> ForgettingResult:
    """Drops the maps that are active within boxes, as the paper does.

    Args:
        run: that samples images.
        boxes: on samples, as numbered in the sheet.
        num_sheet: samples of the sheet.
        num_shown: pictures: those with boxes first, then others.
        settings: the constants.

    Raises:
        ConfigError: there is no such sample or layer, or a box lies outside.
    """
    run.need("sample")
    layer = find_maps(run, settings.layer)
    size = _size(run)
    for box in boxes:
        check_box(box, num_sheet, size)
    latents = torch.from_numpy(run.latents(num_sheet, settings.seed))
    _, maps = draw_with_maps(run, latents, layer)
    weights = map_weights(*activations_at(maps, boxes, size, settings.seed))
    surgery = _surgery(run, layer, weights, settings)
    marked = list(dict.fromkeys(box.sample for box in boxes))
    measured = _change_in_boxes(surgery, latents, boxes, settings.num_random)
    shown = marked[:num_shown]
    others = [i for i in range(num_sheet) if i not in marked][: num_shown - len(shown)]
    placed = [_moved(box, shown.index(box.sample)) for box in boxes if box.sample in shown]
    pictures = _pictures(surgery, latents[shown + others])
    return _forgotten(surgery, weights, pictures, tuple(placed), len(shown), measured)


def forget_label(
    run: Run,
    dataset: Dataset,
    label: int,
    num_shown: int,
    settings: ForgetSettings,
    tell: Tell = lambda _line: None,
) -> ForgettingResult:
    """Drops the maps that go with a label, which a probe of the run's own features gives.

    The probe learns from labelled training data; the run itself never saw a label. Maps are
    averaged over places. What is measured is of new samples.

    Args:
        run: that samples images.
        dataset: with labels.
        label: code of the class to forget.
        num_shown: pictures: one half given the label, then others.
        settings: the constants.
        tell: told what is being done, one line each.

    Raises:
        ConfigError: there is no such layer, or no sample or every sample is given the label.
    """
    run.need("sample")
    layer = find_maps(run, settings.layer)
    num_labelled = min(settings.num_labelled, len(dataset.train))
    tell(f"a probe learns from {num_labelled:,} labelled examples")
    probe = train_probe(run, dataset, settings.num_labelled, settings.seed)
    tell(f"choosing maps by {settings.num_samples:,} samples")
    images, maps = draw_with_maps(run, _latents(run, settings, "choose"), layer)
    given, means = probe.sees(images, label), maps.mean((2, 3))
    if not given.any() or given.all():
        raise ConfigError(
            f"{int(given.sum())} of {len(given)} samples were given the label; some must be and "
            "some not. Draw more with --samples, or take another label."
        )
    weights = map_weights(means[given], means[~given])
    surgery = _surgery(run, layer, weights, settings)
    latents = _latents(run, settings, "test")
    shares, sees = _shares(surgery, probe, latents, label, settings.num_random, tell)
    marked = sees.nonzero().squeeze(1)[: num_shown // 2]
    others = (~sees).nonzero().squeeze(1)[: num_shown - len(marked)]
    pictures = _pictures(surgery, latents[torch.cat([marked, others])])
    measured = {"label": label, "probe_accuracy": probe.accuracy, **shares}
    return _forgotten(surgery, weights, pictures, (), len(marked), measured)


def _size(run: Run) -> tuple[int, int]:
    """Height and width of what the run draws."""
    _, height, width = run.method.sample_spec.shape
    return height, width


def _latents(run: Run, settings: ForgetSettings, use: str) -> Tensor:
    noise = Randomness(settings.seed, "forget", use)
    return run.method.prior.sample(settings.num_samples, noise)


def _surgery(run: Run, layer: str, weights: Tensor, settings: ForgetSettings) -> FeatureMapDropout:
    dropped = positive_maps(weights, settings.most)
    if not len(dropped):
        raise ConfigError("no map speaks for this feature: all weights are negative or zero.")
    if len(dropped) == len(weights):
        raise ConfigError(
            f"all {len(weights)} maps of {layer} speak for this feature, and nothing would be left"
            f" to draw with; drop fewer, such as --most {max(1, len(weights) // 2)}."
        )
    return FeatureMapDropout(run, layer, dropped, len(weights), settings.seed)


def _pictures(surgery: FeatureMapDropout, latents: Tensor) -> dict[str, _Floats]:
    """The same latents drawn with all maps, without those, and without as many others."""
    return {
        "as generated": surgery.whole(latents).numpy(),
        "without these maps": surgery.without(latents).numpy(),
        "without as many random maps": surgery.without_random(latents, 0).numpy(),
    }


def _shares(
    surgery: FeatureMapDropout,
    probe: Probe,
    latents: Tensor,
    label: int,
    num_random: int,
    tell: Tell,
) -> tuple[dict[str, Any], Tensor]:
    """Percent of samples given the label, in three ways; and which are with all maps."""
    tell(f"testing on {len(latents):,} new samples")
    sees = probe.sees(surgery.whole(latents), label)
    without = probe_percent(probe.sees(surgery.without(latents), label))
    random: list[float] = []
    for turn in range(num_random):
        tell(f"dropping random maps, {turn + 1} of {num_random}")
        random.append(probe_percent(probe.sees(surgery.without_random(latents, turn), label)))
    return {
        "share": probe_percent(sees),
        "share_without": without,
        "share_without_random": float(np.mean(random)),
        "shares_without_random": random,
        "num_random_as_low": sum(share <= without for share in random),
    }, sees


def _change_in_boxes(
    surgery: FeatureMapDropout, latents: Tensor, boxes: Sequence[Box], num_random: int
) -> dict[str, Any]:
    """Mean change of a value within the boxes and outside; of the maps and of random ones."""
    marked = sorted({box.sample for box in boxes})
    inside = pixels_inside(boxes, len(latents), _size(surgery.run))[marked]
    before = surgery.whole(latents[marked])

    def change(after: Tensor) -> tuple[float, float]:
        moved = (after - before).abs().mean(1)
        return float(moved[inside].mean()), float(moved[~inside].mean())

    ours = change(surgery.without(latents[marked]))
    turns = [change(surgery.without_random(latents[marked], i)) for i in range(num_random)]
    theirs = np.mean(turns, axis=0)
    return {
        "change_inside": ours[0],
        "change_outside": ours[1],
        "change_inside_random": float(theirs[0]),
        "change_outside_random": float(theirs[1]),
    }


def _moved(box: Box, sample: int) -> Box:
    return Box(sample, box.x, box.y, box.width, box.height)


def _forgotten(
    surgery: FeatureMapDropout,
    weights: Tensor,
    shown: dict[str, _Floats],
    boxes: tuple[Box, ...],
    num_marked: int,
    measured: dict[str, Any],
) -> ForgettingResult:
    return ForgettingResult(
        surgery.layer,
        weights.numpy(),
        surgery.dropped.numpy(),
        shown,
        boxes,
        num_marked,
        measured,
    )
