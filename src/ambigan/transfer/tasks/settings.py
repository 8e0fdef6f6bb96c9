"""Every constant of the three tasks; defaults are the papers', but for what training costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveInt

from ...core.errors import ConfigError
from ...core.settings import Fraction, NonNegative, Positive, build
from ..training import TransferSettings

Layers = Literal["fc8", "fc6-8", "all"]
"""What learns: the last layer, all three fully connected layers, or the convolutions as well."""

LAYERS: tuple[Layers, ...] = ("fc8", "fc6-8", "all")


@dataclass(frozen=True)
class TaskSettings:
    """Constants that all tasks have.

    Attributes:
        epochs: Passes over the training split. The papers name steps: 80,000 of 16 images, 40,000
            of 2 and 100,000 of 1 on VOC, which is 256, 16 and 68 passes.
        batch_size: Images in a step.
        optimizer: `adam` (decoupled weight decay), which needs fewer steps, or `sgd` with momentum
            0.9, as in the papers.
        learning_rate: At the start; it falls linearly to zero. The papers lower it in steps.
        backbone_rate: Factor on the learning rate of the convolutions, where they learn.
        weight_decay: On weights and not on biases.
        width: Units of fc6 and of fc7; 4096 in AlexNet.
        pooled: Side of the maps that fc6 sees; 6 in AlexNet. Smaller maps stay as they are.
        dropout: Part of fc6's and fc7's units that is dropped in training.
        max_gradient: Largest norm of the gradients of a step; larger ones are scaled down.
        seed: Of fresh weights, order, crops and dropout.
    """

    epochs: PositiveInt = 30
    batch_size: PositiveInt = 16
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    backbone_rate: Positive = 0.1
    weight_decay: NonNegative = 1e-4
    width: PositiveInt = 4096
    pooled: PositiveInt = 6
    dropout: Fraction = 0.5
    max_gradient: Positive = 10.0
    seed: NonNegativeInt = 0


@dataclass(frozen=True)
class ClassificationSettings(TaskSettings):
    """Constants of classification.

    Attributes:
        short_side: Pixels to which an image's short side is scaled.
        crop: Side of the square crops, in pixels.
        views: Crops of each training image that are drawn once and kept where the convolutions
            are frozen; each epoch takes the next. Where they learn, each epoch draws its own.
    """

    short_side: PositiveInt = 256
    crop: PositiveInt = 227
    views: PositiveInt = 10

    def __post_init__(self) -> None:
        if self.crop > self.short_side:
            raise ConfigError(
                f"--task.crop {self.crop} is larger than --task.short-side {self.short_side};"
                " choose a smaller crop or larger images."
            )


@dataclass(frozen=True)
class DetectionSettings(TaskSettings):
    """Constants of Fast R-CNN; its names for them are in its code's config.

    Attributes:
        short_side: Pixels to which an image's short side is scaled.
        long_side: Most pixels that its long side may then have.
        regions: Regions of an image in a step.
        foreground: Part of them that may overlap an object by `foreground_overlap`.
        foreground_overlap: Least intersection over union of a region with its object.
        background_overlap: Least overlap of regions that are trained as background; those below,
            which are easy, are left out.
        proposals: Most proposals of an image; the first ones are taken.
        nms_overlap: Overlap above which the lower of two detections of a class is dropped.
        least_score: Score below which a detection is dropped.
        detections: Most detections of an image that count.
    """

    epochs: PositiveInt = 10
    batch_size: PositiveInt = 2
    short_side: PositiveInt = 600
    long_side: PositiveInt = 1000
    regions: PositiveInt = 64
    foreground: Fraction = 0.25
    foreground_overlap: Fraction = 0.5
    background_overlap: Fraction = 0.1
    proposals: PositiveInt = 2000
    nms_overlap: Fraction = 0.3
    least_score: Fraction = 0.01
    detections: PositiveInt = 100


@dataclass(frozen=True)
class SegmentationSettings(TaskSettings):
    """Constants of the fully convolutional network.

    Attributes:
        short_side: Pixels to which an image's short side is scaled, or None for its own size. What
            is found is scaled back and measured at the image's own size.
        skips: Maps of higher resolution that are added to the scores: 0, 1 and 2 are FCN-32s, -16s
            and -8s on a network whose last convolution has stride 16.
    """

    batch_size: PositiveInt = 2
    short_side: PositiveInt | None = None
    skips: Literal[0, 1, 2] = 0


TASK_SETTINGS: dict[str, type[Any]] = {
    "frozen": TransferSettings,
    "classification": ClassificationSettings,
    "detection": DetectionSettings,
    "segmentation": SegmentationSettings,
}


def task_settings(task: str, **asked: Any) -> Any:
    """The constants of a task, or of `frozen`, with those changed that were asked for.

    Raises:
        ConfigError: There is no such constant, or a value is not allowed.
    """
    return build(TASK_SETTINGS[task], asked, "task.")
