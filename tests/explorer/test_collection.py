"""What the explorer shows of examples, without a browser."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from explored import MakeCollection

from ambigan.core.errors import ConfigError, DataError
from ambigan.explorer.collection import first_of
from ambigan.explorer.dropped_view import read_upload, warnings_heard
from ambigan.explorer.outlines import inside
from ambigan.explorer.pictures import as_text
from ambigan.run import Run


def test_a_map_is_made_once_and_remade_where_it_is_damaged(
    image_run: Run, collection_of: MakeCollection
) -> None:
    points = collection_of(image_run).points
    assert points.shape == (300, 2)
    (path,) = (image_run.path / "explorer").iterdir()
    np.save(path, points + 1)
    np.testing.assert_array_equal(collection_of(image_run).points, points + 1)
    path.write_bytes(path.read_bytes()[:-8])
    np.testing.assert_array_equal(collection_of(image_run).points, points)
    other = replace(collection_of(image_run), layer="discriminator.hidden2")
    assert not np.array_equal(other.points, points)


def test_what_points_are_coloured_by(vector_run: Run, collection_of: MakeCollection) -> None:
    collection = collection_of(vector_run)
    labels = collection.colouring("label")
    assert labels.names == ("0", "1", "2")
    assert np.bincount(labels.values).tolist() == [59, 71, 48]
    place = collection.column_names.index("alcohol")
    assert collection.colourings[f"column:{place}"] == "alcohol"
    shown = collection.colouring(f"column:{place}").values
    assert 11 < shown.min() < shown.max() < 15  # per cent, as in the file
    clusters = collection.colouring("cluster")
    assert clusters.names == ("1", "2", "3")
    anomalies = collection.colouring("anomaly")
    assert anomalies.names is None
    assert np.isfinite(anomalies.values).all()
    one = collection.anomaly(5)
    np.testing.assert_allclose(one.scores[0], anomalies.values[5], rtol=1e-6)


def test_examples_are_found_by_row_and_name(vector_run: Run, collection_of: MakeCollection) -> None:
    collection = collection_of(vector_run)
    assert collection.find("17", 3)[0] == 17
    assert len(collection.find("row 1", 4)) == 4
    assert collection.find("nothing", 3) == []
    table = collection.rows(np.array([3, 9]), "cluster")
    assert list(table) == ["row", "label", "map_x", "map_y", "cluster"]
    assert table["row"].tolist() == [3, 9]


def test_neighbours_are_nearest_in_the_layer(
    vector_run: Run, collection_of: MakeCollection
) -> None:
    collection = collection_of(vector_run)
    features = vector_run.features(collection.examples.split)
    distances = np.linalg.norm(features - features[7], axis=1)
    found = collection.neighbours(collection.values(7), collection.layer, 4)
    assert [place for place, _ in found] == np.argsort(distances, kind="stable")[:4].tolist()
    np.testing.assert_allclose([value for _, value in found], np.sort(distances)[:4], atol=1e-4)


def test_what_is_inside_an_outline() -> None:
    points = np.array([[0, 0], [1, 1], [5, 5], [-1, 0.5]], np.float32)
    square = "M-0.5,-0.5L2,-0.5L2,2L-0.5,2Z"
    assert inside(points, [square]).tolist() == [0, 1]
    assert inside(points, [square, "M4,4L6,4L6,6L4,6Z"]).tolist() == [0, 1, 2]
    assert inside(points, []).tolist() == []


def test_no_more_examples_than_fit_on_a_map(vector_run: Run, collection_of: MakeCollection) -> None:
    examples = collection_of(vector_run).examples
    first, left_out = first_of(examples, 100)
    assert (len(first.split), left_out) == (100, 78)
    with pytest.raises(ConfigError, match="1 to 100,000"):
        first_of(examples, 100_001)


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("mine.csv", "data:text/csv;base64,@@@", "arrived damaged"),
        ("mine.csv", "data:text/csv;base64,YSxiCjEsMgo=", "mine.csv"),
        ("mine.txt.exe", "data:;base64,TVo=", "mine.txt.exe"),
        (f"mine.{'c' * 300}", "data:;base64,YSxiCjEsMgo=", "mine.c"),
        ("mine.csv", "data:;base64,YQ==", "given to `ambigan explore RUN --data KIND:FILE`"),
    ],
)
def test_a_dropped_file_that_does_not_fit_says_so(
    vector_run: Run, collection_of: MakeCollection, name: str, contents: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as raised:
        read_upload(collection_of(vector_run), contents, name)
    assert "ambigan-" not in str(raised.value)  # no word of where it was held


def test_what_is_warned_of_a_dropped_file_is_heard() -> None:
    library = logging.getLogger("ambigan.data")
    with warnings_heard() as heard:
        library.warning("/tmp/ambigan-x/dropped.csv: 1 row has a level that is not known.")
        other = threading.Thread(target=library.warning, args=("of another page",))
        other.start()
        other.join()
    library.warning("later")
    assert heard == ["1 row has a level that is not known."]


def test_the_map_of_few_examples_is_said_to_be_pca(
    vector_run: Run, collection_of: MakeCollection
) -> None:
    collection = collection_of(vector_run)
    few = first_of(collection.examples, 9)[0]
    assert replace(collection, examples=few, projection="tsne").chosen_projection == "pca"


def test_examples_that_are_given_are_as_networks_take_them(
    image_run: Run, collection_of: MakeCollection
) -> None:
    collection = collection_of(image_run)
    split = collection.as_split(collection.values(3))
    np.testing.assert_array_equal(image_run.originals(split), collection.original(3))
    assert torch.equal(split.values, collection.examples.split.values[3:4])


def test_names_are_shown_word_for_word() -> None:
    assert as_text("<a href='http://evil.example'>x</a>", 60).startswith("&lt;a href=")
    assert as_text("a\nb" * 40) == as_text(as_text("a\nb" * 40))
    assert len(as_text("a" * 400)) <= 40
