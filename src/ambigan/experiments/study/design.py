"""What a study is, as data: what is trained side by side, and how it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..run_spec import Variant


@dataclass(frozen=True)
class Arm(Variant):
    """What is trained for one row of a study, or for several: one for each layer.

    Attributes:
        preset: that it starts from.
        layers: that are measured, the first in the curves.
        untrained: whether the same network before training is measured as well.
    """

    preset: str = "images"
    layers: tuple[str, ...] = ()
    untrained: bool = False


@dataclass(frozen=True)
class Study:
    """Methods beside each other on one set of data, each shown as many images.

    Attributes:
        name: by which it is asked for.
        title: one line.
        question: what it is to tell.
        source: of what is studied.
        settings: of every arm, by dotted name.
        passes: how often the network that is measured sees the data.
        arms: from top to bottom.
        protocols: by which features are measured, from left to right.
        curve: the protocol measured at every kept checkpoint.
        pca_widths: of the PCA baselines.
        judge: the arm in whose first layer samples of the others are compared with data; None to
            compare none. It is best one that draws nothing itself.
        time: what it takes, on what; measured, or said not to be.
    """

    name: str
    title: str
    question: str
    source: str
    settings: Mapping[str, str]
    passes: int
    arms: tuple[Arm, ...]
    protocols: tuple[str, ...] = ("linear_lbfgs", "knn_sweep", "svm_l2", "kmeans")
    curve: str = "knn_sweep"
    pca_widths: tuple[int, ...] = (128,)
    judge: Arm | None = None
    time: str = "not measured"

    def __post_init__(self) -> None:
        assert self.judge is None or self.judge in self.arms, "a judge is one of the arms"


CIFAR10 = {"data.source": "cifar10", "data.max_train": "20000", "train.log_every": "20"}
"""So many images that one core without bf16 shows them to SAO's D four times in 80 minutes."""

DIGITS = {"data.source": "digits", "train.log_every": "20"}
"""1,500 pictures of 8x8, at hand everywhere."""
