"""What of many examples is most like some others, by the features of a run."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.distributed import by_main
from ..core.errors import ConfigError
from ..core.files import read_json, sha256_of, write_bytes, write_json
from ..core.randomness import Randomness
from ..core.version import __version__
from ..data import Split
from ..data.splits import data_fingerprint, take
from ..evaluation.baselines.feature_baselines import raw_features
from ..evaluation.features import FeatureFunction, extract, layer_features
from ..evaluation.metrics.knn import DistanceMetric
from ..evaluation.metrics.similarity_search import (
    Neighbours,
    SimilarityIndex,
    import_faiss,
    search_exactly,
)
from ..run import Run


@dataclass(frozen=True)
class NamedExamples:
    """Examples with what they are called.

    Attributes:
        split: the examples.
        origin: where they are from, in words.
        label_names: by label, or None.
    """

    split: Split
    origin: str
    label_names: tuple[str, ...] | None = None

    def row(self, place: int) -> int:
        """Where an example stood in its source."""
        rows = self.split.rows
        return place if rows is None else int(rows[place])

    def file(self, place: int) -> str | None:
        """Its file, if it has one."""
        return self.split.files[place] if self.split.files else None

    def label(self, place: int) -> str | None:
        """The name of its label, if it has one."""
        if self.split.labels is None:
            return None
        label = int(self.split.labels[place])
        return self.label_names[label] if self.label_names else str(label)

    def name(self, place: int) -> str:
        """Its file, its id, or its row."""
        return self.file(place) or self.id(place) or f"row {self.row(place)}"

    def id(self, place: int) -> str | None:
        """What the row of a table is called, if it has a name."""
        return self.split.ids[place] if self.split.ids else None


@dataclass(frozen=True)
class SearchResult:
    """A search that is done.

    Attributes:
        queries: what was looked for.
        among: where.
        neighbours: what was found.
        layer: whose features were compared, and how they were projected.
        index: `exact` or `faiss`.
        metric: what was compared, `cosine` or `euclidean`.
    """

    queries: NamedExamples
    among: NamedExamples
    neighbours: Neighbours
    layer: str
    index: str
    metric: DistanceMetric

    @property
    def measure(self) -> str:
        """What the values of neighbours are called."""
        return "similarity" if self.metric == "cosine" else "distance"

    def ranked(self, query: int, most: int | None = None) -> list[tuple[int, float]]:
        """Places of a query's nearest neighbours with their values; of all if `most` is None."""
        places = self.neighbours.places[query, :most].numpy().tolist()
        values = self.neighbours.values[query, :most].numpy().tolist()
        return [pair for pair in zip(places, values, strict=True) if pair[0] >= 0]

    def lines(self) -> list[dict[str, Any]]:
        """One line for each query and neighbour: the rows of the table that is written."""
        return [
            {
                "query": query,
                "query_row": self.queries.row(query),
                "query_file": self.queries.file(query),
                "query_label": self.queries.label(query),
                "rank": rank,
                "row": self.among.row(place),
                "file": self.among.file(place),
                "label": self.among.label(place),
                self.measure: value,
            }
            | ({"query_id": self.queries.id(query)} if self.queries.split.ids else {})
            | ({"id": self.among.id(place)} if self.among.split.ids else {})
            for query in range(len(self.queries.split))
            for rank, (place, value) in enumerate(self.ranked(query), start=1)
        ]

    def as_json(self) -> dict[str, Any]:
        """What was searched, and all lines."""
        return {
            "metric": self.metric,
            "layer": self.layer,
            "index": self.index,
            "queries": self.queries.origin,
            "among": self.among.origin,
            "num_among": len(self.among.split),
            "version": __version__,
            "found": self.lines(),
        }


def search_similar(
    run: Run,
    queries: NamedExamples,
    among: NamedExamples,
    *,
    layer: str | None = None,
    num: int = 10,
    index: str = "exact",
    metric: DistanceMetric | None = None,
    project: int | None = None,
    seed: int = 0,
) -> SearchResult:
    """Finds the examples of largest cosine with each query, or of least distance from it.

    Args:
        run: whose features are compared.
        queries: what is looked for.
        among: where.
        layer: the method's own feature layer if None; `values` for the examples themselves.
        num: how many for each query.
        index: `exact`, or `faiss` for an index, which is kept in the run's folder and used again
            while run, layer and data are the same.
        metric: `cosine` or `euclidean`; if None, the cosine for layers of images and the distance
            for pixels and for vectors.
        project: number of dimensions of a random projection of the layer, in which examples are
            compared; BiGAN's Figure 5 has one of conv5 to 4,096. None for the layer itself.
        seed: the seed of the projection.

    Raises:
        ConfigError: there is no such layer, FAISS is not installed, or `project` is no number of
            dimensions.
    """
    is_plain = run.spec.kind == "vectors" or layer == "values"
    metric = metric or ("euclidean" if is_plain else "cosine")
    function = _features(run, layer, project, seed)
    layer = function.name
    if index == "faiss":
        import_faiss()  # or it is refused, before anything is computed
    asked = extract(function, queries.split.values, run.device)
    if index == "faiss":
        search = _index(run, among, function, metric)
        neighbours = by_main(lambda: search(asked, num))
    else:
        whole = extract(function, among.split.values, run.device)
        neighbours = by_main(lambda: search_exactly(asked, whole, num, run.device, metric))
    return SearchResult(queries, among, neighbours, layer, index, metric)


def write_search_result(found: SearchResult, path: Path) -> None:
    """Writes what was found, as the name ends: `.json`, or one row a neighbour as `.parquet`."""
    if path.suffix == ".json":
        write_json(path, found.as_json())
        return
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    buffer = io.BytesIO()
    import_module("pyarrow.parquet").write_table(arrow.Table.from_pylist(found.lines()), buffer)
    write_bytes(path, buffer.getvalue())


def novelty(run: Run, found: SearchResult, held_out: Split, **asked: Any) -> float | None:
    """How far the queries are from their nearest neighbours, next to examples never learned from.

    It is the median distance of the queries over that of the held-out examples; of cosines, 1 less
    the cosine is the distance. Samples that copy the examples searched are near 0, and those that
    are as new as the held-out examples near 1.

    Args:
        run: whose features are compared.
        found: the neighbours of the queries, such as samples, among training examples.
        held_out: examples of which a network has learned nothing; the first 1,000 are compared.
        **asked: `layer`, `project` and `seed`, as the search had them.

    Returns:
        The ratio; None where the held-out examples are themselves copies.
    """
    some = NamedExamples(
        take(held_out, torch.arange(min(1000, len(held_out)))), "held-out examples"
    )
    theirs = search_similar(run, some, found.among, num=1, metric=found.metric, **asked)
    of_queries, of_others = (_nearest(each) for each in (found, theirs))
    return of_queries / of_others if of_others > 0 else None


def _nearest(found: SearchResult) -> float:
    """The median distance from a query to what is most like it."""
    values = found.neighbours.values[:, 0]
    distances = 1 - values if found.metric == "cosine" else values
    return float(distances.median())


def _features(run: Run, layer: str | None, project: int | None, seed: int) -> FeatureFunction:
    """What examples are compared by, under a name that says so."""
    function = raw_features(run.spec) if layer == "values" else layer_features(run.method, layer)
    if project is None:
        return function
    if project < 1:
        raise ConfigError(f"cannot project on {project} dimensions; ask for 1 or more.")
    inner = function.function

    def projected(x: Tensor) -> Tensor:
        h = inner(x)
        # Drawn anew for every chunk of examples, and the same each time.
        weights = Randomness(seed, "projection").normal(h.shape[1], project).to(h)
        return h @ weights / project**0.5

    return replace(function, name=f"{function.name} projected to {project}", function=projected)


def _index(
    run: Run, among: NamedExamples, function: FeatureFunction, metric: DistanceMetric
) -> Callable[[Tensor, int], Neighbours]:
    """The search in the index kept in the run's folder, if it is of the same; else in a new one.

    Only the main one of several processes may call it.
    """
    key = {
        "layer": function.name,
        "weights": run.weights,
        "images_seen": run.images_seen,
        "data_sha256": data_fingerprint(among.split),
        **({} if metric == "cosine" else {"metric": metric}),
    }
    path = run.path / "search" / f"{sha256_of(repr(key).encode())[:16]}.faiss"
    about = path.with_suffix(".json")

    def is_kept() -> bool:
        there = path.is_file() and about.is_file()
        return there and read_json(about).get("sha256") == sha256_of(path.read_bytes())

    if by_main(is_kept):
        return lambda asked, num: SimilarityIndex.read(path, metric).search(asked, num)
    features = extract(function, among.split.values, run.device)

    def build_and_search(asked: Tensor, num: int) -> Neighbours:
        index = SimilarityIndex.build(features, metric)
        content = index.dump()
        write_bytes(path, content)
        write_json(about, {**key, "among": among.origin, "sha256": sha256_of(content)})
        return index.search(asked, num)

    return build_and_search
