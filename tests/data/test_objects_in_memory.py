"""Objects of other libraries as data: each kind gives what the same values in an array give."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from PIL import Image
from sklearn.utils import Bunch
from torch.utils.data import TensorDataset

import ambigan
from ambigan.core.errors import ConfigError, DataError
from ambigan.data import DataSettings, RawVectors
from ambigan.data.dataset import Dataset
from ambigan.data.images.image_source import ImageSource
from ambigan.data.memory import MEMORY, examples_in_memory
from ambigan.data.opening.sources import open_dataset
from ambigan.data.python_objects import known_object

X = np.random.default_rng(0).normal(size=(20, 3)).round(3)
Y = np.arange(20) % 2
IMAGES = np.random.default_rng(1).integers(0, 255, (20, 8, 8), dtype=np.uint8)
FRAME = pd.DataFrame(X, columns=list("abc"))
RECORD = np.dtype([("a", "f8"), ("b", "f8"), ("c", "f8")])


def opened(data: Any, y: Any = None, **settings: Any) -> Dataset:
    given = DataSettings(MEMORY, **settings)
    return open_dataset(given, examples=examples_in_memory(data, y, given))


VECTORS: dict[str, Callable[[], Any]] = {
    "sparse": lambda: scipy.sparse.csr_matrix(X),
    "sparse array": lambda: scipy.sparse.coo_array(X),
    "sparse tensor": lambda: torch.tensor(X).to_sparse(),
    "objects": lambda: X.astype(object),
    "fields": lambda: np.array([tuple(row) for row in X], RECORD),
    "records": lambda: FRAME.to_dict("records"),
    "columns": lambda: FRAME.to_dict("list"),
    "sparse frame": lambda: pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix(X)),
    "mask without a masked value": lambda: np.ma.array(X),
    "items that are lists": lambda: _Items(X.tolist()),
    "pairs": lambda: [(row, 1) for row in X],
    "Fortran": lambda: np.asfortranarray(X),
    "reversed view": lambda: X[::-1].copy()[::-1],
}


class _Items:
    """A map-style data set of these items."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


@pytest.mark.parametrize("kind", VECTORS)
def test_vectors_of_any_kind_are_those_of_the_array(kind: str) -> None:
    assert torch.equal(opened(VECTORS[kind]()).train.values, opened(X).train.values)


@pytest.mark.parametrize(
    "pair",
    [
        (X, Y),
        {"X": X, "y": Y},
        Bunch(data=X, target=Y, feature_names=list("abc"), DESCR="text", frame=None),
        Bunch(data=FRAME, target=pd.Series(Y), DESCR="text"),
        TensorDataset(torch.tensor(X), torch.tensor(Y)),
    ],
    ids=["tuple", "mapping", "bunch", "bunch of frames", "tensors"],
)
def test_labels_that_come_with_the_data_are_those_given_apart(pair: Any) -> None:
    found, apart = opened(pair), opened(X, Y)
    assert torch.equal(found.train.values, apart.train.values)
    assert found.train.labels is not None
    assert apart.train.labels is not None
    assert torch.equal(found.train.labels, apart.train.labels)


def test_masked_values_are_missing() -> None:
    masked = np.ma.array(X, mask=False)
    masked[3, 2] = np.ma.masked
    with pytest.raises(DataError, match=r"missing.*\[3, 2\]"):
        opened(masked)
    filled = opened(masked, missing="mean").train.values
    hole = X.copy()
    hole[3, 2] = np.nan
    assert torch.equal(filled, opened(hole, missing="mean").train.values)
    assert known_object(np.ma.masked_equal(np.array([[1, 2]]), 2)).tolist()[0][0] == 1


def test_a_series_of_paths_keeps_its_order_whatever_its_index(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{place}.png") for place in range(20)]
    for path, pixels in zip(paths, IMAGES, strict=True):
        Image.fromarray(pixels).save(path)
    frame = pd.DataFrame({"path": paths, "species": Y}).sample(frac=1, random_state=0)
    series = examples_in_memory(frame["path"], frame["species"])
    assert isinstance(series, ImageSource)
    assert list(series.names) == frame["path"].tolist()
    assert series.labels is not None
    assert series.labels.tolist() == frame["species"].tolist()
    array = examples_in_memory(frame["path"].to_numpy())
    assert isinstance(array, ImageSource)
    assert list(array.names) == list(series.names)
    table = examples_in_memory(frame, settings=DataSettings(MEMORY, label_column="species"))
    apart = examples_in_memory(frame[["path"]], frame["species"])
    for found in (table, apart):
        assert isinstance(found, ImageSource)
        assert list(found.names) == frame["path"].tolist()
        assert found.labels is not None
        assert found.labels.tolist() == frame["species"].tolist()


def _png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


ITEMS: dict[str, Callable[[Any], Any]] = {
    "pair": lambda pixels: (pixels, 1),
    "list": lambda pixels: [Image.fromarray(pixels), 1],
    "pixels after a number": lambda pixels: {"index": 3, "pixel_values": pixels, "target": 1},
    "mask first": lambda pixels: {"mask": pixels * 0, "image": pixels, "label": 1},
    "bytes": lambda pixels: (_png(pixels), 1),
    "file": lambda pixels: (io.BytesIO(_png(pixels)), 1),
    "tensors": lambda pixels: (torch.tensor(pixels)[None], torch.tensor([1])),
}


@pytest.mark.parametrize("kind", ITEMS)
def test_items_of_any_form_give_their_image_and_label(kind: str) -> None:
    found = opened(_Items([ITEMS[kind](pixels) for pixels in IMAGES]))
    assert torch.equal(found.train.values, opened(IMAGES).train.values)
    assert found.label_names == ("1",)


def test_deep_images_of_pillow_keep_their_levels() -> None:
    deep = opened([Image.fromarray(pixels.astype(np.int32) * 1000) for pixels in IMAGES])
    array = opened(IMAGES.astype(np.int32) * 1000)
    assert torch.equal(deep.train.values, array.train.values)


def test_real_values_to_predict_are_targets() -> None:
    for data in (X, FRAME, TensorDataset(torch.tensor(X), torch.tensor(X[:, 0] / 3))):
        y = None if isinstance(data, TensorDataset) else X[:, 0] / 3
        found = examples_in_memory(data, y)
        assert isinstance(found, RawVectors)
        assert found.labels == (None,)
        assert found.targets[0] is not None
        assert found.targets[0][:, 0] == pytest.approx(X[:, 0] / 3)


def test_y_takes_the_place_of_a_column_of_labels_and_that_is_counted() -> None:
    found = examples_in_memory(FRAME.assign(label=Y), 1 - Y)
    assert isinstance(found, RawVectors)
    assert found.labels[0] is not None
    assert (found.labels[0] == 1 - Y).all()
    assert any("label" in reason for reason in found.left_alone)


@pytest.mark.parametrize(
    ("data", "y", "words"),
    [
        (X, [None, *Y[1:]], "1 of 20 labels are missing, the first in row 0"),
        (X, "label", "y is of type str; .* label_column"),
        (X, (label for label in Y), "y is of type generator"),
        (X, np.zeros((20, 2, 2)) + 0.5, "do not fit 20 rows"),
        (FRAME, pd.Series(Y, index=range(19, -1, -1)), "index of the data in another order"),
        (FRAME, Y[:3], "20 rows but 3 labels"),
        (pd.DataFrame(X, columns=list("aab")), None, "several columns named 'a'"),
        (FRAME.assign(d=pd.cut(X[:, 0], 2)), None, "column 'd' holds values of type"),
        (FRAME.assign(d=X[:, 0] + 1j), None, "column d.*convert"),
        (FRAME.assign(d=["x", *X[1:, 0]]), None, "column d.*convert"),
        (pd.DataFrame({"i": list(map(Image.fromarray, IMAGES))}), None, "list or an array"),
        (X.astype(object).astype(str) + "!", None, "no numbers"),
        ({}, None, "mapping without arrays"),
        (iter(X), None, r"list\(data\)"),
        (_Items([(1, pixels) for pixels in IMAGES]), None, "pairs of example and label"),
        (_Items([{"a": p, "b": p} for p in IMAGES]), None, "'image'"),
        (_Items([torch.zeros(3 + (n > 4)) for n in range(9)]), None, "example 5"),
        (_Items([(p, np.eye(3)[0]) for p in IMAGES]), None, "label of item 0 .* argmax"),
        (FRAME.groupby("a"), None, "item 0 cannot be read"),
        (["none.png"] * 9, None, "none.png .there is no such file"),
    ],
)
def test_a_refusal_is_one_clear_line(data: Any, y: Any, words: str) -> None:
    with pytest.raises((ConfigError, DataError), match=words) as refused:
        opened(data, y)
    assert "\n" not in str(refused.value)


def test_categories_of_polars_are_texts() -> None:
    kinds = {"d": pl.Enum(["u", "v"]), "e": pl.Categorical}
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "d": ["u", "v"] * 10, "e": ["p", "q"] * 10},
                         schema_overrides=kinds)  # fmt: skip
    found = examples_in_memory(
        frame, settings=DataSettings(MEMORY, one_hot=("e",), label_column="d")
    )
    assert isinstance(found, RawVectors)
    assert found.columns == ("a", "b", "e=p", "e=q")
    assert found.labels[0] is not None
    assert set(found.labels[0]) == {"u", "v"}
    assert isinstance(examples_in_memory(pa.table({"a": X[:, 0], "b": X[:, 1]})), RawVectors)


def test_a_model_takes_what_it_was_trained_on() -> None:
    """Objects are for `Run.features` what they are for `fit`."""
    run = ambigan.fit("autoencoder", FRAME, epochs=1, latent_dim=2)
    expected = run.features(X)
    for kind in ("sparse", "objects", "fields", "records", "columns", "sparse tensor"):
        assert (run.features(VECTORS[kind]()) == expected).all(), kind
    assert (run.features(X > 0) == run.features((X > 0).astype(int))).all()
    with pytest.raises(ambigan.ConfigError, match="missing"):
        run.features(np.ma.masked_greater(X, 1))


def test_black_and_white_images_are_those_of_training() -> None:
    images = IMAGES > 100
    run = ambigan.fit("autoencoder", images, epochs=1, network__width=4)
    assert (run.features(images) == run.features(images * np.uint8(255))).all()


def test_a_read_only_array_causes_no_warning(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*not writable.*")
        run = ambigan.fit("autoencoder", np.load(tmp_path / "x.npy", mmap_mode="r"), epochs=1)
        run.features(np.load(tmp_path / "x.npy", mmap_mode="r"))


def test_several_real_values_are_targets() -> None:
    values = np.stack([X[:, 0], X[:, 1] * 2], 1)
    found = examples_in_memory(X, values)
    assert isinstance(found, RawVectors)
    assert found.labels == (None,)
    np.testing.assert_array_equal(found.targets[0], values)


def test_one_hot_labels_are_classes() -> None:
    found = examples_in_memory(X, np.eye(2)[Y])
    assert isinstance(found, RawVectors)
    dataset = open_dataset(DataSettings(MEMORY), examples=found)
    assert dataset.train.labels is not None
    rows = dataset.train.rows
    assert rows is not None
    assert (dataset.train.labels.numpy() == np.asarray(Y)[rows.numpy()]).all()
