"""The examples that the explorer shows, and what a model says of them."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..analysis.projection import FEWEST, Projection, has_umap, project
from ..anomaly.scorer import AnomalyScorer, AnomalyScores, normal_examples
from ..core.errors import ConfigError
from ..core.files import StorageError, sha256_of, write_bytes
from ..data import Dataset, Split
from ..data.splits import data_fingerprint, split_at, take
from ..data.tables.outputs import row_columns
from ..evaluation.features import extract, layer_features
from ..evaluation.metrics.knn import DistanceMetric
from ..evaluation.metrics.similarity_search import search_exactly
from ..hub import name_of
from ..retrieval import NamedExamples
from ..run import Run

logger = logging.getLogger(__name__)

MOST_SHOWN = 100_000
"""Number of examples on a map, at most."""

MOST_FOR_TSNE = 5_000
"""Number of examples up to which t-SNE draws the map by default; it takes minutes for more."""

MOST_CLASSES = 24
"""Number of classes that have a colour and a place in the legend each."""

_CLUSTERS = 10


@dataclass(frozen=True)
class Colouring:
    """What the points of a map are coloured by.

    Attributes:
        values: Class `(N,)` int64, -1 where it is unknown, or a number `(N,)` float64.
        names: Names of the classes; None for numbers.
    """

    values: NDArray[Any]
    names: tuple[str, ...] | None = None

    @cached_property
    def groups(self) -> list[tuple[str, NDArray[np.int64]]]:
        """Names and places of the classes that are drawn apart.

        Numbers, and classes too many for a legend, are one group.
        """
        names = self.names
        if names is None or len(names) > MOST_CLASSES:
            return [("examples", np.arange(len(self.values)))]
        return [(name, np.flatnonzero(self.values == code)) for code, name in enumerate(names)]


@dataclass(eq=False)
class Collection:
    """Examples of a run's data, or of others, as one model sees them.

    What takes long is computed when it is first asked for, by one thread at a time.

    Attributes:
        run: The trained model.
        examples: The examples that are shown.
        open_own_data: Function that opens the data the run was trained on, which anomalies are
            compared with.
        layer: Layer whose features are on the map.
        projection: How features are projected; by the number of examples if None.
        seed: Seed of map, clusters and anomaly scores.
        is_own_data: Whether the examples are of the run's own data.
        num_left_out: Number of examples that are not shown, since they are too many.
    """

    run: Run
    examples: NamedExamples
    open_own_data: Callable[[], Dataset]
    layer: str
    projection: Projection | None = None
    seed: int = 0
    is_own_data: bool = True
    num_left_out: int = 0
    _features: dict[str, Tensor] = field(default_factory=dict[str, Tensor], repr=False)
    _colourings: dict[str, Colouring] = field(default_factory=dict[str, Colouring], repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __len__(self) -> int:
        return len(self.examples.split)

    @cached_property
    def title(self) -> str:
        """What is shown of which model, in a few words."""
        return f"{name_of(self.run.path)}: {self.examples.origin}"

    @property
    def metric(self) -> DistanceMetric:
        """What tells how near examples are: distance for vectors and cosine for images."""
        return "euclidean" if self.run.spec.kind == "vectors" else "cosine"

    @cached_property
    def chosen_projection(self) -> Projection:
        """How features are projected: of too few for neighbourhoods, by PCA whatever was asked."""
        if len(self) < FEWEST:
            return "pca"
        if self.projection is not None:
            return self.projection
        if len(self) <= MOST_FOR_TSNE:
            return "tsne"
        return "umap" if has_umap() else "pca"

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """The map, `(N, 2)`; kept in the run's folder and read again while all is the same."""
        key = {
            "layer": self.layer,
            "projection": self.chosen_projection,
            "seed": self.seed,
            "weights": self.run.weights,
            "images_seen": self.run.images_seen,
            "data_sha256": data_fingerprint(self.examples.split),
        }
        path = self.run.path / "explorer" / f"map-{sha256_of(repr(key).encode())[:16]}.npy"
        if (kept := _read_points(path, len(self))) is not None:
            return kept
        start = time.monotonic()
        logger.info(
            f"making a map by {self.chosen_projection}, once; it is kept (examples: {len(self):,})"
        )
        features = self.features(self.layer).numpy()
        points = project(features, self.chosen_projection, self.seed).astype(np.float32)
        logger.info(f"made in {time.monotonic() - start:.0f} s")
        buffer = io.BytesIO()
        np.save(buffer, points, allow_pickle=False)
        try:
            write_bytes(path, buffer.getvalue())
        except StorageError as error:
            logger.warning(f"the map is not kept: {error}")
        return points

    def features(self, layer: str) -> Tensor:
        """Features of all examples by one layer, float32 `(N, D)`; those of two layers are kept."""
        with self._lock:
            if layer not in self._features:
                while len(self._features) > 1:
                    del self._features[next(iter(self._features))]
                function = layer_features(self.run.method, layer)
                values = self.examples.split.values
                self._features[layer] = extract(function, values, self.run.device)
            return self._features[layer]

    def neighbours(self, values: Tensor, layer: str, num: int) -> list[tuple[int, float]]:
        """The nearest examples to another, with their similarity or distance.

        Args:
            values: One example as networks take it, `(1, ...)`.
            layer: Layer whose features are compared, by distance for vectors and by cosine for
                images.
            num: Number of examples, at most.
        """
        asked = extract(layer_features(self.run.method, layer), values, self.run.device)
        found = search_exactly(asked, self.features(layer), num, self.run.device, self.metric)
        places: list[int] = found.places[0].numpy().tolist()
        values_found: list[float] = found.values[0].numpy().tolist()
        return list(zip(places, values_found, strict=True))

    def values(self, place: int) -> Tensor:
        """One example as networks take it, `(1, ...)`."""
        return take(self.examples.split, torch.tensor([place])).values

    def original(self, place: int) -> NDArray[np.floating]:
        """One example in the units of its source, as `reconstruct` gives it back, `(1, ...)`."""
        return self.run.originals(take(self.examples.split, torch.tensor([place])))

    def as_split(self, values: Tensor) -> Split:
        """Examples as networks take them, `(N, ...)`, as a split without labels."""
        return Split(values, None)

    @cached_property
    def latents(self) -> NDArray[np.float32]:
        """Latents of all examples, `(N, latent_dim)`."""
        with self._lock:
            return self.run.encode(self.examples.split)

    @cached_property
    def _scorer(self) -> AnomalyScorer:
        dataset = self.open_own_data()
        normal = normal_examples(
            dataset, self.run.config.data.train_on, is_apart=not self.is_own_data
        )
        return AnomalyScorer(self.run, *normal, seed=self.seed)

    def anomaly(self, place: int | None = None, values: Tensor | None = None) -> AnomalyScores:
        """Anomaly scores of one example, of given values, or of all examples."""
        split = self.examples.split
        if values is not None:
            split = replace(take(split, torch.tensor([0])), values=values, stored=None)
        elif place is not None:
            split = take(split, torch.tensor([place]))
        with self._lock:
            return self._scorer.scores(self.run, split)

    @property
    def normal_scores(self) -> NDArray[np.float64]:
        """Anomaly scores of normal examples, in ascending order."""
        return self._scorer.normal

    @cached_property
    def anomaly_scores(self) -> NDArray[np.float64]:
        """Anomaly score of each example, `(N,)`."""
        return self.anomaly().scores

    @cached_property
    def colourings(self) -> dict[str, str]:
        """What points can be coloured by: name and title."""
        titles = {"none": "nothing", "cluster": "cluster", "anomaly": "anomaly score"}
        if self.examples.split.labels is not None:
            titles = {"label": "label", **titles}
        if self.run.spec.kind == "vectors":
            titles |= {f"column:{place}": name for place, name in enumerate(self.column_names)}
        return titles

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns of vectors, or their numbers."""
        names, num = self.run.scaling.columns if self.run.scaling else (), self.run.spec.num_values
        return names if len(names) == num else tuple(f"column {k}" for k in range(num))

    def colouring(self, name: str) -> Colouring:
        """The classes or numbers that points are coloured by.

        Args:
            name: A key of `colourings`.
        """
        if name not in self._colourings:  # the page asks for it whenever a point is pointed at
            self._colourings[name] = self._make_colouring(name)
        return self._colourings[name]

    def _make_colouring(self, name: str) -> Colouring:
        labels = self.examples.split.labels
        if name == "label" and labels is not None:
            codes = labels.numpy()
            names = self.examples.label_names or ()
            named = {int(code): str(code) for code in np.unique(codes)} | dict(enumerate(names))
            ordered = sorted(named)
            return Colouring(
                np.searchsorted(ordered, codes), tuple(named[code] for code in ordered)
            )
        if name == "cluster":
            return Colouring(
                self._clusters, tuple(map(str, range(1, int(self._clusters.max()) + 2)))
            )
        if name == "anomaly":
            return Colouring(self.anomaly_scores)
        if name.startswith("column:"):
            return Colouring(self._raw[:, int(name.partition(":")[2])].astype(np.float64))
        return Colouring(np.zeros(len(self), dtype=np.int64), ("examples",))

    @cached_property
    def _raw(self) -> NDArray[np.floating]:
        return self.run.originals(self.examples.split)

    @cached_property
    def _clusters(self) -> NDArray[np.int64]:
        names = self.examples.label_names
        num = min(len(names) if names else _CLUSTERS, len(self))
        means: Any = import_module("sklearn.cluster").KMeans(num, n_init=3, random_state=self.seed)
        with self._lock:
            return means.fit_predict(self.features(self.layer).numpy()).astype(np.int64)

    @cached_property
    def names(self) -> list[str]:
        """What each example is called."""
        return [self.examples.name(place) for place in range(len(self))]

    def find(self, text: str, most: int) -> list[int]:
        """Places of examples whose name contains a text, or whose row it is, at most so many."""
        asked = text.strip().lower()
        found = [
            place
            for place, name in enumerate(self.names)
            if asked in name.lower() or asked == str(self.examples.row(place))
        ]
        found.sort(key=lambda place: asked != str(self.examples.row(place)))
        return found[:most]

    def rows(self, places: NDArray[np.int64], colour: str) -> dict[str, Any]:
        """A table of chosen examples: what is known of each, and where it is on the map."""
        split = take(self.examples.split, torch.as_tensor(places))
        columns = row_columns(split, self.examples.label_names)
        columns.setdefault("row", places)
        columns |= {"map_x": self.points[places, 0], "map_y": self.points[places, 1]}
        if colour not in ("none", "label"):
            shown = self.colouring(colour)
            values = shown.values[places]
            names = shown.names
            title = self.colourings[colour].replace(" ", "_")
            columns[title] = [names[code] for code in values] if names else values
        return columns


def first_of(examples: NamedExamples, num: int) -> tuple[NamedExamples, int]:
    """The first examples, and how many are left out.

    Raises:
        ConfigError: The number is not from 1 to `MOST_SHOWN`.
    """
    if not 1 <= num <= MOST_SHOWN:
        raise ConfigError(f"--num is {num:,}; a map shows 1 to {MOST_SHOWN:,} examples.")
    first = replace(examples, split=split_at(examples.split, num)[0])
    return first, len(examples.split) - len(first.split)


def _read_points(path: Any, num: int) -> NDArray[np.float32] | None:
    """A map that was kept, if it is whole and of so many examples."""
    if not path.is_file():
        return None
    try:
        points = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None
    return points if points.shape == (num, 2) and np.isfinite(points).all() else None
