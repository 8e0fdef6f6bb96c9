"""Anomaly detection in one call: `AnomalyDetector().fit(X_normal).predict(X_new)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from .. import estimators
from ..core.errors import unknown_name
from ..data import DataSettings, RawVectors, Scaling, Split, open_dataset
from ..data.memory import MEMORY, examples_in_memory
from ..estimators import Estimator
from ..run import Run
from .part_scores import FloatArray
from .scorer import AnomalyScorer, AnomalyScores

# scikit-learn has no types.
_base: Any = import_module("sklearn.base")
_checks: Any = import_module("sklearn.utils.validation")
if TYPE_CHECKING:
    _Outliers = object
else:

    class _Outliers(_base.OutlierMixin, _base.BaseEstimator):
        """An estimator that finds outliers."""


ESTIMATORS = {
    "autoencoder": "Autoencoder",
    "bigan": "BiGAN",
    "gan": "GAN",
    "latent_regressor": "LatentRegressor",
}
"""Methods that a detector may train, with their estimators."""

NORMAL_QUANTILE = 0.99
"""Fraction of normal examples that count as such where `contamination` is `auto`."""

ROW_STEPS = 1_500
"""Steps of training where `epochs` is None."""

EXAMPLES_PER_STEP = 16, 128
"""Fewest and most examples in a step; between them, an eighth of the data."""

IMAGE_STEPS = 600
"""Steps of training on images where `epochs` is None."""

IMAGES_PER_STEP = 32
"""Most images in a step."""

DRAWN_SIDE = 32
"""Short side of the images that a BiGAN draws and compares, where those that it encodes have more.
"""


class AnomalyDetector(_Outliers):
    """Finds what is unlike the data it was fitted on, which are normal or mostly normal.

    A model is trained on them, and the score joins what it knows with what the values themselves
    say: see `ambigan.anomaly.vector_parts` and `image_parts`, and docs/howto/anomaly.md for what
    each part adds. After `fit`:

    Attributes:
        estimator_: The trained model as an estimator.
        run_: The trained model with all it can do, a `Run`.
        scorer_: The score, an `AnomalyScorer`.
        offset_: Score below which an example is an anomaly.
        n_features_in_: Number of columns of X; of arrays of images, the length of the second axis.
    """

    estimator_: Estimator
    scorer_: AnomalyScorer
    offset_: float

    def __init__(
        self,
        method: str = "auto",
        contamination: float | Literal["auto"] = "auto",
        random_state: Any = None,
        epochs: int | None = None,
        *,
        n_neighbors: int | Literal["auto"] = "auto",
        image_shape: tuple[int, ...] | None = None,
        preset: str | None = None,
        settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        out: str | Path | None = None,
    ) -> None:
        """Keeps the arguments as they are; `fit` checks them.

        Args:
            method: Name of the method that is trained: `autoencoder`, `bigan`, `gan`,
                `latent_regressor`, or `auto` for BiGAN.
            contamination: Fraction of anomalies among the data that are fitted, above 0 and at most
                0.5, which is then flagged of them. If `auto`, all of them count as normal, and what
                scores beyond 99 % of them is flagged.
            random_state: Seed of weights, batches and latents: an integer, a RandomState, or None
                for another one at every fit.
            epochs: Number of passes over the data; as many as make 1,500 steps if None.
            n_neighbors: Number of the nearest fitted examples that others are compared with. If
                `auto`, 1 where all count as normal, and else 20, since anomalies that resemble each
                other would pass for normal.
            image_shape: Height and width, or height, width and channels, of the images that the
                rows of X are; None for vectors and for arrays of images.
            preset: Name of the preset to start from. If None, `small` for rows and the usual one
                for images.
            settings: Other settings of the method or of training by name.
            device: Device: `auto` for CUDA where there is one, `cpu`, `cuda` or `cuda:1`.
            out: Folder of the run, in which an interrupted fit goes on; a temporary one if None,
                which is deleted with the detector.
        """
        self.method = method
        self.contamination = contamination
        self.random_state = random_state
        self.epochs = epochs
        self.n_neighbors = n_neighbors
        self.image_shape = image_shape
        self.preset = preset
        self.settings = settings
        self.device = device
        self.out = out

    @property
    def run_(self) -> Run:
        """The trained model."""
        return self.estimator_.run_

    def fit(self, X: Any, y: Any = None) -> AnomalyDetector:
        """Trains the model and keeps what is normal.

        Args:
            X: Examples `(N, D)`, an array or a frame of numbers, or images in any layout.
            y: Not used; there for pipelines.

        Raises:
            ValueError: X or an argument cannot be used.
        """
        values = _checks.validate_data(
            self, X, dtype="numeric", allow_nd=True, ensure_min_samples=8
        )
        self._check_arguments()
        self.estimator_ = self._estimator(values).fit(values)
        data = self.run_.config.data
        dataset = open_dataset(data, examples=examples_in_memory(values, None, data))
        automatic = 1 if self.contamination == "auto" else 20
        neighbors = automatic if isinstance(self.n_neighbors, str) else self.n_neighbors
        self.scorer_ = AnomalyScorer(
            self.run_,
            dataset.train,
            dataset.test,
            n_neighbors=neighbors,
            seed=self.run_.config.train.seed,
        )
        if isinstance(self.contamination, str):
            self.offset_ = -self.scorer_.threshold(NORMAL_QUANTILE)
        else:
            self.offset_ = float(np.quantile(self.score_samples(X), self.contamination))
        return self

    def score_samples(self, X: Any) -> FloatArray:
        """Minus the anomaly score of each example, `(N,)`: the higher, the more normal."""
        return -self.explain(X).scores

    def decision_function(self, X: Any) -> FloatArray:
        """`score_samples` above the threshold `offset_`, `(N,)`: anomalies are below 0."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """1 for examples that are normal, and -1 for anomalies, `(N,)`."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X: Any) -> AnomalyScores:
        """Scores of examples with their parts, and the columns or places that are unusual.

        Args:
            X: Examples, in the form of those that were fitted.
        """
        _checks.check_is_fitted(self, "scorer_")
        values = _checks.validate_data(self, X, reset=False, dtype="numeric", allow_nd=True)
        found = self.scorer_.scores(self.run_, Split(self.estimator_.inputs(values), None))
        if found.columns is None or found.columns.shape == values.shape:
            return found
        shares = np.zeros(values.shape)  # columns that never change were left out
        shares[:, [int(name) for name in cast(Scaling, self.run_.scaling).columns]] = found.columns
        return replace(found, columns=shares)

    def _check_arguments(self) -> None:
        if self.method not in ("auto", *ESTIMATORS):
            raise unknown_name("method", self.method, ["auto", *ESTIMATORS])
        fraction = self.contamination
        if fraction != "auto" and (isinstance(fraction, str) or not 0 < fraction <= 0.5):
            raise ValueError(f"contamination is {fraction!r}; it is 'auto' or in (0, 0.5].")
        num = self.n_neighbors
        if num != "auto" and (isinstance(num, str) or num < 1):
            raise ValueError(f"n_neighbors is {num!r}; it is 'auto' or a number, 1 or more.")

    def _estimator(self, values: NDArray[Any]) -> Estimator:
        """What is trained on the values."""
        name = "bigan" if self.method == "auto" else self.method
        given: dict[str, Any] = dict(self.settings or {})
        low, high = EXAMPLES_PER_STEP
        steps = ROW_STEPS
        found = examples_in_memory(values, None, DataSettings(MEMORY, shape=self.image_shape))
        size = None if isinstance(found, RawVectors) else found.arrays[0].shape[2:]
        if size:
            high, steps = IMAGES_PER_STEP, IMAGE_STEPS
        batch = given.setdefault("batch_size", min(high, max(low, len(values) // 8)))
        epochs = self.epochs or max(1, round(steps * batch / len(values)))
        if name == "bigan" and size and self.preset is None:
            given = {"network": _network_for_images(size), "cycle_weight": 0.005, **given}
        elif name == "bigan" and not size:
            given = {"cycle_weight": 1.0, "encoder_dropout": 0.2, **given}
        return getattr(estimators, ESTIMATORS[name])(
            epochs=epochs,
            preset=self.preset or (None if size else "small"),  # trained on every normal row
            image_shape=self.image_shape,
            device=self.device,
            random_state=self.random_state,
            out=self.out,
            **given,
        )


def _network_for_images(size: tuple[int, ...]) -> dict[str, Any]:
    """Networks that two cores train within minutes, as changes to those of preset `images`."""
    scale = DRAWN_SIDE / min(size)
    if scale >= 1:
        return {"width": 16}
    smaller = round(size[0] * scale), round(size[1] * scale)
    return {"width": 16, "encoder": "dcgan", "encoder_width": 8, "image_size": smaller}
