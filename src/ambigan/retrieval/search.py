"""What of many examples is most like some others, by the features of a run."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.distributed import by_main
from ..core.files import read_json, sha256_of, write_bytes, write_json
from ..core.version import __version__
from ..data import Split
from ..data.splits import data_fingerprint
from ..evaluation.features import extract, layer_features
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
        layer: whose features were compared.
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
) -> SearchResult:
    """Finds the examples of largest cosine with each query, or of least distance from it.

    Args:
        run: whose features are compared.
        queries: what is looked for.
        among: where.
        layer: the method's own feature layer if None.
        num: how many for each query.
        index: `exact`, or `faiss` for an index, which is kept in the run's folder and used again
            while run, layer and data are the same.
        metric: `cosine` or `euclidean`; the distance for vectors and the cosine for images if None.

    Raises:
        ConfigError: there is no such layer, or FAISS is not installed.
    """
    layer = layer or run.method.default_layer
    metric = metric or ("euclidean" if run.spec.kind == "vectors" else "cosine")
    function = layer_features(run.method, layer)
    if index == "faiss":
        import_faiss()  # or it is refused, before anything is computed
    asked = extract(function, queries.split.values, run.device)
    if index == "faiss":
        search = _index(run, among, layer, metric)
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


def _index(
    run: Run, among: NamedExamples, layer: str, metric: DistanceMetric
) -> Callable[[Tensor, int], Neighbours]:
    """The search in the index kept in the run's folder, if it is of the same; else in a new one.

    Only the main one of several processes may call it.
    """
    key = {
        "layer": layer,
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
    features = extract(layer_features(run.method, layer), among.split.values, run.device)

    def build_and_search(asked: Tensor, num: int) -> Neighbours:
        index = SimilarityIndex.build(features, metric)
        content = index.dump()
        write_bytes(path, content)
        write_json(about, {**key, "among": among.origin, "sha256": sha256_of(content)})
        return index.search(asked, num)

    return build_and_search
