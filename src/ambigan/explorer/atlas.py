"""A table that Embedding Atlas opens by itself: a map, neighbours and small pictures."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..core.files import write_bytes
from ..data.tables.outputs import data_columns, row_columns
from ..evaluation.metrics.similarity_search import search_exactly
from .collection import Collection
from .thumbnails import small_picture

NEIGHBOURS = 15
"""Number of neighbours of each example in the table."""

COMMAND = (
    "embedding-atlas {path} --x projection_x --y projection_y --neighbors neighbors --image image"
)
"""How the public tool opens the table."""


def write_atlas(collection: Collection, path: Path) -> None:
    """Writes one row an example, as Parquet.

    Columns are what is known of it (`row`, `id`, `file`, `label`, and the columns of a table), its
    place on the map (`projection_x`, `projection_y`), its nearest neighbours by their places in
    this table with distances (`neighbors`), and a small picture (`image`). Distances of images are
    one less their cosine.

    Args:
        collection: The examples, with the layer and the projection of the map.
        path: The file to write.
    """
    arrow: Any = import_module("pyarrow")  # late: it takes a while to import
    run, split = collection.run, collection.examples.split
    columns = row_columns(split, collection.examples.label_names)
    if run.spec.kind == "vectors":
        values = data_columns(run.originals(split), run.scaling)
        columns |= {name: each for name, each in values.items() if name not in columns}
    columns["projection_x"], columns["projection_y"] = collection.points.T.astype(np.float64)
    columns["neighbors"] = _neighbours(collection)
    pictures = [small_picture(run, collection.original(place))[0] for place in range(len(split))]
    columns["image"] = [{"bytes": picture} for picture in pictures]
    buffer = io.BytesIO()
    import_module("pyarrow.parquet").write_table(arrow.table(columns), buffer)
    write_bytes(path, buffer.getvalue())


def _neighbours(collection: Collection) -> list[dict[str, list[Any]]]:
    """The nearest other examples of each, as the tool reads them."""
    features = collection.features(collection.layer)
    is_cosine = collection.metric == "cosine"
    found = search_exactly(
        features, features, NEIGHBOURS + 1, collection.run.device, collection.metric
    )
    rows: list[dict[str, list[Any]]] = []
    pairs = zip(found.places.numpy(), found.values.numpy(), strict=True)
    for place, (places, values) in enumerate(pairs):
        is_other = places != place
        distances = 1 - values if is_cosine else values
        ids = places[is_other][:NEIGHBOURS].tolist()
        rows.append({"ids": ids, "distances": distances[is_other][:NEIGHBOURS].tolist()})
    return rows
