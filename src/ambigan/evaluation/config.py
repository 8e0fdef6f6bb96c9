"""What an evaluation is asked for, and what it is given to measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import torch

from ..core.ema import Weights
from ..core.errors import ConfigError, unknown_name
from ..data import Dataset, DataSettings
from ..game import Method
from .crops import CroppedViews, CropSettings
from .result import Provenance
from .result_cache import ResultCache

Framing = Literal["run", "data"]
Baseline = Literal["raw", "pca", "random"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)


@dataclass(frozen=True)
class EvaluationConfig:
    """What is measured, of what, and on what data.

    Attributes:
        protocols: Names of protocols; if empty the quick ones that apply, or if none does
            `generation_features`; `all` for all that apply. Of a curve, `knn1_euclidean` by
            default.
        layers: Layers of the networks, or `each` for all that are worth measuring; the method's
            feature layer if empty.
        weights: The kind of weights; averaged and last ones both, if None.
        baselines: Which of raw values, PCA and the untrained network are measured as well; of
            reconstructions, the training mean is the raw one, and there is no untrained one.
        reference_features: The features in which samples are compared with data: layers of this
            run, or `RUN:LAYER` of another, or `NAME=RUN:LAYER` to have it called so in what is
            written; the method's feature layer if empty, or the widest whose covariance can be
            taken.
        inception: A file of the reference Inception weights; fetched if None.
        crops: Several views of each labelled image for a classifier to learn from, or ten crops to
            judge by; the linear probe is then what is measured if no protocol is named.
        data: The data that are measured, as a source or with all settings; those that the run was
            trained on if None.
        framing: How other data are given to the networks: in the form of the `run`'s own, resized,
            cropped and converted to its channels, or in the form of the `data`, which convolutional
            layers take in any size.
        cross_validate: Whether protocols of labels divide both splits again where few examples are
            held out. If false, the test split alone is scored, which no network has seen.
        sample_baselines: A file that keeps the baselines of samples, which depend on the data
            alone, for other runs on the same data to take from it.
        device: The device on which features are computed.

    Raises:
        ConfigError: A framing or a baseline is not one of those above.
    """

    protocols: Sequence[str] = ()
    layers: Sequence[str] = ()
    weights: Weights | None = None
    baselines: Sequence[Baseline] = BASELINES
    reference_features: Sequence[str] = ()
    inception: str | Path | None = None
    crops: CropSettings | None = None
    data: str | DataSettings | None = None
    framing: Framing = "run"
    cross_validate: bool = True
    sample_baselines: str | Path | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.framing not in get_args(Framing):
            raise unknown_name("framing", self.framing, get_args(Framing))
        if self.weights not in (None, *get_args(Weights)):
            raise unknown_name("weights", str(self.weights), get_args(Weights))
        for name in self.baselines:
            if name not in BASELINES:
                raise unknown_name("baseline", name, BASELINES)
        for field in ("protocols", "layers", "reference_features"):
            if isinstance(name := getattr(self, field), str):
                raise ConfigError(f"{field} is a list of names, such as ['{name}'].")

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for beyond the protocols, by flag, for provenance."""
        source = self.data.source if isinstance(self.data, DataSettings) else self.data
        return {
            "layer": [*self.layers],
            "reference_features": [*self.reference_features],
            "weights": self.weights,
            **({} if source is None else {"data": source, "framing": self.framing}),
            **({} if self.cross_validate else {"cross_validate": False}),
        }


class MeasuredRun(Protocol):
    """What evaluation takes of a run with one kind of weights; `ambigan.Run` is one."""

    method: Method
    weights: Weights


def _no_networks(*_folder: str) -> Method:
    raise AssertionError("data that need no run have no networks")


@dataclass(frozen=True)
class EvaluationInputs:
    """Everything that the measurements of one evaluation share.

    Attributes:
        config: What is asked for.
        runs: The trained networks, by kind of weights.
        dataset: The data that are measured.
        provenance: Where the results come from.
        device: The device on which features are computed.
        cache: What was measured before.
        untrained: Makes the run's networks as they are before training.
        load: Loads the networks of another run's folder onto the device.
        reference_owner: The run whose layers the reference features are; None for the one
            measured.
        views: The views of each image, where several are asked for.
    """

    config: EvaluationConfig
    runs: Sequence[MeasuredRun]
    dataset: Dataset
    provenance: Provenance
    device: torch.device
    cache: ResultCache
    untrained: Callable[[], Method] = _no_networks
    load: Callable[[str], Method] = _no_networks
    reference_owner: Method | None = None
    views: CroppedViews | None = None

    @property
    def method(self) -> Method:
        """The networks of the first kind of weights."""
        return self.runs[0].method
