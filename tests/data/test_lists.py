"""Columns of lists in Parquet."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import DataError
from ambigan.data import Dataset, DataSettings, open_dataset, open_examples

arrow: Any = import_module("pyarrow")
VALUES = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
NAMES = tuple(f"embedding[{place}]" for place in range(3))


def parquet(folder: Path, **columns: Any) -> Path:
    import_module("pyarrow.parquet").write_table(arrow.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def opened(path: Path, **settings: Any) -> Dataset:
    return open_dataset(DataSettings(f"parquet:{path}", **settings))


@pytest.mark.parametrize(
    "kind",
    [
        arrow.list_(arrow.float32()),
        arrow.large_list(arrow.float64()),
        arrow.list_(arrow.float32(), 3),
    ],
)
def test_a_list_is_so_many_columns(tmp_path: Path, kind: Any) -> None:
    lists = arrow.array([row.tolist() for row in VALUES], kind)
    data = opened(parquet(tmp_path, size=list(range(12)), embedding=lists), scaling="none")
    assert data.scaling is not None
    assert data.scaling.columns == ("size", *NAMES)
    assert data.train.rows is not None
    assert torch.equal(data.train.values[:, 1:], torch.as_tensor(VALUES)[data.train.rows])


def test_pieces_of_a_file_are_put_together(tmp_path: Path) -> None:
    pieces = [arrow.array(VALUES[start : start + 5].tolist()) for start in (0, 5, 10)]
    whole = opened(parquet(tmp_path, embedding=VALUES.tolist())).sha256
    assert opened(parquet(tmp_path, embedding=arrow.chunked_array(pieces))).sha256 == whole


@pytest.mark.parametrize(
    ("row", "said"),
    [([1.0], "in row 4 (counted from 0) 1 values, but 3 in row 0"), (None, "in row 4 (counted")],
)
def test_lists_of_different_lengths_are_refused(tmp_path: Path, row: Any, said: str) -> None:
    lists = [row if place == 4 else values for place, values in enumerate(VALUES.tolist())]
    path = parquet(tmp_path, embedding=lists, size=list(range(12)))
    with pytest.raises(DataError) as caught:
        opened(path)
    assert str(caught.value).startswith(f"{path}: column 'embedding' holds lists, and {said}")
    assert opened(path, drop=("embedding",)).spec.shape == (1,)


def test_a_first_row_without_a_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"in row 0 \(counted from 0\) no list"):
        opened(parquet(tmp_path, embedding=[None, *VALUES[1:].tolist()]))


def test_a_missing_value_is_named_by_its_place_which_can_be_dropped(tmp_path: Path) -> None:
    lists: list[Any] = VALUES.tolist()
    lists[2][1] = None
    path = parquet(tmp_path, embedding=lists)
    with pytest.raises(DataError, match=r"in column 'embedding\[1\]', row 2") as caught:
        opened(path)
    assert "--data.drop 'embedding[1]'" in str(caught.value)
    assert opened(path, drop=("embedding[1]",)).spec.shape == (2,)
    with pytest.raises(DataError, match=r"no column 'embedding\[7\]'.*columns: embedding\."):
        opened(path, drop=("embedding[7]",))


def test_lists_of_text_and_labels_in_lists_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, words=[["a"]] * 12, size=list(range(12)))
    with pytest.raises(DataError, match="'words' holds values of type list"):
        opened(path)
    with pytest.raises(DataError, match="labels must be integers or text"):
        opened(parquet(tmp_path, label=[[1]] * 12, size=list(range(12))))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"embedding": arrow.array([], arrow.list_(arrow.float32()))}, "holds 0 rows"),
        ({"embedding": arrow.array([[]] * 12, arrow.list_(arrow.float32()))}, "no column of"),
        ({}, "no column of numbers"),
    ],
)
def test_nothing_in_them(tmp_path: Path, columns: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        opened(parquet(tmp_path, **columns))


def test_a_trained_model_reads_them_by_place(tmp_path: Path) -> None:
    data = opened(parquet(tmp_path, embedding=VALUES.tolist()))
    lists = arrow.array(VALUES[:1].tolist(), arrow.list_(arrow.float64(), 3))
    other = parquet(tmp_path, words=[["a"]], ragged=[[1.0]], embedding=lists)
    settings = DataSettings(f"parquet:{other}")
    split = open_examples(settings, data.spec, data.scaling)
    assert data.scaling is not None
    assert torch.equal(split.values, data.scaling.apply(torch.as_tensor(VALUES[:1])))


def test_lists_of_another_length_are_not_what_the_model_takes(tmp_path: Path) -> None:
    data = opened(parquet(tmp_path, embedding=VALUES.tolist()))
    path = parquet(tmp_path, embedding=np.hstack([VALUES, VALUES]).tolist())
    with pytest.raises(DataError, match="holds lists of 6 values; the model takes 3"):
        open_examples(DataSettings(f"parquet:{path}"), data.spec, data.scaling)
    path = parquet(tmp_path, embedding=VALUES[:, :2].tolist())
    with pytest.raises(DataError, match=r"no column 'embedding\[2\]', which the model takes"):
        open_examples(DataSettings(f"parquet:{path}"), data.spec, data.scaling)


def test_places_that_training_left_out_are_left_out(tmp_path: Path) -> None:
    path = parquet(tmp_path, embedding=np.insert(VALUES, 1, 7, axis=1).tolist())
    settings = DataSettings(f"parquet:{path}", drop_constant=True)
    data = open_dataset(settings)
    assert data.spec == DataSpec("vectors", (3,), bounded=False)
    split = open_examples(settings, data.spec, data.scaling)
    assert data.train.rows is not None
    assert torch.allclose(split.values[data.train.rows], data.train.values, atol=1e-6)
